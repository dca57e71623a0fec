from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlvajra_al.records import Column, ColumnKind, Schema
from mlvajra_al.sources import delimited, json_lines
from mlvajra_al.sources.catalogue import KIND, inspect, name_of, place, read_batches
from mlvajra_al.sources.delimited import sniff_separator
from mlvajra_al.sources.locations import Location
from mlvajra_al.sources.rows import Request


def rows_of(path: Path, **kinds: Any) -> list[dict[str, Any]]:
    schema = None
    if kinds:
        columns = tuple(Column(name, kind) for name, kind in kinds.items())
        schema = Schema(columns, None, None, (), "")
    return pa.Table.from_batches(read_batches(str(path), schema=schema)).to_pylist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_files_are_read_whatever_mark_they_start_with(
    encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("name,note\nZoë,naïve café au lait\n".encode(encoding))
    assert rows_of(path) == [{"name": "Zoë", "note": "naïve café au lait"}]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separators_and_line_ends_are_recognised(
    separator: str, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    lines = [("a", "b"), ('"one, two; three | four\tfive"', "6"), ("x", "7")]
    path.write_bytes("".join(separator.join(line) + ending for line in lines).encode())
    assert [row["b"] for row in rows_of(path)] == [6.0, 7.0]


def test_a_single_column_of_prose_is_not_cut_at_its_commas() -> None:
    assert sniff_separator(["text\n", '"well, yes"\n', '"no; never"\n']) == ","


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "sep=|"])
def test_the_line_with_which_excel_names_its_separator_is_no_row(
    first: str, tmp_path: Path
) -> None:
    separator = first.strip('"')[-1]
    path = tmp_path / "x.csv"
    path.write_text(f"{first}\r\nname,first{separator}b\r\nx{separator}1\r\ny{separator}2\r\n")
    assert [row["b"] for row in rows_of(path)] == [1.0, 2.0]
    assert place(str(path), 1) == "line 4"


def test_quoted_line_breaks_and_doubled_quotes_belong_to_the_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'id,text\nm1,"Dear ""you"",\n\nbye"\nm2,plain\n')
    assert [row["text"] for row in rows_of(path)] == ['Dear "you",\n\nbye', "plain"]
    assert place(str(path), 1) == "line 5"


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n\n1,2\n,\n3,4\n\n")
    assert [row["a"] for row in rows_of(path)] == [1.0, 3.0]
    assert place(str(path), 1) == "line 5"


def test_gzip_is_unpacked_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert rows_of(path) == [{"a": 1.0, "b": 2.0}]


def test_a_file_without_an_ending_is_read_as_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text('{"a": 1}\n')
    (tmp_path / "fields").write_text("a\n1\n")
    assert inspect(str(tmp_path / "lines")).format == "jsonl"
    assert inspect(str(tmp_path / "fields")).format == "csv"


def test_missing_values_are_missing_and_nan_is_one_of_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("n,c,t,b,d\n1,x,some words,yes,2024-01-02\nNaN,,,,\nNA,-,-,n/a,null\n")
    kinds = dict(n="numeric", c="categorical", t="text", b="boolean", d="date")
    first, *others = rows_of(path, **kinds)
    assert first == {
        "n": 1.0,
        "c": "x",
        "t": "some words",
        "b": True,
        "d": datetime(2024, 1, 2),  # noqa: DTZ001 - stored as UTC without saying so
    }
    assert others[0] == {"n": None, "c": None, "t": "", "b": None, "d": None}
    assert others[1] == {"n": None, "c": "-", "t": "-", "b": None, "d": None}


def test_python_writes_nan_into_json_and_we_read_it_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": NaN, "b": 1}\n{"a": 2.5}\n')
    assert rows_of(path) == [{"a": None, "b": 1.0}, {"a": 2.5, "b": None}]


def test_a_key_of_json_that_appears_late_is_still_a_column(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": 3, "b": 4}\n')
    schema = inspect(str(path))
    batches = list(read_batches(str(path), schema=schema, batch_rows=1))
    assert [batch.column("b").to_pylist() for batch in batches] == [[None], [None], [4.0]]


def test_json_values_of_mixed_types_become_text(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": "two"}\n{"a": true}\n{"a": null}\n')
    assert [row["a"] for row in rows_of(path)] == ["1", "two", "true", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02", "2024-01-02T00:00:00"),
        ("2024-01-02 10:11:12", "2024-01-02T10:11:12"),
        ("2024-01-02T10:11:12Z", "2024-01-02T10:11:12"),
        ("2024-01-02T10:11:12+02:00", "2024-01-02T08:11:12"),
        ("2024-01-02T10:11:12.250-0130", "2024-01-02T11:41:12.250000"),
    ],
)
def test_dates_are_kept_in_utc(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"d,e\n{text},1\n2020-01-01,2\n")
    assert rows_of(path, d="date")[0]["d"].isoformat() == expected


@pytest.mark.parametrize(
    "cell",
    ["[[0, 1], [2, 3]]", "[0, 1, 2, 3]", "[[0.0,1.0],[2.0,3.0]]"],
)
def test_images_are_rows_of_numbers_however_they_are_written(cell: str, tmp_path: Path) -> None:
    in_csv, in_json = tmp_path / "x.csv", tmp_path / "x.jsonl"
    in_csv.write_text(f'y,pixels\n1,"{cell}"\n')
    in_json.write_text(json.dumps({"y": 1, "pixels": json.loads(cell)}) + "\n")
    for path in (in_csv, in_json):
        assert rows_of(path)[0]["pixels"] == [[0.0, 1.0], [2.0, 3.0]]


def test_ids_and_labels_keep_their_spelling(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": 7, "zip": "01234", "y": 1.0}\n')
    assert rows_of(path, id="ignored", zip="ignored", y="ignored") == [
        {"id": "7", "zip": "01234", "y": "1"}
    ]


def test_only_the_columns_asked_for_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1, "b": 2, "bad": {"nested": 1}}\n')
    batches = list(
        read_batches(
            str(path),
            schema=Schema((Column("b", "numeric"), Column("a", "numeric")), None, None, (), ""),
        )
    )
    assert batches[0].schema.names == ["b", "a"]
    assert batches[0].schema.field("b").metadata[KIND.encode()] == b"numeric"


def test_long_texts_end_a_batch_before_its_rows_are_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (delimited, json_lines):
        monkeypatch.setattr(module, "BATCH_BYTES", 1_000)
    as_csv, as_json = tmp_path / "x.csv", tmp_path / "x.jsonl"
    as_csv.write_text("text,n\n" + f"{'word ' * 80},1\n" * 10)
    as_json.write_text((json.dumps({"text": "word " * 80}) + "\n") * 10)
    for path in (as_csv, as_json):
        batches = list(read_batches(str(path)))
        assert sum(batch.num_rows for batch in batches) == 10
        assert max(batch.num_rows for batch in batches) == 3


def test_every_row_is_placed_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n" + "1\n" * 10)
    parts = list(delimited.read(Location(str(path)), Request(batch_rows=4)))
    places = [rows.place(index) for rows in parts for index in range(rows.batch.num_rows)]
    assert places == [f"line {number}" for number in range(2, 12)]
    table = pa.table({"a": [1, 2, 3]})
    assert place(table, 2) == "row 3"
    assert place(table, 99) == "row 100"


def test_a_location_is_named_as_the_person_knows_it() -> None:
    assert name_of("s3://bucket/folder/my%20mail.csv?version=2") == "my mail.csv"
    assert name_of("/home/ada/mail.csv") == "mail.csv"
    assert name_of(pa.table({})) == "table"


def test_numbers_beyond_what_a_column_of_integers_holds_are_read_as_floats(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a": {2**70}, "b": {2**60}}}\n\n{{"a": 1, "b": 0.5}}\n')
    assert [row["a"] for row in rows_of(path)] == [float(2**70), 1.0]
    assert [row["b"] for row in rows_of(path)] == [float(2**60), 0.5]


@pytest.mark.parametrize("stored", [pa.int64(), pa.float64(), pa.string()])
def test_an_id_is_the_same_whether_it_was_stored_as_an_integer_or_a_float(
    stored: pa.DataType,
) -> None:
    ids = [7, 12_345_678_901, 2**53]
    schema = Schema((Column("id", "ignored"),), "id", None, (), "table")
    (batch,) = read_batches(pa.table({"id": pa.array(ids).cast(stored)}), schema=schema)
    assert batch["id"].to_pylist() == [str(number) for number in ids]


@pytest.mark.parametrize("beside", ["2.5", '"x"'])
def test_a_fraction_is_the_same_text_in_every_file(tmp_path: Path, beside: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"id": 12345678901.5}}\n{{"id": 1e-7}}\n{{"id": {beside}}}\n')
    assert [row["id"] for row in rows_of(path, id="ignored")][:2] == ["12345678901.5", "1e-07"]


@pytest.mark.parametrize("kind", ["ignored", "categorical"])
def test_no_number_is_no_name_and_no_category(kind: ColumnKind) -> None:
    schema = Schema((Column("n", kind),), None, None, (), "table")
    (batch,) = read_batches(pa.table({"n": [1.0, float("nan")]}), schema=schema)
    assert batch["n"].to_pylist() == ["1", None]


def test_ids_of_json_are_the_same_whatever_stands_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for other in ("1", "1.5", '"x"', "true", "null"):
        path.write_text(f'{{"id": {2**53 + 1}}}\n{{"id": 3.0}}\n{{"id": {other}}}\n')
        found = [row["id"] for row in rows_of(path, id="ignored")]
        assert found[:2] == [str(2**53 + 1), "3"]


def test_what_python_writes_for_a_missing_text_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "word"}\n{"a": NaN}\n')
    assert rows_of(path, a="text") == [{"a": "word"}, {"a": ""}]


def test_a_zone_may_stand_apart_whatever_else_the_column_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n2024-01-01 10:00:00.5 +0530\n2024-01-01T10:00:00.123456789Z\n")
    assert [row["a"].isoformat() for row in rows_of(path)] == [
        "2024-01-01T04:30:00.500000",
        "2024-01-01T10:00:00.123456",
    ]


def test_yes_and_no_may_be_read_as_numbers() -> None:
    schema = Schema((Column("a", "numeric"),), None, None, (), "table")
    (batch,) = read_batches(pa.table({"a": [True, False, None]}), schema=schema)
    assert batch.column("a").to_pylist() == [1.0, 0.0, None]
