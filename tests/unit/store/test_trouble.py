"""What a database complains of becomes a sentence; what is a mistake of ours stays one."""

from __future__ import annotations

import errno
import sqlite3
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import (
    DataError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    OperationalError,
    ProgrammingError,
    StatementError,
    TimeoutError,
)

from mlvajra_al.errors import Contended, DiskFull, Invalid, Unavailable
from mlvajra_al.store import trouble
from mlvajra_al.store.database import Store
from mlvajra_al.store.trouble import free_bytes, is_full, room, told, words

HOME = Path("/")


def sqlite(code: int) -> OperationalError:
    original = sqlite3.OperationalError("words of SQLite")
    original.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, original)


def postgresql(state: str) -> Exception:
    original = psycopg.errors.lookup(state)("words of PostgreSQL")
    kind = OperationalError if isinstance(original, psycopg.OperationalError) else InternalError
    return kind("SELECT 1", {}, original)


@pytest.mark.parametrize("left", [0, 40_000])
def test_a_database_that_finds_no_room_to_be_opened_is_no_faulty_one(
    left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "free_bytes", lambda _place: left)
    assert isinstance(words(sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), HOME), DiskFull)
    assert isinstance(words(sqlite(sqlite3.SQLITE_BUSY), HOME), Unavailable)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (sqlite(sqlite3.SQLITE_BUSY), "another process has locked it"),
        (sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), "another process has locked it"),
        (sqlite(sqlite3.SQLITE_LOCKED), "another process has locked it"),
        (sqlite(sqlite3.SQLITE_READONLY), "it can only be read"),
        (sqlite(sqlite3.SQLITE_READONLY_DBMOVED), "it can only be read"),
        (sqlite(sqlite3.SQLITE_IOERR_WRITE), "its file cannot be read or written"),
        (sqlite(sqlite3.SQLITE_CANTOPEN), "its file cannot be opened"),
        (sqlite(sqlite3.SQLITE_NOTADB), "its file is damaged; an admin should run"),
        (sqlite(sqlite3.SQLITE_CORRUPT), "its file is damaged; an admin should run"),
        (postgresql("25006"), "it can only be read"),
        (postgresql("53300"), "all its connections are in use"),
        (postgresql("57P01"), "it does not answer"),
        (postgresql("57P03"), "it does not answer"),
        (postgresql("08006"), "it does not answer"),
        (postgresql("58030"), "it does not answer"),
        (OperationalError("", {}, psycopg.OperationalError("refused")), "it does not answer"),
        (InterfaceError("", {}, psycopg.InterfaceError("closed")), "it does not answer"),
        (TimeoutError("pool"), "all its connections are in use"),
        (DisconnectionError("gone"), "it does not answer"),
        (InvalidatePoolError("gone"), "it does not answer"),
    ],
    ids=str,
)
def test_a_database_that_is_away_is_said_to_be(error: Exception, why: str) -> None:
    known = words(error, HOME)
    assert isinstance(known, Unavailable) and known.status == 503
    assert str(known).startswith(f"the database cannot be used right now ({why}")
    assert "words of" not in str(known)


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_who_gave_way_may_try_again_at_once(state: str) -> None:
    assert isinstance(words(postgresql(state), HOME), Contended)


@pytest.mark.parametrize("error", [sqlite(sqlite3.SQLITE_FULL), postgresql("53100")], ids=str)
def test_a_full_disk_is_said_to_be(error: Exception) -> None:
    known = words(error, HOME)
    assert isinstance(known, DiskFull) and known.status == 507


@pytest.mark.parametrize(
    "error",
    [
        DataError("", {}, psycopg.DataError("a NUL\nand more")),
        StatementError("words", "", {}, OverflowError("too large")),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
    ids=["data", "overflow", "half a character"],
)
def test_a_value_that_fits_no_database_is_refused(error: Exception) -> None:
    sentence = r"a value cannot be stored or looked up \(.*\); correct it"
    with pytest.raises(Invalid, match=sentence), told(HOME):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("", {}, sqlite3.IntegrityError("unique")),
        ProgrammingError("", {}, psycopg.ProgrammingError("syntax")),
        sqlite(sqlite3.SQLITE_ERROR),
        OperationalError("", {}, sqlite3.OperationalError("no code")),
    ],
    ids=str,
)
def test_a_mistake_of_ours_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)), told(HOME):
        raise error


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_writers_who_wait_for_each_other_both_succeed(store: Store) -> None:
    """A deadlock: PostgreSQL ends one of the two, which is run again."""
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE pair (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    both_hold = threading.Barrier(2)
    tries: list[tuple[int, int]] = []

    def add(first: int, second: int) -> None:
        def operation(connection: Connection) -> None:
            for place, row in enumerate((first, second)):
                update = text("UPDATE pair SET n = n + 1 WHERE id = :row")
                connection.execute(update, {"row": row})
                if place == 0 and (first, second) not in tries:
                    tries.append((first, second))
                    both_hold.wait(timeout=30)
            tries.append((first, second))

        store.write(operation)

    threads = [threading.Thread(target=add, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        assert connection.execute(text("SELECT n FROM pair ORDER BY id")).scalars().all() == [2, 2]


def a_full_database(path: Path) -> sqlite3.Error:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA max_page_count=2")
    try:
        connection.execute("CREATE TABLE a (b)")
        connection.execute("INSERT INTO a VALUES (zeroblob(100000))")
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()
    raise AssertionError("the database has taken more than it may")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_sentence_with_numbers(tmp_path: Path, code: int) -> None:
    with (
        pytest.raises(DiskFull, match=r"no room left on the disk of .* MB are free\); make some"),
        room(tmp_path),
    ):
        raise OSError(code, "full")


def test_what_databases_say_of_a_full_disk_is_understood(tmp_path: Path) -> None:
    full = a_full_database(tmp_path / "a.db")
    assert is_full(full)
    assert is_full(OperationalError("INSERT", {}, full))
    assert is_full(psycopg.errors.DiskFull())
    assert is_full(OperationalError("INSERT", {}, psycopg.errors.DiskFull()))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "no"),
        sqlite3.OperationalError("locked"),
        OperationalError("SELECT", {}, psycopg.errors.LockNotAvailable()),
        OperationalError("SELECT", {}, None),  # type: ignore[arg-type]
        ValueError("full"),
    ],
)
def test_other_trouble_is_left_as_it_is(tmp_path: Path, error: Exception) -> None:
    assert not is_full(error)
    with pytest.raises(type(error)) as caught, room(tmp_path):
        raise error
    assert caught.value is error


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_the_nearest_one(
    tmp_path: Path,
) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0
