"""What every registered source promises, whatever its format."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column, Schema
from mlvajra_al.sources.catalogue import SOURCES, distinct, inspect, place, read_batches

ROWS: list[dict[str, Any]] = [
    {
        "id": f"m{number}",
        "text": f'Dear "{number}",\nplease; read | this, Zoë',
        "colour": ["red", "blue", None][number % 3],
        "size": [1.5, -2.0, None][number % 3],
        "urgent": [True, False][number % 2],
        "sent": datetime(2024, 1, 1 + number, 10, 11, 12),  # noqa: DTZ001 - UTC, unsaid
        "pixels": [[0.0, float(number)], [1.5, 2.0]],
    }
    for number in range(20)
]
KINDS = {
    "id": "ignored",
    "text": "text",
    "colour": "categorical",
    "size": "numeric",
    "urgent": "boolean",
    "sent": "date",
    "pixels": "image",
}


def as_csv(folder: Path) -> str:
    path = folder / "x.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(KINDS) + "\n")
        for row in ROWS:
            values = ["" if value is None else str(value) for value in row.values()]
            file.write(",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n")
    return str(path)


def as_jsonl(folder: Path) -> str:
    path = folder / "x.jsonl"
    lines = (json.dumps({**row, "sent": row["sent"].isoformat()}) for row in ROWS)
    path.write_text("\n".join(lines))
    return str(path)


def as_parquet(folder: Path) -> str:
    path = folder / "x.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return str(path)


def as_table(folder: Path) -> pa.Table:
    return pa.Table.from_pylist(ROWS)


MADE: dict[str, Callable[[Path], Any]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
    "table": as_table,
}


@pytest.fixture(params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MADE[request.param](tmp_path)


def test_the_same_rows_are_the_same_batches_in_every_format(source: Any, tmp_path: Path) -> None:
    expected = pa.Table.from_batches(read_batches(as_table(tmp_path)))
    found = pa.Table.from_batches(read_batches(source))
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.combine_chunks().equals(expected.combine_chunks())


def test_inspection_finds_the_same_kinds_and_key(source: Any) -> None:
    schema = inspect(source, preview=5)
    assert {column.name: column.kind for column in schema.columns} == KINDS
    assert schema.key == "id"
    assert schema.rows == len(ROWS)
    assert len(schema.preview) == 5
    assert schema.preview[0]["text"] == ROWS[0]["text"]
    assert schema.preview[2]["size"] is None


@pytest.mark.parametrize("batch_rows", [1, 7, 100])
def test_the_batch_size_changes_nothing_but_the_batches(source: Any, batch_rows: int) -> None:
    batches = list(read_batches(source, batch_rows=batch_rows))
    assert max(batch.num_rows for batch in batches) <= batch_rows
    assert pa.Table.from_batches(batches).column("id").to_pylist() == [row["id"] for row in ROWS]


def test_reading_twice_gives_the_same(source: Any) -> None:
    first, second = (pa.Table.from_batches(read_batches(source)) for _ in range(2))
    assert first.equals(second)


def test_columns_come_in_the_order_asked_for(source: Any) -> None:
    schema = Schema((Column("size", "numeric"), Column("id", "ignored")), None, None, (), "")
    (batch,) = read_batches(source, schema=schema)
    assert batch.schema.names == ["size", "id"]


def test_what_a_column_says_is_each_told_once_and_blanks_are_not(source: Any) -> None:
    assert list(distinct(source, "colour")) == ["red", "blue"]
    assert list(distinct(source, "id")) == [row["id"] for row in ROWS]
    with pytest.raises(BadSource, match="the column 'color' is not there"):
        list(distinct(source, "color"))


def test_an_abandoned_reader_closes_its_file(source: Any) -> None:
    batches = read_batches(source, batch_rows=1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # an open file would fail the run


def test_rows_have_a_place_a_person_can_look_up(source: Any) -> None:
    said = place(source, 3)
    assert said in ("line 8", "line 4", "row 4")  # CSV: each text takes two lines
