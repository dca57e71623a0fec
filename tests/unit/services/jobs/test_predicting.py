"""Rows from people are checked, and files of answers are safe and whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Column, Recipe
from mlvajra_al.services.jobs.predicting import SCHEMA, check_rows, write_file

RECIPE = Recipe((Column("body", "text"), Column("size", "numeric"), Column("id", "ignored")))


def answered(*keys: str) -> pa.Table:
    rows = [{"key": key, "label": "ham", "probability": 0.75, "version": 2} for key in keys]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def test_a_row_with_all_columns_is_fine_even_where_some_are_empty() -> None:
    check_rows(RECIPE, [{"body": "hello", "size": "12.5"}, {"body": None, "size": ""}])


def test_a_missing_column_is_named_with_its_row() -> None:
    with pytest.raises(Invalid, match="row 2 has no 'size'; give every column .* body, size"):
        check_rows(RECIPE, [{"body": "a", "size": 1}, {"body": "b"}])


@pytest.mark.parametrize("value", ["twelve", [1], {"a": 1}])
def test_what_is_no_number_is_named_with_its_column(value: object) -> None:
    with pytest.raises(Invalid, match="is not a number, but 'size' holds numbers"):
        check_rows(RECIPE, [{"body": "a", "size": value}])


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
