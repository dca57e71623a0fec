"""What was written is read back the same, or refused in one sentence; never something else."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column, ColumnKind, Schema
from mlvajra_al.sources.catalogue import SOURCES, inspect, read_batches
from mlvajra_al.sources.values import MISSING

quick = settings(derandomize=True, deadline=None, database=None, max_examples=30)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True)
ZONES = st.none() | st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
DATES = st.none() | st.datetimes(timezones=ZONES)
BOOLEANS = st.none() | st.booleans()
Row = dict[str, Any]
ROWS = st.lists(
    st.fixed_dictionaries({"text": TEXT, "number": NUMBERS, "date": DATES, "flag": BOOLEANS}),
    min_size=1,
    max_size=6,
)
KINDS: dict[str, ColumnKind] = {
    "id": "ignored",
    "text": "text",
    "number": "numeric",
    "date": "date",
    "flag": "boolean",
}
SCHEMA = Schema(tuple(Column(name, kind) for name, kind in KINDS.items()), "id", None, (), "")


def written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def as_csv(rows: list[Row]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow("" if row[name] is None else written(row[name]) for name in rows[0])
    return sink.getvalue().encode()


def as_jsonl(rows: list[Row]) -> bytes:
    lines = (json.dumps({name: written(value) for name, value in row.items()}) for row in rows)
    return "\n".join(lines).encode()


def as_parquet(rows: list[Row]) -> bytes:
    types = {"number": pa.float64(), "date": pa.timestamp("us"), "flag": pa.bool_()}
    columns = {}
    for name in rows[0]:
        values = [stored(name, row[name]) for row in rows]
        columns[name] = pa.array(values, types.get(name, pa.string()))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def stored(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "number":
        return float(value)
    return in_utc(value) if name == "date" else value


def in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def expected(name: str, value: Any) -> Any:
    if name == "number" and value is not None:
        return None if math.isnan(value) else float(value)
    if name == "date" and value is not None:
        return in_utc(value)
    return value


WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}


def test_every_format_of_files_is_written_here() -> None:
    assert set(WRITERS) == set(SOURCES) - {"table"}


def read_back(content: bytes, ending: str, schema: Schema | None) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{ending}"
        path.write_bytes(content)
        schema = schema or inspect(str(path))
        return pa.Table.from_batches(read_batches(str(path), schema=schema)).to_pylist()


def outside(rows: list[Row]) -> str | None:
    """Return what must be said of rows that cannot be taken; None if they can."""
    for row in rows:
        if "\0" in row["text"]:
            return "contains a NUL byte"
    if any(isinstance(row["number"], float) and math.isinf(row["number"]) for row in rows):
        return "is infinite"
    if any(out_of_years(row["date"]) for row in rows):
        return "is (not a date|a date outside of the years 1 to 9999)"
    return None


def out_of_years(date: datetime | None) -> bool:
    try:
        return date is not None and in_utc(date) is None
    except OverflowError:
        return True


@pytest.mark.parametrize("ending", WRITERS)
@quick
@given(rows=ROWS)
@example(rows=[{"text": "\r\n\r", "number": 1e308, "date": datetime.min, "flag": None}])  # noqa: DTZ901
@example(rows=[{"text": " NA ", "number": 2**70, "date": datetime.max, "flag": True}])  # noqa: DTZ901
@example(rows=[{"text": "\ufeff=1+1\t|;,\"'", "number": -0.0, "date": None, "flag": False}])
@example(rows=[{"text": "\x00", "number": None, "date": None, "flag": None}])
@example(
    rows=[
        {
            "text": "",
            "number": None,
            "date": datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            "flag": None,
        }
    ]
)
def test_rows_are_read_back_as_they_were_written(ending: str, rows: list[Row]) -> None:
    rows = [{"id": f"s{place}"} | row for place, row in enumerate(rows)]
    refused = outside(rows)
    if refused is not None:
        if ending == "parquet" and "date" in refused:
            return  # Python cannot even write it
        with pytest.raises(BadSource, match=refused) as caught:
            read_back(WRITERS[ending](rows), ending, SCHEMA)
        assert "\n" not in str(caught.value)
        return
    found = read_back(WRITERS[ending](rows), ending, SCHEMA)
    assert found == [{name: expected(name, row[name]) for name in KINDS} for row in rows]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@quick
@given(words=st.lists(TEXT, min_size=1, max_size=5))
@example(words=["٣", "1_000"])
@example(words=["0x10", "1e5"])
@example(words=["2024-02-30"])
@example(words=["99999-01-01"])
@example(words=["[1, 2", "[[1], []]"])
@example(words=["[]"])
@example(words=["true", "no"])
@example(words=["nan", "inf"])
def test_whatever_a_column_holds_is_guessed_and_then_read_or_refused(
    ending: str, words: list[str]
) -> None:
    rows = [{"name": f"row {place}", "said": word} for place, word in enumerate(words)]
    try:
        found = read_back(WRITERS[ending](rows), ending, None)
    except BadSource as refused:
        assert "\n" not in str(refused)
        assert str(refused).startswith(f"x.{ending}: ")
        return
    assert len(found) == len(rows)
    for row, word in zip(found, words, strict=True):
        if isinstance(row["said"], str):
            assert row["said"].strip() in (word, word.strip())
        elif row["said"] is None:
            assert word.strip() in MISSING


NAMES = st.lists(TEXT, min_size=1, max_size=4)


@quick
@given(names=NAMES)
@example(names=["a", "a"])
@example(names=["a", " a "])
@example(names=[""])
@example(names=["a;b", "c"])
@example(names=["\n", "\r"])
@example(names=["column 2", ""])
def test_the_names_of_columns_are_kept_or_refused(names: list[str]) -> None:
    """With a comma in every line nothing else can be meant to separate fields."""
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    writer.writerows([names + ["last"], ["x"] * len(names) + ["y"]])
    try:
        (row,) = read_back(sink.getvalue().encode(), "csv", None)
    except BadSource as refused:
        assert "\n" not in str(refused)
        return
    wanted = [name.strip() or f"column {at}" for at, name in enumerate(names, start=1)]
    assert list(row) == [*wanted, "last"]


ENDINGS = ("csv", "jsonl", "json", "parquet", "csv.gz", "tsv", "")
GOOD = as_parquet([{"id": f"s{at}", "text": "words", "number": 1.0} for at in range(50)])


@pytest.mark.parametrize("ending", ENDINGS)
@quick
@given(content=st.binary(max_size=80))
@example(content=b"\xff\xfe\x00")
@example(content=b"PAR1PAR1")
@example(content=b"PAR1" + b"\x00" * 20 + b"PAR1")
@example(content=b"\x1f\x8b\x08")
@example(content=b'{"a":' * 2_000)
@example(content=b"[" * 100_000)
@example(content=b"a,b\n" + b'"' * 999)
@example(content=b'{"a": 1e999}')
@example(content=b'{"a": "\\ud800"}')
@example(content=b'{"": 1}\n{" ": 2}')
def test_no_bytes_at_all_are_more_than_a_sentence(ending: str, content: bytes) -> None:
    try:
        read_back(content, ending, None)
    except BadSource as refused:
        assert "\n" not in str(refused)
        assert str(refused).count("; ") >= 1


@quick
@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7), cut=st.integers(0, 200))
def test_a_damaged_parquet_file_is_read_or_refused(at: int, bit: int, cut: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= 1 << bit
    content = bytes(damaged[: len(damaged) - cut if at % 3 == 0 else None])
    try:
        found = read_back(content, "parquet", None)
    except BadSource as refused:
        assert "\n" not in str(refused)
    else:
        assert len(found) == 50
