from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from mlvajra_al.errors import DiskFull
from mlvajra_al.store.room import free_bytes, is_full, room


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
