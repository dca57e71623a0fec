"""Tables in, bytes out, a page at a time: CSV, JSON Lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mlvajra_al.sources.formulas import escaped

Format = Literal["csv", "jsonl", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return escaped(str(value))


def to_csv(schema: pa.Schema, pages: Iterator[pa.Table]) -> Iterator[bytes]:
    """Yield CSV with a header. Text is always quoted: no separator cuts a formula out of it."""
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([escaped(name) for name in schema.names])
    for page in pages:
        yield _taken(sink)
        for row in zip(*(column.to_pylist() for column in page.columns), strict=True):
            writer.writerow([_cell(value) for value in row])
    yield _taken(sink)


def _taken(sink: io.StringIO) -> bytes:
    text = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return text.encode()


def to_json_lines(schema: pa.Schema, pages: Iterator[pa.Table]) -> Iterator[bytes]:
    """Yield one JSON object per line; what has no value is null."""
    for page in pages:
        yield b"".join(
            orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
            for row in page.to_pylist()
        )


class _Sink(io.RawIOBase):
    """Where Parquet is written to, to be taken away piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def to_parquet(schema: pa.Schema, pages: Iterator[pa.Table]) -> Iterator[bytes]:
    """Yield a Parquet file, one row group per page."""
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for page in pages:
            writer.write_table(page)
            yield sink.take()
    yield sink.take()


FORMATS: dict[Format, Callable[[pa.Schema, Iterator[pa.Table]], Iterator[bytes]]] = {
    "csv": to_csv,
    "jsonl": to_json_lines,
    "parquet": to_parquet,
}
