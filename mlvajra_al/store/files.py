"""Files of a workspace: those that rows mention, those nothing mentions, and those found damaged.

Each lies where its kind lies and has the SHA-256 that rows say.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, inspect, select, update

from mlvajra_al.records import Damage
from mlvajra_al.store import uploads
from mlvajra_al.store.restores import ASIDE, STAGING
from mlvajra_al.store.schema import damage, job, report, revision, shard, version
from mlvajra_al.store.statements import insert_once

PLACES = ("shards", "artefacts")
"""The folders of a workspace in which they lie."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A file by its path in the workspace."""

    path: str
    sha256: str
    made_anew: bool = False
    """Whether measuring again makes it anew."""


def are_in(home: Path) -> bool:
    """Tell whether a workspace has parts of pools or models, whichever database they are of."""
    return any(next(home.glob(pattern), None) for pattern in ("shards/*/*.arrow", "artefacts/*/*"))


def mentioned(connection: Connection) -> Iterator[Mentioned]:
    """Yield every file that must be there: shards, preprocessings and estimators, mistakes.

    The schema may be an earlier one, which knew no mistakes.
    """
    shards = select(shard.c.project_id, shard.c.sha256).order_by(shard.c.project_id, shard.c.number)
    for row in connection.execute(shards):
        yield Mentioned(f"shards/{row.project_id}/{row.sha256}.arrow", row.sha256)
    blobs = select(revision.c.preprocessing).union(select(version.c.estimator))
    for digest in connection.scalars(blobs):
        yield Mentioned(_artefact(digest), digest)
    if any(column["name"] == "mistakes" for column in inspect(connection).get_columns("report")):
        lists = select(report.c.mistakes).where(report.c.mistakes.is_not(None)).distinct()
        for digest in connection.scalars(lists):
            yield Mentioned(_artefact(digest), digest, made_anew=True)


def _artefact(digest: str) -> str:
    return f"artefacts/{digest[:2]}/{digest}"


def kept(connection: Connection) -> Iterator[Mentioned]:
    """Yield the files of predictions that jobs have written; they may be gone."""
    results = select(job.c.result).where(job.c.kind == "predict", job.c.state == "done")
    for result in connection.scalars(results):
        if result and "sha256" in result:
            yield Mentioned(f"results/{result['file']}", result["sha256"])


def outlived(connection: Connection, project_id: int, *, keep: int) -> Iterator[str]:
    """Yield the paths of a project's files of predictions, there or not, but for the newest."""
    name = job.c.result["file"].as_string()
    query = select(name).where(
        job.c.project_id == project_id,
        job.c.kind == "predict",
        job.c.state == "done",
        name.is_not(None),
    )
    for found in connection.scalars(query.order_by(job.c.id.desc()).offset(keep)):
        yield f"results/{found}"


def featured(connection: Connection) -> Iterator[tuple[int, str]]:
    """Yield the projects and preprocessings of which features may be stored."""
    revisions = select(revision.c.project_id, revision.c.preprocessing).distinct()
    for row in connection.execute(revisions.order_by(revision.c.project_id)):
        yield row.project_id, row.preprocessing


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


def note_damage(
    connection: Connection, project_id: int, *, path: str, what: str, now: datetime
) -> None:
    """Say that a file is damaged; what was said of it before is said anew."""
    mine = (damage.c.project_id == project_id) & (damage.c.path == path)
    if connection.execute(update(damage).where(mine).values(what=what)).rowcount == 0:
        # Another process may find it at this moment.
        statement = insert_once(connection, damage)
        values = {"project_id": project_id, "path": path, "what": what, "found_at": now}
        connection.execute(statement.values(values))


def damaged(connection: Connection, project_id: int) -> tuple[Damage, ...]:
    """Return the damaged files of a project, the first found first."""
    query = select(damage).where(damage.c.project_id == project_id)
    rows = connection.execute(query.order_by(damage.c.found_at, damage.c.path))
    return tuple(Damage(row.path, row.what, row.found_at) for row in rows)


def forget_damage(connection: Connection, project_id: int, path: str) -> None:
    """Stop saying that a file is damaged: it is whole again."""
    connection.execute(
        delete(damage).where(damage.c.project_id == project_id, damage.c.path == path)
    )
