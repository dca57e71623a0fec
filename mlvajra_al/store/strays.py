"""Files in a workspace that nothing mentions: left by what was killed, or by what is gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select

from mlvajra_al.store import uploads
from mlvajra_al.store.files import mentioned
from mlvajra_al.store.restores import ASIDE, STAGING
from mlvajra_al.store.schema import job, revision

PARTIAL = ".partial"
OLD = timedelta(days=1)
"""Younger ones may belong to something that is under way."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A file or folder nothing mentions."""

    path: Path
    bytes: int
    changed_at: datetime

    def old(self, now: datetime) -> bool:
        """Tell whether it is too old to belong to something under way."""
        return self.changed_at < now - OLD


def strays(connection: Connection, home: Path) -> tuple[Stray, ...]:
    """Return what lies in the workspace's own folders and belongs to nothing."""
    files = {item.path for item in mentioned(connection)}
    places = [
        *_unmentioned(home, "shards/*/*.arrow", files),
        *_unmentioned(home, "artefacts/*/*", files),
        *home.glob("shards/*/staging"),
        *(path for path in home.glob(f"**/*{PARTIAL}") if not _set_aside(path, home)),
        *home.glob(STAGING),
        *_features(connection, home),
        *uploads.unwanted(connection, home),
        *_results(connection, home),
    ]
    found = {path: _stray(path) for path in places}
    inner = {path for path in found if any(parent in found for parent in path.parents)}
    return tuple(item for path, item in sorted(found.items()) if item and path not in inner)


def _stray(path: Path) -> Stray | None:
    try:
        parts = [path, *path.rglob("*")]
        stats = [part.stat() for part in parts]
    except FileNotFoundError:  # whoever made it has finished with it
        return None
    newest = max(stat.st_mtime for stat in stats)
    size = sum(stat.st_size for part, stat in zip(parts, stats, strict=True) if part.is_file())
    return Stray(path, size, datetime.fromtimestamp(newest).astimezone())


def _set_aside(path: Path, home: Path) -> bool:
    return path.relative_to(home).parts[0].startswith(ASIDE)


def _unmentioned(home: Path, pattern: str, known: set[str]) -> Iterator[Path]:
    for path in home.glob(pattern):
        if path.relative_to(home).as_posix() not in known:
            yield path


def _features(connection: Connection, home: Path) -> Iterator[Path]:
    known = {
        f"{row.project_id}/{row.preprocessing}"
        for row in connection.execute(select(revision.c.project_id, revision.c.preprocessing))
    }
    for path in home.glob("features/*/*"):
        if path.relative_to(home / "features").as_posix() not in known:
            yield path


def _results(connection: Connection, home: Path) -> Iterator[Path]:
    """Yield files of predictions whose job is not there."""
    query = select(job.c.result).where(job.c.kind == "predict", job.c.state == "done")
    known = {str((result or {}).get("file")) for result in connection.scalars(query)}
    for path in home.glob("results/*"):
        if path.name not in known:
            yield path


def remove(stray: Stray) -> bool:
    """Remove a stray file or folder; False if somebody has written to it since it was found."""
    found = _stray(stray.path)
    if found != stray:
        return found is None
    if stray.path.is_dir():
        shutil.rmtree(stray.path, ignore_errors=True)
    else:
        stray.path.unlink(missing_ok=True)
    return True
