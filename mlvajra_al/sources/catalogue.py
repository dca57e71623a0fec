"""Data in: inspect any location and read it as typed Arrow record batches.

To add a format: write a module with ``read(location, request) -> Iterator[Rows]`` and
``count(location)``, add it to `SOURCES` and its endings to `locations.ENDINGS`;
``tests/contract/test_sources.py`` then holds it to the same promises as the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.errors import BadSource
from mlvajra_al.records import Column, Repeated, Schema
from mlvajra_al.sources import delimited, json_lines, parquet, tables
from mlvajra_al.sources.inference import (
    infer,
    repeated_id,
    suggest_answer,
    suggest_key,
    suggest_title,
)
from mlvajra_al.sources.locations import Location, detect
from mlvajra_al.sources.rows import Request, Rows, Source, vanished
from mlvajra_al.sources.values import Misfit, convert, decoded

SOURCES: dict[str, Source] = {
    "csv": Source("csv", delimited.read, delimited.count),
    "jsonl": Source("jsonl", json_lines.read, json_lines.count, sparse=True),
    "parquet": Source("parquet", parquet.read, parquet.count),
    "table": Source("table", tables.read, tables.count),
}
SAMPLE_ROWS = 10_000
LETTERS = 40
"""Of a value are told."""
SENT = "what was sent"
KIND, WRITTEN = "kind", "written"
"""Metadata of each field of a batch: what its column holds, and how that was written."""


def inspect(
    uri: str | pa.Table, *, preview: int = 20, used: Collection[str | None] | None = None
) -> Schema:
    """Say what a source holds, from its first rows; nothing is imported.

    `used` are the columns that will be, any of them where None. Nested objects are refused there
    and ignored elsewhere, as is whatever else no model can look at.

    Raises
    ------
    BadSource
        If it cannot be read as it is.
    """
    opened = _open(uri)
    batches = opened.source.read(opened.place, Request(batch_rows=SAMPLE_ROWS))
    sample = next(batches)
    complete = next(batches, None) is None
    names = sample.batch.schema.names
    for name in names if used is None else set(names).intersection(used):
        _require_flat(opened.name, sample, name)
    values = {name: decoded(sample.batch.column(name)) for name in names if name not in sample.odd}
    key = suggest_key(values)
    columns = {name: _infer(opened.name, sample, name) for name in names}
    if key is not None:
        columns[key] = Column(key, "ignored")
    counted = opened.source.count(opened.place)
    schema = Schema(
        columns=tuple(columns.values()),
        key=key,
        rows=sample.batch.num_rows if counted is None and complete else counted,
        preview=(),
        format=opened.source.format,
        answer=suggest_answer({name: there for name, there in values.items() if name != key}),
        title=suggest_title({name: column.kind for name, column in columns.items()}),
        repeated=_repeated(sample, values),
    )
    if preview < 1:
        return schema
    shown = replace(sample, batch=sample.batch.slice(0, preview))
    return replace(schema, preview=tuple(_typed(opened.name, shown, schema).to_pylist()))


def _repeated(sample: Rows, values: dict[str, pa.Array]) -> Repeated | None:
    """Say of a column named as keys are which value stands twice, and where; nothing of others."""
    found = repeated_id(values)
    if found is None:
        return None
    name, first, second = found
    value = str(values[name][second].as_py())[:LETTERS]
    places = f"{sample.place(first)} and {sample.place(second)}"
    return Repeated(name, f"{value!r} stands twice, on {places}")


def read_batches(
    uri: str | pa.Table,
    *,
    schema: Schema | None = None,
    batch_rows: int = 50_000,
    blank: bool = False,
    optional: Collection[str] = (),
    unread: set[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the columns of `schema`, in its order and of the types of their kinds.

    Columns of the source that `schema` does not name are left out. A batch is also cut
    after some 32 MB of text, so that memory stays bounded whatever the rows hold. The key of
    `schema` is refused where it is no text, number or date: two rows must not look alike by it.
    With `blank` rows of a delimited file of which every field is empty are rows too. Where rows
    may omit columns, `optional` ones may be in none; those that `schema` does not name are added
    to `unread`, wherever they first stand.

    Raises
    ------
    BadSource
        At the first thing that cannot be read: names the file, the place and the remedy.
    """
    schema = schema or inspect(uri)
    opened = _open(uri)
    names = tuple(column.name for column in schema.columns)
    seen: set[str] = set()
    first: pa.Schema | None = None
    for rows in opened.source.read(opened.place, Request(names, batch_rows, blank)):
        seen.update(rows.batch.schema.names)
        if unread is not None:
            unread |= rows.unread
        batch = _typed(opened.name, rows, schema)
        first = first or batch.schema
        _check_same(opened.name, rows, first, batch.schema)
        yield batch
    missing = [name for name in names if name not in seen and name not in optional]
    if missing:  # only where rows may omit columns
        sample = next(opened.source.read(opened.place, Request(batch_rows=SAMPLE_ROWS)))
        raise vanished(opened.name, missing, sample.batch.schema.names)


def table_of(objects: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pa.Table:
    """Return rows that were typed in or sent, read as a file of them would be.

    Raises
    ------
    BadSource
        At the first value that cannot be read as what its column holds.
    """
    schema = Schema(tuple(columns), key=None, rows=len(objects), preview=(), format="jsonl")
    wanted = Request(tuple(column.name for column in columns))
    try:
        rows = json_lines.as_rows(SENT, objects, None, first=0, request=wanted)
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadSource(
            SENT, f"a value cannot be read ({error})", "correct it or leave it empty"
        ) from error
    return pa.Table.from_batches([_typed(SENT, rows, schema)])


def field(column: Column, stored: pa.DataType) -> pa.Field:
    """Return the field of a batch that says what its column holds."""
    return pa.field(column.name, stored, metadata={KIND: column.kind, WRITTEN: column.written})


def distinct(uri: str | pa.Table, column: str) -> Iterator[str]:
    """Yield what the rows of a column say, each once, as labels are read; blanks say nothing.

    Raises
    ------
    BadSource
        At the first thing that cannot be read.
    """
    seen: set[str] = set()
    wanted = Schema((Column(column, "ignored"),), key=None, rows=None, preview=(), format="")
    for batch in read_batches(uri, schema=wanted):
        for value in pc.unique(pc.utf8_trim_whitespace(batch.column(column))).to_pylist():
            if value and value not in seen:
                seen.add(value)
                yield value


def format_of(uri: str | pa.Table) -> str:
    """Return the format of a source after a look at its first bytes.

    Raises
    ------
    BadSource
        If it cannot be opened, is of no format we read, or not what its ending says.
    """
    return _open(uri).source.format


def name_of(uri: str | pa.Table) -> str:
    """Return a source's name as the person knows it."""
    return tables.NAME if isinstance(uri, pa.Table) else Location(uri).name


def place(uri: str | pa.Table, row: int) -> str:
    """Say where row number `row`, counted from 0, stands: "line 17" or "row 17"."""
    opened = _open(uri)
    for rows in opened.source.read(opened.place, Request()):
        if row < rows.first + rows.batch.num_rows:
            return rows.place(row - rows.first)
    return f"row {row + 1:,}"


@dataclass(frozen=True, slots=True)
class _Opened:
    source: Source
    place: Any
    name: str


def _open(uri: str | pa.Table) -> _Opened:
    if isinstance(uri, pa.Table):
        return _Opened(SOURCES["table"], uri, tables.NAME)
    location = Location(str(uri))
    return _Opened(SOURCES[detect(location)], location, location.name)


def _require_flat(name: str, rows: Rows, column: str) -> None:
    if column in rows.odd and rows.odd[column].nested:
        raise rows.odd[column].error
    kind = rows.batch.column(column).type
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        raise BadSource(
            name,
            f"the column {column!r} holds nested objects",
            "write their values as columns of their own",
        )


def _infer(name: str, rows: Rows, column: str) -> Column:
    values = rows.batch.column(column)
    if column in rows.odd:
        return Column(column, "ignored")
    try:
        found = infer(column, values)
    except Misfit as misfit:
        raise _bad(name, rows, column, misfit) from misfit
    fits = found.kind != "image" or _fits(values, found)
    return found if fits else Column(column, "ignored")


def _fits(values: pa.Array, column: Column) -> bool:
    try:
        convert(values, column)
    except Misfit:
        return False
    return True


def _typed(name: str, rows: Rows, schema: Schema) -> pa.RecordBatch:
    arrays = [
        _convert(name, rows, column, exact=column.name == schema.key) for column in schema.columns
    ]
    fields = [
        field(column, array.type) for column, array in zip(schema.columns, arrays, strict=True)
    ]
    return pa.record_batch(arrays, schema=pa.schema(fields))


def _convert(name: str, rows: Rows, column: Column, *, exact: bool) -> pa.Array:
    if column.name not in rows.batch.schema.names:  # only where rows may omit columns
        return convert(pa.nulls(rows.batch.num_rows, pa.large_string()), column)
    if column.name in rows.odd and (exact or column.kind != "ignored"):
        raise rows.odd[column.name].error
    try:
        return convert(rows.batch.column(column.name), column, exact=exact)
    except Misfit as misfit:
        raise _bad(name, rows, column.name, misfit) from misfit


def _bad(name: str, rows: Rows, column: str, misfit: Misfit) -> BadSource:
    where = f"{rows.place(misfit.index)}, column {column!r}"
    return BadSource(name, f"{where}: {misfit.found}", misfit.remedy)


def _check_same(name: str, rows: Rows, first: pa.Schema, now: pa.Schema) -> None:
    """Refuse images whose size changes from one batch to the next."""
    for before, after in zip(first, now, strict=True):
        if before.type != after.type:
            raise BadSource(
                name,
                f"{rows.place(0)}, column {before.name!r}: is an image of another size",
                "give every image the same size",
            )
