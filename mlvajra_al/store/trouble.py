"""What a disk or a database complains of, as errors that somebody can do something about."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
    TimeoutError,
)

from mlvajra_al.errors import Contended, DiskFull, Invalid, MlvajraError, ReadOnly, Unavailable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSTGRESQL_FULL = "53100"
TO_OPEN_BYTES = 2**16
"""SQLite opens no database without room for what its processes share, and calls that a fault."""


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


UNSTORABLE = (UnicodeEncodeError, OverflowError)
READ_ONLY = "it can only be read"
SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY: "another process has locked it",
    sqlite3.SQLITE_LOCKED: "another process has locked it",
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: "its file cannot be read or written",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "another process has locked it",
    sqlite3.SQLITE_CORRUPT: "its file is damaged; an admin should run 'mlvajra doctor'",
    sqlite3.SQLITE_NOTADB: "its file is damaged; an admin should run 'mlvajra doctor'",
}
SQLITE_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
POSTGRESQL_AWAY = {
    "25006": READ_ONLY,
    "53300": "all its connections are in use",
}


CONTENDED = ("40001", "40P01", "55P03")
"""What PostgreSQL says of a conflict, a deadlock, and a wait for a lock that was cut short."""


@contextmanager
def told(home: Path) -> Iterator[None]:
    """Say as one of our errors that a database is away or full, or that no value fits it.

    Raises
    ------
    Unavailable
        `Contended` where trying again at once is all that is needed, `ReadOnly` where it would
        never help.
    DiskFull
    Invalid
        If a value fits no database: half a character, NUL, too large.
    """
    try:
        yield
    except (SQLAlchemyError, *UNSTORABLE) as error:
        known = words(error, home)
        if known is None:
            raise
        raise known from error


def opened_read_only(told_as: Exception) -> bool:
    """Say whether one of our errors came of a file of SQLite that could not be written to."""
    driver = getattr(told_as.__cause__, "orig", None)
    code = getattr(driver, "sqlite_errorcode", 0) if isinstance(driver, sqlite3.Error) else 0
    return code & 0xFF == sqlite3.SQLITE_READONLY


def damage_told(told_as: Exception) -> str | None:
    """Return what SQLite says of a file that is damaged or none of its own; None of all else."""
    driver = getattr(told_as.__cause__, "orig", None)
    code = getattr(driver, "sqlite_errorcode", 0) if isinstance(driver, sqlite3.Error) else 0
    return str(driver) if code & 0xFF in SQLITE_DAMAGED else None


def is_busy(error: DBAPIError) -> bool:
    """Say whether it is only that another process writes to a file of SQLite."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def words(error: Exception, home: Path) -> MlvajraError | None:
    """Return what to say instead of an error; None if it is a mistake of ours."""
    if is_full(error) or _lacks_room(error, home):
        return DiskFull(str(home), free_bytes(home))
    if getattr(getattr(error, "orig", None), "sqlstate", None) in CONTENDED:
        return Contended()
    away = why_away(error)
    if away is not None:
        return ReadOnly() if away == READ_ONLY else Unavailable(away)
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(error, DataError) or isinstance(cause, UNSTORABLE):
        why = str(cause).splitlines()[0]
        return Invalid(f"a value cannot be stored or looked up ({why}); correct it")
    return None


def _lacks_room(error: Exception, home: Path) -> bool:
    """Tell whether SQLite cannot read or write its files because there is no room to open them."""
    driver = getattr(error, "orig", None)
    code = getattr(driver, "sqlite_errorcode", 0) if isinstance(driver, sqlite3.Error) else 0
    return code & 0xFF == sqlite3.SQLITE_IOERR and free_bytes(home) < TO_OPEN_BYTES


def why_away(error: Exception) -> str | None:
    """Return why a database cannot be used just now; None if that is not the trouble."""
    if isinstance(error, TimeoutError):
        return "all its connections are in use"
    if isinstance(error, DisconnectionError):
        return "it does not answer"
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return SQLITE_AWAY.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    gone = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    state = str(getattr(error.orig, "sqlstate", None))
    return POSTGRESQL_AWAY.get(state, "it does not answer" if gone else None)
