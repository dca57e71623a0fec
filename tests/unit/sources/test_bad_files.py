"""Bad input gets one sentence: the file, the line or column, and the remedy."""

from __future__ import annotations

import gzip
import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column, Schema
from mlvajra_al.sources import lines
from mlvajra_al.sources.catalogue import inspect, read_batches


def parquet(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def read_everything(path: Path) -> int:
    schema = inspect(str(path))
    return sum(batch.num_rows for batch in read_batches(str(path), schema=schema))


BAD = {
    "a byte that is not UTF-8": (
        "mail.csv",
        "id,text\n1,fine\n2,Zo\xeb\n".encode("latin-1"),
        "mail.csv: line 3, byte 5 (0xEB) is not UTF-8; save the file as UTF-8 "
        "(in Excel: 'CSV UTF-8')",
    ),
    "a row with too many fields, after one with a line break inside": (
        "mail.csv",
        b'a,b\n1,2\n"x\ny",3\n4,5,6\n',
        "mail.csv: line 5 has 3 fields where 2 are expected; quote",
    ),
    "a row with too few fields": (
        "mail.csv",
        b"a,b,c\n1,2,3\n1,2\n",
        "mail.csv: line 3 has 2 fields where 3 are expected; quote",
    ),
    "nothing at all": ("mail.csv", b"", "mail.csv: is empty; choose"),
    "blank lines only": ("mail.csv", b"\n\n\n", "mail.csv: is empty; choose"),
    "a header and no rows": ("mail.csv", b"a,b\n", "mail.csv: has column names but no rows"),
    "numbers for a header": ("mail.csv", b"1,2\n3,4\n", "line 1 holds numbers where the column"),
    "a column name twice": ("mail.csv", b"a,b,a\n1,2,3\n", "line 1 names the column 'a' twice"),
    "a NUL byte": ("mail.csv", b"a,b\n1,\x00\n", "mail.csv: line 2 contains a NUL byte; save"),
    "a quote without end": (
        "mail.csv",
        b'a,b\n1,"abc\n2,3\n',
        "mail.csv: the quote opened on line 2 is never closed; close",
    ),
    "text after a closing quote": (
        "mail.csv",
        b'a,b\n1,"abc"d\n',
        "mail.csv: line 2: ',' expected",
    ),
    "infinity in a CSV": ("x.csv", b"a,b\n1,x\n-inf,y\n", "x.csv: line 3, column 'a': is infinite"),
    "Parquet called CSV": (
        "x.csv",
        parquet(a=[1]),
        "x.csv: is named as CSV text but holds Parquet; rename it so that it ends in .parquet",
    ),
    "CSV called Parquet": (
        "x.parquet",
        b"a,b\n1,2\n",
        "x.parquet: is named as Parquet but holds CSV text; rename it so that it ends in .csv",
    ),
    "noise called Parquet": (
        "bad.parquet",
        bytes(range(256)) * 12,
        "bad.parquet: is named as Parquet but begins like no file we read; it is damaged or",
    ),
    "JSON called CSV": ("x.csv", b'{"a": 1}\n', "x.csv: is named as CSV text but holds JSON;"),
    "a workbook": (
        "x.csv",
        b"PK\x03\x04....",
        "x.csv: is a zip archive or an Excel workbook; unpack",
    ),
    "a pickle": ("x.csv", b"\x80\x04\x95....", "x.csv: is a Python pickle; save it as Parquet"),
    "a web page": ("x.csv", b"<!DOCTYPE html><html>", "x.csv: is a web page; download the data"),
    "a text that is named as gzip": (
        "x.csv.gz",
        b"this is no gzip\n",
        "x.csv.gz: is named as gzip but is not; rename it so that it does not end in .gz",
    ),
    "numbers instead of objects": (
        "x.jsonl",
        b"\n1\n2\n",
        "x.jsonl: line 2 is not an object; write {",
    ),
    "gzip cut short": (
        "x.csv.gz",
        gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:30],
        "x.csv.gz: the gzip data is damaged",
    ),
    "gzip with other data behind its head": (
        "x.csv.gz",
        gzip.compress(b"a,b\n1,2\n")[:10] + b"\xff" * 60,
        "x.csv.gz: the gzip data is damaged",
    ),
    "a broken line of JSON": (
        "x.jsonl",
        b'{"a": 1}\n{"a": 2\n',
        "x.jsonl: line 2 is not JSON (unexpected end of data); correct or remove the line",
    ),
    "a line of JSON that is no object": (
        "x.jsonl",
        b'{"a": 1}\n[1]\n',
        "x.jsonl: line 2 is not an object",
    ),
    "one JSON list": (
        "x.json",
        b'[{"a": 1}]',
        "x.json: holds one JSON list; save it as JSON Lines",
    ),
    "an object within an object": (
        "x.jsonl",
        b'{"a": 1}\n{"a": {"b": 2}}\n',
        "x.jsonl: line 2, key 'a' holds a nested object; write its values as columns of their own,"
        " such as 'a.b'",
    ),
    "infinity in JSON": (
        "x.jsonl",
        b'{"a": 1.5}\n{"a": Infinity}\n',
        "x.jsonl: line 2, column 'a': is infinite; replace it by a number",
    ),
    "NaN in a line that is broken too": (
        "x.jsonl",
        b'{"a": NaN\n',
        "x.jsonl: line 1 is not JSON (",
    ),
    "a file of JSON that holds blank lines only": (
        "x.jsonl",
        b"\n \n",
        "x.jsonl: is empty; choose",
    ),
    "a JSON list over several lines": (
        "x.json",
        b'[\n{"a": 1},\n{"a": 2}\n]\n',
        "x.json: holds one JSON list; save it as JSON Lines",
    ),
    "half a character of UTF-16": (
        "x.csv",
        "a,b\n1,2\n".encode("utf-16")[:-1],
        "x.csv: starts as UTF-16 but is not; save the file again as UTF-8",
    ),
    "a character cut off at the end": (
        "x.csv",
        b"a,b\n1,Zo\xc3",
        "x.csv: line 2, byte 5 (0xC3) is not UTF-8",
    ),
    "a NUL in JSON": (
        "x.jsonl",
        b'{"a": "x\\u0000y"}\n',
        "line 1, column 'a': contains a NUL byte",
    ),
    "Parquet cut short": (
        "x.parquet",
        parquet(a=list(range(1000)))[:300],
        "x.parquet: is damaged or cut short",
    ),
    "Parquet without rows": (
        "x.parquet",
        parquet(a=pa.array([], pa.int64())),
        "x.parquet: has columns but no rows",
    ),
    "Parquet with nested objects": (
        "x.parquet",
        parquet(meta=[{"b": 1}]),
        "x.parquet: the column 'meta' holds nested objects; write their values",
    ),
    "Parquet with infinity": (
        "x.parquet",
        parquet(a=[1.0, np.inf]),
        "x.parquet: row 2, column 'a': is infinite",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence(case: str, tmp_path: Path) -> None:
    name, content, sentence = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSource) as caught:
        read_everything(tmp_path / name)
    assert sentence in str(caught.value)
    assert caught.value.name == name
    assert "\n" not in str(caught.value)


NO_IMAGES = {
    "a list of objects": (
        "x.jsonl",
        b'{"a": [{"b": 1}]}\n',
        "x.jsonl: line 1, key 'a' holds a list that is not all numbers; write an",
    ),
    "a list of numbers and words": (
        "x.jsonl",
        b'{"a": [1, 2]}\n{"a": [1, "x"]}\n',
        "x.jsonl: line 2, key 'a' holds a list that is not all numbers",
    ),
    "images of two sizes": (
        "x.jsonl",
        b'{"a": [[1, 2], [3, 4]]}\n{"a": [[1, 2]]}\n',
        "x.jsonl: line 2, column 'a': is an image of another size; give every image the same size",
    ),
    "an image with a ragged edge": (
        "x.jsonl",
        b'{"a": [[1, 2], [3, 4]]}\n{"a": [[1, 2], [3]]}\n',
        "x.jsonl: line 2, column 'a': is an image of another size",
    ),
    "a missing image": (
        "x.jsonl",
        b'{"a": [[1, 2]]}\n{"a": null}\n',
        "x.jsonl: line 2, column 'a': is missing; remove the row",
    ),
    "an image with a missing row": (
        "x.jsonl",
        b'{"a": [[1, 2], [3, 4]]}\n{"a": [[1, 2], null]}\n',
        "x.jsonl: line 2, column 'a': is an image of another size",
    ),
    "an image with a missing pixel": (
        "x.jsonl",
        b'{"a": [[1, 2], [3, 4]]}\n{"a": [[1, null], [3, 4]]}\n',
        "x.jsonl: line 2, column 'a': has a pixel that is no number",
    ),
    "an image in colour": (
        "x.jsonl",
        b'{"a": [[[1, 2, 3], [4, 5, 6]]]}\n',
        "x.jsonl: line 1, column 'a': is an image of more than two levels; give one grey",
    ),
    "an empty image": ("x.jsonl", b'{"a": [[]]}\n', "x.jsonl: line 1, column 'a': is an empty"),
    "images written as text that do not parse": (
        "x.csv",
        b'y,a\n1,"[[1, 2]"\n2,"[[1, 2]]"\n',
        "x.csv: line 2, column 'a': holds lists that are not all numbers; write [[0, 1], ",
    ),
}


@pytest.mark.parametrize("case", NO_IMAGES)
def test_lists_that_are_no_images_are_ignored_and_refused_as_images(
    case: str, tmp_path: Path
) -> None:
    name, content, sentence = NO_IMAGES[case]
    path = tmp_path / name
    path.write_bytes(content)
    assert [c.kind for c in inspect(str(path)).columns if c.name == "a"] == ["ignored"]
    read_everything(path)
    chosen = Schema((Column("a", "image"),), None, None, (), "")
    with pytest.raises(BadSource) as caught:
        list(read_batches(str(path), schema=chosen))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("x.csv", b"a,b\n1,2\n3,4\n", "column 'c' is not there (found: a, b)"),
        ("x.jsonl", b'{"a": 1, "b": 2}\n', "column 'c' is not there (found: a, b)"),
        ("x.parquet", parquet(a=[1], b=[2]), "column 'c' is not there (found: a, b)"),
    ],
)
def test_a_column_that_vanished_is_named(
    name: str, content: bytes, where: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    declared = Schema(
        (Column("a", "numeric"), Column("b", "numeric"), Column("c", "numeric")),
        key=None,
        rows=None,
        preview=(),
        format=name.partition(".")[2],
    )
    with pytest.raises(BadSource, match="restore the column") as caught:
        list(read_batches(str(tmp_path / name), schema=declared))
    assert where in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_all_columns_that_vanished_are_named_with_those_of_nearly_the_same_name(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x.{ending}"
    contents = {
        "csv": b"a,beschreibung\n1,2\n",
        "jsonl": b'{"a": 1, "beschreibung": 2}\n',
        "parquet": parquet(a=[1], beschreibung=[2]),
    }
    path.write_bytes(contents[ending])
    columns = tuple(Column(name, "text") for name in ("Beschreibung ", "a", "c"))
    with pytest.raises(BadSource) as caught:
        list(read_batches(str(path), schema=Schema(columns, None, None, (), "")))
    assert str(caught.value) == (
        f"x.{ending}: the columns 'Beschreibung ', 'c' are not there (found: a, beschreibung); "
        "did you mean 'beschreibung'? If not, restore them or choose another file"
    )


def test_of_very_many_columns_that_vanished_some_are_named(tmp_path: Path) -> None:
    columns = tuple(Column(f"c{n}", "text") for n in range(50))
    schema = Schema(columns, None, None, (), "")
    with pytest.raises(
        BadSource, match=r"the columns 'c0', .* 'c11', … are not there \(found: a\)"
    ):
        list(read_batches(pa.table({"a": [1]}), schema=schema))


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("numeric", "unknown", "'unknown' is not a number"),
        ("boolean", "maybe", "'maybe' is neither yes nor no"),
        ("date", "2024-13-45", "'2024-13-45' is not a date"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_shown(
    kind: str, value: str, problem: str, tmp_path: Path
) -> None:
    good = {"numeric": "1", "boolean": "yes", "date": "2024-01-02"}[kind]
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + f"{good},1\n" * 30 + f"{value},1\n")
    schema = Schema((Column("a", kind),), None, None, (), "csv")  # type: ignore[arg-type]
    with pytest.raises(BadSource) as caught:
        list(read_batches(str(path), schema=schema))
    assert f"x.csv: line 32, column 'a': {problem}; correct it, or choose" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "problem"),
    [
        ([[1, 2]], "text", "holds a nested value; write it as text"),
        ([timedelta(1)], "numeric", "holds duration[us], not numbers; write one number"),
        ([[1, 2]], "numeric", "holds lists, not numbers; write one number a row; only in a new"),
        ([b"\xff\xfe"], "text", "holds binary that is not text; write it as UTF-8"),
        ([1.5], "image", "holds double, not an image; write each image as rows of numbers"),
    ],
)
def test_a_kind_that_a_column_cannot_be_is_refused(
    values: list[object], kind: str, problem: str
) -> None:
    schema = Schema((Column("a", kind),), None, None, (), "table")  # type: ignore[arg-type]
    table = pa.table({"a": pa.array(values)})
    with pytest.raises(BadSource) as caught:
        list(read_batches(table, schema=schema))
    assert f"table: row 1, column 'a': {problem}" in str(caught.value)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(BadSource, match="table: has columns but no rows"):
        inspect(pa.table({"a": pa.array([], pa.int64())}))


def test_a_line_that_never_ends_is_no_text_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1_000)
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "' + "x" * 2_000 + '"}\n')
    with pytest.raises(BadSource, match="x.jsonl: line 1 is longer than 1,000 characters; check"):
        inspect(str(path))


def test_a_missing_file_a_folder_and_an_unknown_place_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="none.csv: there is no such file; check the path"):
        inspect(str(tmp_path / "none.csv"))
    with pytest.raises(BadSource, match="is a folder; name one file in it"):
        inspect(str(tmp_path))
    with pytest.raises(BadSource, match=r"x\.csv: cannot be opened"):
        inspect("nowhere://bucket/x.csv")


def test_a_path_may_hold_what_chains_addresses(tmp_path: Path) -> None:
    path = tmp_path / "crash::2026.csv"
    path.write_text("id,body\n1,x\n")
    assert inspect(str(path)).key is None
    with pytest.raises(BadSource, match="zip::none.csv: there is no such file"):
        inspect(str(tmp_path / "zip::none.csv"))


def test_images_may_not_change_size_between_batches(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": [[1, 2]]}\n' * 3 + '{"a": [[1], [2]]}\n')
    schema = Schema((Column("a", "image"),), None, None, (), "jsonl")
    with pytest.raises(BadSource, match="line 4, column 'a': is an image of another size"):
        list(read_batches(str(path), schema=schema, batch_rows=3))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([-(2**40)], pa.int64()).cast(pa.timestamp("s")),
        pa.array([2**58], pa.int64()).cast(pa.timestamp("us")),
        pa.array([2**26], pa.int32()).cast(pa.date32()),
    ],
    ids=["year -32873", "year 11104", "year 185706"],
)
def test_a_date_of_no_year_is_refused(values: pa.Array) -> None:
    schema = Schema((Column("a", "date"),), None, None, (), "table")
    with pytest.raises(BadSource, match="row 1, column 'a': is a date outside of the years 1 to"):
        list(read_batches(pa.table({"a": values}), schema=schema))
