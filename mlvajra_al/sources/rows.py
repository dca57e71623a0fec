"""What a format reader hands over: rows as they stand in the source, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.locations import Location

BATCH_BYTES = 32 * 2**20
"""A batch ends after about so many bytes of source, however few its rows."""


@dataclass(frozen=True, slots=True)
class Odd:
    """Why a column is nothing but text, and whether because it holds nested objects."""

    error: BadSource
    nested: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Some successive rows of a source, before any conversion.

    `lines` holds the line on which each row starts, for formats that have lines. `odd` are the
    columns whose values fit no Arrow type together, so that the batch holds them as JSON text.
    """

    batch: pa.RecordBatch
    first: int
    lines: Sequence[int] | None = None
    odd: Mapping[str, Odd] = field(default_factory=dict)

    def place(self, index: int) -> str:
        """Say where a row stands, as a person would look for it."""
        if self.lines is not None:
            return f"line {self.lines[index]:,}"
        return f"row {self.first + index + 1:,}"


@dataclass(frozen=True, slots=True)
class Request:
    """Which columns to read, all of them where None, and how many rows at a time."""

    columns: tuple[str, ...] | None = None
    batch_rows: int = 50_000


Read = Callable[[Location, Request], Iterator[Rows]]


@dataclass(frozen=True, slots=True)
class Source:
    """A format: how to read it, how many rows it declares, whether rows may omit columns."""

    format: str
    read: Read
    count: Callable[[Location], int | None]
    sparse: bool = False


def check_names(name: str, columns: Sequence[str], where: str) -> None:
    """Refuse column names that stand twice."""
    for index, column in enumerate(columns):
        if column in columns[:index]:
            raise BadSource(
                name, f"{where} names the column {column!r} twice", "give each column its own name"
            )


def pick(name: str, columns: Sequence[str], request: Request) -> list[str]:
    """Return the requested columns, refusing a request for one that is not there."""
    wanted = list(columns) if request.columns is None else list(request.columns)
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise vanished(name, missing[0], columns)
    return wanted


def vanished(name: str, column: str, columns: Sequence[str]) -> BadSource:
    """Return the error for a column that was declared but is not there."""
    seen = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
    return BadSource(
        name,
        f"the column {column!r} is not there (found: {seen})",
        "restore the column or choose another file",
    )
