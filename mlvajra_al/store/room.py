"""Room on the disk: how much there is, and one sentence where there is none."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from mlvajra_al.errors import DiskFull

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSTGRESQL_FULL = "53100"


def free_bytes(place: Path) -> int:
    """Return the room left on the disk of a folder that may not be there yet."""
    there = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk is full."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError):
        return error.errno in FULL
    return getattr(error, "sqlstate", None) == POSTGRESQL_FULL


@contextmanager
def room(place: Path) -> Iterator[None]:
    """Say as one of our errors that the disk of `place` is full.

    Raises
    ------
    DiskFull
    """
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise DiskFull(str(place), free_bytes(place)) from error
