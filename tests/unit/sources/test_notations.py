"""Numbers and dates as people of several countries write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column
from mlvajra_al.records.notations import Notation
from mlvajra_al.sources.catalogue import inspect, read_batches


def saved(folder: Path, *values: str) -> str:
    path = folder / "x.csv"
    path.write_text("\n".join(["n;value", *(f"{at};{value}" for at, value in enumerate(values))]))
    return str(path)


def held(path: str) -> Column:
    return inspect(path).columns[1]


def read(path: str) -> list[Any]:
    return [value for batch in read_batches(path) for value in batch["value"].to_pylist()]


def iso(path: str) -> list[str]:
    return [moment.isoformat() for moment in read(path)]


@pytest.mark.parametrize(
    ("values", "written", "numbers"),
    [
        (("1,5", "0,25", "", "1e3", "-12"), "1.234,50", [1.5, 0.25, None, 1000.0, -12.0]),
        (("1.234,50", "12.345.678", "7"), "1.234,50", [1234.5, 12345678.0, 7.0]),
        (("3,50 €", "1.200 €", "-"), "1.234,50", [3.5, 1200.0, None]),
        (("1,234.50", "7", "1,000,000"), "1,234.50", [1234.5, 7.0, 1e6]),
        (("$1,200", "-$3.5", "$ 7"), "1,234.50", [1200.0, -3.5, 7.0]),
        (("12%", "7.5 %", "n/a"), "1,234.50", [12.0, 7.5, None]),
        (("12,5%", "7 %", "100%"), "1.234,50", [12.5, 7.0, 100.0]),
        (("1 234,5", "12\u202f000", "1\u00a0000,25"), "1.234,50", [1234.5, 12000.0, 1000.25]),
        (("1'234.50", "12’000", "3"), "1,234.50", [1234.5, 12000.0, 3.0]),
        (("EUR 3,20", "EUR 4", "EUR 5,1"), "1.234,50", [3.2, 4.0, 5.1]),
    ],
)
def test_numbers_are_read_as_a_whole_column_writes_them(
    values: tuple[str, ...], written: Notation, numbers: list[float | None], tmp_path: Path
) -> None:
    path = saved(tmp_path, *values)
    assert held(path) == Column("value", "numeric", written)
    assert read(path) == numbers


@pytest.mark.parametrize(
    ("values", "written", "days"),
    [
        (("28.11.2024", "1.2.2025"), "31.12.2026", ["2024-11-28", "2025-02-01"]),
        (("28/11/2024", "01/02/2025"), "31.12.2026", ["2024-11-28", "2025-02-01"]),
        (("11/28/2024", "1/2/2025"), "12/31/2026", ["2024-11-28", "2025-01-02"]),
        (("1/2/2025", "3/4/2025"), "12/31/2026", ["2025-01-02", "2025-03-04"]),
        (("05.01.24", "28.11.69"), "31.12.2026", ["2024-01-05", "2069-11-28"]),
        (("28-11-1999", "01-02-2000"), "31.12.2026", ["1999-11-28", "2000-02-01"]),
        (("2024-11-28", "2025/02/01"), "plain", ["2024-11-28", "2025-02-01"]),
    ],
)
def test_dates_are_read_as_a_whole_column_writes_them(
    values: tuple[str, ...], written: Notation, days: list[str], tmp_path: Path
) -> None:
    path = saved(tmp_path, *values)
    assert held(path) == Column("value", "date", written)
    assert iso(path) == [f"{day}T00:00:00" for day in days]


def test_a_time_of_day_is_kept(tmp_path: Path) -> None:
    german = saved(tmp_path, "28.11.2024 17:05", "1.2.2025 08:00:30")
    assert iso(german) == ["2024-11-28T17:05:00", "2025-02-01T08:00:30"]
    american = saved(tmp_path, "11/28/2024 12:05 AM", "11/28/2024, 3:00 pm")
    assert iso(american) == ["2024-11-28T00:05:00", "2024-11-28T15:00:00"]


@pytest.mark.parametrize(
    "values",
    [
        ("1,5", "2.5"),  # two notations
        ("3 €", "3 $"),  # two currencies
        ("1.2.10", "2.0.11"),  # versions
        ("31.02.2024", "1.2.2024"),  # a day that never was
        ("13/13/2024", "1/2/2024"),
        ("007,5", "01,2"),  # names that begin with zeros
        ("ABC 12", "ABC 13"),
        ("10.0.0.1", "10.0.0.2"),
        ("11/28/2024 13:00 PM", "11/28/2024 1:00 PM"),
        ("1,234,5", "1,2"),
    ],
)
def test_what_only_looks_like_one_stays_words(values: tuple[str, ...], tmp_path: Path) -> None:
    found = held(saved(tmp_path, *values, "", ""))
    assert (found.kind in ("text", "categorical"), found.written) == (True, "plain")


def test_a_value_of_another_notation_is_refused_by_its_line(tmp_path: Path) -> None:
    path = saved(tmp_path, "1,5", "2.5")
    found = inspect(path)
    columns = (found.columns[0], Column("value", "numeric", "1.234,50"))
    with pytest.raises(BadSource, match=r"line 3, column 'value': '2.5' is not written as 1.234"):
        list(read_batches(path, schema=type(found)(columns, None, None, (), "csv")))


def test_what_may_be_either_is_read_as_a_person_says(tmp_path: Path) -> None:
    path = saved(tmp_path, "1,234", "2,500")
    found = inspect(path)
    assert held(path).written == "1,234.50"
    columns = (found.columns[0], Column("value", "numeric", "1.234,50"))
    batches = read_batches(path, schema=type(found)(columns, None, None, (), "csv"))
    assert [value for batch in batches for value in batch["value"].to_pylist()] == [1.234, 2.5]
