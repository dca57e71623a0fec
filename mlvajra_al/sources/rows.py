"""What a format reader hands over: rows as they stand in the source, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.locations import Location

BATCH_BYTES = 32 * 2**20
"""A batch ends after about so many bytes of source, however few its rows."""
MOST_LISTED = 12


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
    `unread` are columns that were not asked for, of formats whose rows may omit columns.
    """

    batch: pa.RecordBatch
    first: int
    lines: Sequence[int] | None = None
    odd: Mapping[str, Odd] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    def place(self, index: int) -> str:
        """Say where a row stands, as a person would look for it."""
        if self.lines is not None:
            return f"line {self.lines[index]:,}"
        return f"row {self.first + index + 1:,}"


@dataclass(frozen=True, slots=True)
class Request:
    """Which columns to read, all of them where None, and how many rows at a time.

    Rows of a delimited file whose fields all are empty are left out, but with `blank`.
    """

    columns: tuple[str, ...] | None = None
    batch_rows: int = 50_000
    blank: bool = False


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
        raise vanished(name, missing, columns)
    return wanted


def vanished(name: str, missing: Sequence[str], columns: Sequence[str]) -> BadSource:
    """Return the error for columns that were declared but are not there."""
    one = len(missing) == 1
    are, them = ("the column {} is", "the column") if one else ("the columns {} are", "them")
    lacking = are.format(_listed([repr(column) for column in missing]))
    return BadSource(
        name,
        f"{lacking} not there (found: {_listed(columns)})",
        f"{meant(missing, columns)}restore {them} or choose another file",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_LISTED]) + (", …" if len(names) > MOST_LISTED else "")


def meant(missing: Sequence[str], columns: Sequence[str]) -> str:
    """Ask for columns of the same name but for case and outer space."""
    lacking = {column.strip().casefold() for column in missing}
    like = [column for column in columns if column.strip().casefold() in lacking]
    return f"did you mean {_listed([repr(column) for column in like])}? If not, " if like else ""
