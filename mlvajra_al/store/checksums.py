"""SHA-256 of files: read anew, or once per process for as long as a file is not changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

from mlvajra_al.errors import MISSING, UNLIKE, Damaged

Stamp: TypeAlias = tuple[int, int]

_read: dict[Path, tuple[Stamp | None, str]] = {}
"""What this process has read: the stamp of each file then, and its SHA-256."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fault(path: Path, digest: str) -> str | None:
    """Return in words what is wrong with a file of this SHA-256; None if it is whole."""
    try:
        return None if sha256_of(path) == digest else UNLIKE
    except OSError as error:
        return unreadable(error)


def unreadable(error: OSError) -> str:
    """Return in words why a file could not be read."""
    return MISSING if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"


def is_known_whole(path: Path, digest: str) -> bool:
    """Say whether this process has read a file of this SHA-256, unchanged since; reads nothing."""
    return path in _read and _read[path] == (stamp_of(path), digest)


def require_whole(path: Path, digest: str, *, named: str | None = None) -> None:
    """Read a file, unless this process has already and it is unchanged since.

    Raises
    ------
    Damaged
        If it is gone, cannot be read or has another SHA-256; called as it is `named`.
    """
    try:
        stamp = stamp_of(path)
        read, found = _read.get(path, (None, ""))
        if stamp is None or stamp != read:
            found = sha256_of(path)
            _read[path] = stamp, found
    except OSError as error:
        raise Damaged(named or str(path), what=unreadable(error)) from error
    if found != digest:
        raise Damaged(named or str(path))


def stamp_of(path: Path) -> Stamp | None:
    """Return when a file was changed last, and its size; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
