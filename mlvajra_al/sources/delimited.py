"""CSV and its relatives: commas, semicolons, tabs or bars between the fields."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mlvajra_al.errors import BadSource
from mlvajra_al.sources import formulas
from mlvajra_al.sources.lines import LONGEST, Lines, open_lines
from mlvajra_al.sources.locations import Location
from mlvajra_al.sources.rows import BATCH_BYTES, Request, Rows, check_names, pick

HEAD = 2**20
SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*$')
"""What Excel writes and reads before the column names."""


def read(location: Location, request: Request) -> Iterator[Rows]:
    """Yield the rows of a delimited file, every field a string."""
    csv.field_size_limit(LONGEST)
    head = _head(location)
    named = SEPARATOR_LINE.match(head[0]) if head else None
    separator = named[1] if named else sniff_separator(head)
    with open_lines(location) as lines:
        if named:
            next(lines)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        records = _records(location.name, reader, 1 if named else 0, blank=request.blank)
        ours = formulas.is_ours("".join(head))
        header = _header(location.name, records, ours=ours)
        wanted = [header.index(column) for column in pick(location.name, header, request)]
        names = [header[index] for index in wanted]
        yield from _batches(lines, _Table(records, header, wanted, names, ours), request.batch_rows)


def count(location: Location) -> None:
    """Return nothing: how many rows there are is known only after reading them."""
    return None


def _head(location: Location) -> list[str]:
    with open_lines(location) as lines:
        return [line for line in itertools.islice(lines, 50) if lines.consumed < HEAD]


def sniff_separator(head: Sequence[str]) -> str:
    """Return the separator that cuts the first lines into the most fields, equally many."""
    best, best_score = ",", (False, 1)
    for separator in SEPARATORS:
        widths = _widths(head, separator)
        score = (len(set(widths)) == 1, widths[0]) if widths else (False, 0)
        if score[1] > 1 and (score > best_score or best_score[1] == 1):
            best, best_score = separator, score
    return best


def _widths(head: Sequence[str], separator: str) -> list[int]:
    widths = []
    try:
        for row in csv.reader(head, delimiter=separator, strict=True):
            if row:
                widths.append(len(row))
    except csv.Error:  # the last record may be cut; the real reader reports real errors
        pass
    return widths


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class _Table:
    records: Iterator[_Record]
    header: list[str]
    wanted: list[int]
    names: list[str]
    ours: bool
    """Whether cells that a spreadsheet would run were escaped by us."""


@dataclass(slots=True)
class _Pending:
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def _records(name: str, reader: Any, skipped: int, *, blank: bool) -> Iterator[_Record]:
    """Yield records with the line each starts on, leaving out blank ones, or blank lines only."""
    width, line = None, skipped + 1
    try:
        for fields in reader:
            if any(fields) or (blank and len(fields) == width):
                width = width or len(fields)
                if len(fields) != width:
                    raise BadSource(
                        name,
                        f"line {line:,} has {len(fields)} fields where {width} are expected",
                        "quote fields that contain the separator, or complete the line",
                    )
                yield _Record(line, fields)
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise _broken(name, line, str(error)) from error


def _broken(name: str, line: int, problem: str) -> BadSource:
    if "unexpected end of data" in problem or "field larger" in problem:
        return BadSource(
            name, f"the quote opened on line {line:,} is never closed", "close or remove it"
        )
    return BadSource(
        name, f"line {line:,}: {problem}", "double every quote that stands inside a quoted field"
    )


def _header(name: str, records: Iterator[_Record], *, ours: bool) -> list[str]:
    first = next(records, None)
    if first is None:
        raise BadSource(name, "is empty", "choose a file with rows")
    cells = formulas.unescaped(pa.array(first.fields)).to_pylist() if ours else first.fields
    header = [column.strip() or f"column {at}" for at, column in enumerate(cells, start=1)]
    if all(_is_number(column) for column in header):
        raise BadSource(
            name,
            f"line {first.line} holds numbers where the column names should be",
            "add a first line that names the columns",
        )
    check_names(name, header, f"line {first.line}")
    return header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _batches(lines: Lines, table: _Table, batch_rows: int) -> Iterator[Rows]:
    first, started = 0, 0
    pending = _Pending()
    for record in table.records:
        pending.rows.append(record.fields)
        pending.lines.append(record.line)
        full = len(pending.rows) >= batch_rows or lines.consumed - started > BATCH_BYTES
        if full:
            yield _flush(pending, table, first)
            first, started, pending = first + len(pending.rows), lines.consumed, _Pending()
    if pending.rows:
        yield _flush(pending, table, first)
    elif first == 0:
        raise BadSource(lines.name, "has column names but no rows", "choose a file with rows")


def _flush(pending: _Pending, table: _Table, first: int) -> Rows:
    columns = list(zip(*pending.rows, strict=True))
    arrays = [pa.array(columns[index], pa.large_string()) for index in table.wanted]
    if table.ours:
        arrays = [formulas.unescaped(array) for array in arrays]
    return Rows(pa.record_batch(arrays, names=table.names), first, pending.lines)
