"""What our CSV files escape is read back as it was; no other cell is touched."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlvajra_al.records import Column, Schema
from mlvajra_al.services.export_formats import to_csv
from mlvajra_al.services.exporting import LABEL_SCHEMA
from mlvajra_al.sources.catalogue import inspect, read_batches
from mlvajra_al.sources.formulas import escaped, escaped_column, unescaped

quick = settings(derandomize=True, deadline=None, database=None, max_examples=300)
CELLS = st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠15.eE a\"é"), max_size=6)
HOSTILE = [
    "=1+1",
    "'=1+1",
    "''=1",
    "'",
    "''",
    "'tis",
    "-5",
    "'-5",
    "-5\n",
    "- 5",
    "+1e5",
    "@a",
    "'@a",
]


@quick
@given(CELLS)
def test_every_cell_is_read_as_it_was(text: str) -> None:
    cell = escaped(text)
    assert unescaped(pa.array([cell], pa.large_string())).to_pylist() == [text]
    assert escaped_column(pa.chunked_array([[text]])).to_pylist() == [cell]


def _table(cells: list[str]) -> pa.Table:
    made = pa.Table.from_pylist(
        [{"key": f"{cell}{place}", "label": cell} for place, cell in enumerate(cells)],
        schema=LABEL_SCHEMA,
    )
    return made.append_column("=text", pa.array(cells, pa.large_string()))


def _as_written(found: Schema) -> Schema:
    return replace(found, columns=tuple(Column(c.name, "ignored") for c in found.columns), key=None)


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(st.lists(CELLS, min_size=1, max_size=5))
@example(HOSTILE)
def test_an_export_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.mktemp("export") / "labels.csv"
    table = _table([f"{cell}x" for cell in cells] + cells)
    path.write_bytes(b"".join(to_csv(table.schema, iter([table]))))
    read = pa.Table.from_batches(read_batches(str(path), schema=_as_written(inspect(path))))
    for name in ("key", "label", "=text"):
        assert [text or "" for text in read[name].to_pylist()] == table[name].to_pylist()


@quick
@given(st.lists(CELLS, min_size=1, max_size=5))
@example(HOSTILE)
def test_a_file_of_somebody_else_is_read_as_it_stands(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    table = _table([escaped(cell) for cell in cells])
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(table.schema.names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    path = tmp_path_factory.mktemp("theirs") / "labels.csv"
    path.write_bytes(sink.getvalue().encode())
    read = pa.Table.from_batches(read_batches(str(path), schema=_as_written(inspect(path))))
    for name in ("key", "label", "=text"):
        assert [text or "" for text in read[name].to_pylist()] == table[name].to_pylist()
