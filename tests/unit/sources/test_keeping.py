"""A column that no model can look at is kept in words and stands in nobody's way."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column, Schema
from mlvajra_al.sources.catalogue import inspect, read_batches
from mlvajra_al.sources.keeping import UNSHOWN, as_text

PNG = b"\x89PNG\r\n\x1a\n" + bytes(2_337)


def as_jsonl(path: Path, *values: Any) -> str:
    path.write_text("".join(json.dumps({"a": value, "b": "words"}) + "\n" for value in values))
    return str(path)


def kept(source: Any) -> list[str | None]:
    """Return what an ignored column is kept as, once it was found to be one."""
    found = inspect(source, used=("b",))
    assert found.columns[0] == Column("a", "ignored")
    read = pa.Table.from_batches(read_batches(source, schema=found))["a"].to_pylist()
    assert [row["a"] for row in found.preview] == read
    return read


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array([timedelta(hours=1, minutes=30), None]), ["1:30:00", None]),
        (pa.array([-90_000_000_000], pa.duration("ns")), ["-0:01:30"]),
        (pa.array([timedelta(days=2, seconds=5)], pa.duration("s")), ["2 days, 0:00:05"]),
        (pa.array([2**62], pa.duration("s")), [UNSHOWN]),
        (pa.array([time(9, 5), time(9, 5, 1, 500_000)]), ["09:05:00", "09:05:01.500000"]),
        (pa.array([1], pa.time64("ns")), ["00:00:00.000000001"]),
        (pa.array([61], pa.time32("s")), ["00:01:01"]),
        (pa.array([PNG, b"text", None]), ["(2,345 bytes)", "text", None]),
        (pa.array([b"\x00\x01"], pa.binary(2)), ["(2 bytes)"]),
        (pa.array([[0.5, 1.0], [2.0], None]), ["[0.5,1.0]", "[2.0]", None]),
        (pa.array([[[[1, 2]]]]), ["[[[1,2]]]"]),
        (pa.array([[{"x": 1, "at": date(2024, 1, 2)}]]), ['[{"x":1,"at":"2024-01-02"}]']),
        (pa.array([[Decimal("1.10"), None]]), ['["1.10",null]']),
        (pa.array([[timedelta(1)], [timedelta(0)]]), ['["1 day, 0:00:00"]', '["0:00:00"]']),
        (pa.array([[["x"], []]]), ['[["x"],[]]']),
        (pa.array([{"x": datetime(2024, 1, 2)}]), ['{"x":"2024-01-02T00:00:00"}']),  # noqa: DTZ001
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), ['[["k",1]]']),
    ],
)
def test_what_no_model_can_look_at_is_put_in_words(
    values: pa.Array, words: list[str | None], tmp_path: Path
) -> None:
    table = pa.table({"a": values, "b": ["words"] * len(values)})
    assert kept(table) == words
    pq.write_table(table, tmp_path / "x.parquet")
    assert kept(str(tmp_path / "x.parquet")) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1, "x"], [1.5], None], ['[1,"x"]', "[1.5]", None]),
        ([[1, 2], "x", True], ["[1,2]", "x", "true"]),
        ([[1, 2], [1]], ["[1,2]", "[1]"]),
        ([[{"b": 1}], [{"c": [2]}]], ['[{"b":1}]', '[{"c":[2]}]']),
        ([{"b": 1}, {"c": "é"}, "x"], ['{"b":1}', '{"c":"é"}', "x"]),
    ],
)
def test_what_is_nested_in_json_lines_is_kept_as_it_stands(
    values: list[Any], words: list[str | None], tmp_path: Path
) -> None:
    assert kept(as_jsonl(tmp_path / "x.jsonl", *values)) == words


def test_an_object_is_kept_however_deep_and_large_it_is() -> None:
    assert as_text({"n": 2**70}) == '{"n": 1180591620717411303424}'
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    assert as_text(deep) == "[" * 400 + "1" + "]" * 400
    for _ in range(100_000):
        deep = [deep]
    assert as_text(deep) == UNSHOWN


def test_nested_objects_stand_in_the_way_only_where_they_are_used(tmp_path: Path) -> None:
    nested = as_jsonl(tmp_path / "x.jsonl", "x", {"inner": 1})
    pq.write_table(pa.table({"a": [{"x": 1}], "b": ["y"]}), tmp_path / "x.parquet")
    for source, sentence in (
        (nested, "line 2, key 'a' holds a nested object; write its values .* such as 'a.inner'"),
        (str(tmp_path / "x.parquet"), "the column 'a' holds nested objects; write their values"),
    ):
        for used in (None, ("a",), ("a", "b", None)):
            with pytest.raises(BadSource, match=sentence):
                inspect(source, used=used)
        assert inspect(source, used=("b", None)).columns[0] == Column("a", "ignored")
    chosen = Schema((Column("a", "text"),), None, None, (), "")
    with pytest.raises(BadSource, match="line 2, key 'a' holds a nested object"):
        list(read_batches(nested, schema=chosen))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (pa.array([PNG, PNG]), "row 1, column 'a': holds binary that is not text"),
        (pa.array([[1], [2]]), "row 1, column 'a': holds a nested value"),
    ],
)
def test_what_names_samples_is_never_put_in_words_that_others_share(
    values: pa.Array, sentence: str
) -> None:
    schema = Schema((Column("a", "ignored"),), "a", None, (), "")
    with pytest.raises(BadSource, match=sentence):
        list(read_batches(pa.table({"a": values}), schema=schema))


def test_lists_of_json_lines_that_do_not_fit_together_name_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": [1, "x"]}\n{"id": [2]}\n')
    assert inspect(str(path)).key is None
    schema = Schema((Column("id", "ignored"),), "id", None, (), "")
    with pytest.raises(BadSource, match="line 1, key 'id' holds a list that is not all numbers"):
        list(read_batches(str(path), schema=schema))
