"""Rows from people are checked, and files of answers are safe and whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import frames
from mlvajra_al.records import Column, ColumnKind, Recipe
from mlvajra_al.services.jobs.predicting import SCHEMA, typed, write_file

RECIPE = Recipe((Column("body", "text"), Column("size", "numeric"), Column("id", "ignored")))
COLUMNS = frames.inputs(RECIPE)


def answered(*keys: str) -> pa.Table:
    rows = [{"key": key, "label": "ham", "probability": 0.75, "version": 2} for key in keys]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def one(kind: ColumnKind, value: object) -> object:
    found = typed([Column("it", kind)], [{"it": value}])
    return found["it"][0].as_py()


def test_a_row_with_all_columns_is_fine_even_where_some_are_empty() -> None:
    found = typed(COLUMNS, [{"body": "hello", "size": "12.5"}, {"body": None, "size": ""}])
    assert found["size"].to_pylist() == [12.5, None]
    assert found.column_names == ["body", "size"]


def test_a_missing_column_is_named_with_its_row() -> None:
    with pytest.raises(Invalid, match="row 2 has no 'size'; give every column .* body, size"):
        typed(COLUMNS, [{"body": "a", "size": 1}, {"body": "b"}])


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("categorical", "", None),
        ("categorical", " red ", "red"),
        ("numeric", "NA", None),
        ("numeric", " 0.5 ", 0.5),
        ("boolean", "y", True),
        ("boolean", "T", True),
        ("boolean", "no", False),
        ("boolean", "", None),
        ("date", "2024-05-01", datetime(2024, 5, 1)),  # noqa: DTZ001 - a pool has no zones
        ("image", "[[0, 1], [2, 3]]", [[0.0, 1.0], [2.0, 3.0]]),
        ("image", [[0, 1], [2, 3]], [[0.0, 1.0], [2.0, 3.0]]),
    ],
)
def test_a_value_is_read_as_a_file_of_it_would_be(
    kind: ColumnKind, given: object, read: object
) -> None:
    assert one(kind, given) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric", "twelve"),
        ("numeric", "1_000"),
        ("numeric", [1]),
        ("numeric", {"a": 1}),
        ("boolean", "maybe"),
        ("date", "garbage"),
        ("date", "2024-13-45"),
        ("image", "x"),
        ("image", [["a"] * 8] * 8),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row_and_column(
    kind: ColumnKind, value: object
) -> None:
    with pytest.raises(Invalid, match="what was sent: row 1, (column|key) 'it'"):
        one(kind, value)


def test_what_the_model_does_not_look_at_is_not_looked_at() -> None:
    rows = [{"body": "a", "size": 1, "meta": {"a": 1}}, {"body": "b", "size": 2, "meta": "\ud800"}]
    assert typed(COLUMNS, rows).num_rows == 2


def test_what_no_table_holds_is_refused_and_no_fault_of_ours() -> None:
    with pytest.raises(Invalid, match="row 1, column 'it': is infinite"):
        one("numeric", 10**400)
    with pytest.raises(Invalid, match="a value cannot be read"):
        one("text", "\ud800")
    sizes = [{"body": "a", "size": size} for size in (0.5, 10**400)]
    with pytest.raises(Invalid, match="a value cannot be read"):
        typed(COLUMNS, sizes)


@pytest.mark.parametrize("key", ["=1+1", "+x", "-x", "@SUM(A1)", "\tx"])
def test_a_key_never_becomes_a_formula_in_a_spreadsheet(tmp_path: Path, key: str) -> None:
    path = tmp_path / "answers.csv"
    assert write_file(path, [answered(key), answered("plain")]) == 2
    text = path.read_text()
    assert f'"\'{key}"' in text and '"plain"' in text


def test_parquet_keeps_keys_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    assert write_file(path, [answered("=1"), answered("b")]) == 2
    assert pq.read_table(path)["key"].to_pylist() == ["=1", "b"]


def test_a_file_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    def tables():
        yield answered("a")
        raise Invalid("the upload broke")

    with pytest.raises(Invalid):
        write_file(tmp_path / "answers.csv", tables())
    assert list(tmp_path.iterdir()) == []
