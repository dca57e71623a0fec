from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlvajra_al.store import files

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def a_stray(path: Path) -> files.Stray:
    path.write_bytes(b"left")
    os.utime(path, (THEN.timestamp(), THEN.timestamp()))
    return files.Stray(path, 4, THEN)


@pytest.mark.parametrize(
    ("age", "old"),
    [
        (timedelta(0), False),
        (timedelta(hours=24), False),
        (timedelta(hours=24, seconds=1), True),
        (timedelta(days=-1), False),
    ],
)
def test_what_is_a_day_old_belongs_to_nothing_under_way(
    tmp_path: Path, age: timedelta, old: bool
) -> None:
    assert a_stray(tmp_path / "a").old(THEN + age) is old


def test_a_stray_is_removed(tmp_path: Path) -> None:
    stray = a_stray(tmp_path / "a")
    assert files.remove(stray)
    assert not stray.path.exists()
    assert files.remove(stray), "what has gone by itself needs no removing"


@pytest.mark.parametrize("change", [b"more", b"other bytes"])
def test_what_was_written_to_since_it_was_found_stays(tmp_path: Path, change: bytes) -> None:
    stray = a_stray(tmp_path / "a")
    stray.path.write_bytes(change)
    assert not files.remove(stray)
    assert stray.path.read_bytes() == change
