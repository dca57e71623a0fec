"""Content-addressed files: written and fsynced before a row mentions them, checked when read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from mlvajra_al.errors import MISSING, Damaged
from mlvajra_al.store.checksums import require_whole


def _path(home: Path, digest: str) -> Path:
    return home / "artefacts" / digest[:2] / digest


def put(home: Path, blob: bytes) -> str:
    """Store `blob` and return its SHA-256; storing the same bytes twice mends a damaged file."""
    digest = hashlib.sha256(blob).hexdigest()
    path = _path(home, digest)
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
        os.utime(path)  # nobody must take it for a stray while a row is about to mention it
        return digest
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{digest}.{uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:  # of a full disk too
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return digest


def get(home: Path, digest: str) -> bytes:
    """Return the bytes stored under a SHA-256.

    Raises
    ------
    Damaged
        If the file is missing or does not match its checksum.
    """
    path = _path(home, digest)
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise Damaged(str(path.relative_to(home)), what=MISSING) from None
    if hashlib.sha256(blob).hexdigest() != digest:
        raise Damaged(str(path.relative_to(home)))
    return blob


def check(home: Path, digest: str) -> None:
    """Refuse the bytes stored under a SHA-256 if they are not whole.

    A process reads each file once for this, and again when it is changed.

    Raises
    ------
    Damaged
    """
    path = _path(home, digest)
    require_whole(path, digest, named=str(path.relative_to(home)))


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
