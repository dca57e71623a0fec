"""Uploads: each in a folder of its own, kept for a day, or as long as a job waits for it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from uuid import uuid4

from sqlalchemy import Connection, select

from mlvajra_al.errors import NotFound
from mlvajra_al.records import ACTIVE
from mlvajra_al.store.schema import job

KEPT = timedelta(days=1)
ID = re.compile(r"[0-9a-f]{32}/[^/.][^/]*")
LONGEST_NAME = 200
"""In bytes; file systems take 255, and temporary names add to it."""
UNSAFE = re.compile(r"[^\w.() -]")


def folder(home: Path) -> Path:
    """Return where uploads are kept in a workspace."""
    return home / "uploads"


def fresh(home: Path, name: str) -> Path:
    """Return where a new upload is to be written, in a folder of its own."""
    path = folder(home) / uuid4().hex / safe_name(name)
    path.parent.mkdir(parents=True)
    return path


def safe_name(name: str) -> str:
    """Return a name that is a file's and nothing else: no folder, nothing hidden, not too long."""
    plain = UNSAFE.sub("_", PurePosixPath(name.replace("\\", "/")).name)
    return plain.encode()[-LONGEST_NAME:].decode(errors="ignore").lstrip(". ") or "upload"


def id_of(path: Path) -> str:
    """Return the id by which an upload is found again."""
    return f"{path.parent.name}/{path.name}"


def named(home: Path, upload_id: str) -> Path:
    """Return an upload by its id; nothing outside the folder of uploads can be named.

    Raises
    ------
    NotFound
        If it is gone, or the id is none of ours.
    """
    path = folder(home) / upload_id
    if not ID.fullmatch(upload_id) or not path.is_file():
        raise NotFound("upload", upload_id)
    return path


def unwanted(connection: Connection, home: Path) -> Iterator[Path]:
    """Yield what lies among the uploads and no job waits for, however young."""
    payloads = connection.scalars(select(job.c.payload).where(job.c.state.in_(ACTIVE)))
    wanted = {Path(str(payload.get("uri", ""))).parent for payload in payloads}
    yield from (path for path in folder(home).glob("*") if path not in wanted)


def sweep(connection: Connection, home: Path, *, now: datetime) -> int:
    """Remove uploads older than a day that no job waits for; return how many."""
    before = (now - KEPT).timestamp()
    old = [path for path in unwanted(connection, home) if path.is_dir() and _since(path) < before]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def _since(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker sweeps too
        return float("inf")
