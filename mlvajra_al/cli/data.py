"""`mlvajra export`: data out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlvajra_al.cli.workspace import now, opened, operator, warn_unrecorded
from mlvajra_al.errors import Invalid


class What(StrEnum):
    """What can be exported."""

    labels = "labels"
    history = "history"


class Format(StrEnum):
    """How it can be written."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


MISLEADING = ("gz", "json", "ndjson", "pq", "xls", "xlsx", "ods", "zip", "arrow", "feather")
"""Endings of files that other programs, and an import, would not read as CSV."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    example = "Example: mlvajra export spam --what labels --format csv --out labels.csv"
    app.command(epilog=example)(export)


def export(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    what: Annotated[
        What, typer.Option(help="Gold labels with their samples, or all that was ever said.")
    ] = What.labels,
    file_format: Annotated[
        Format | None,
        typer.Option("--format", help="CSV, JSON Lines or Parquet; else as the file's name ends."),
    ] = None,
    out: Annotated[str, typer.Option(help="The file to write; - is standard output.")] = "-",
) -> None:
    """Write gold labels or the full annotation history, in bounded memory."""
    from mlvajra_al.services import exporting

    written = _format_of(out, file_format)
    tally = exporting.Tally()
    with opened() as store:
        pieces = exporting.export(
            store,
            operator(store),
            project,
            what=what.value,
            file_format=written.value,
            now=now(),
            tally=tally,
        )
        if out == "-":
            write_out(pieces)
        else:
            write_file(pieces, Path(out))
            rows = f"{tally.rows:,} {'row' if tally.rows == 1 else 'rows'}"
            sys.stderr.write(f"{out}: {rows}, the {what.value} of {project}\n")
    warn_unrecorded(tally.unrecorded)


def _format_of(out: str, asked: Format | None) -> Format:
    """Return how to write a file: as it is asked for, or as its name ends.

    Raises
    ------
    Invalid
        If the two differ, or its name ends as that of no file we write.
    """
    ending = Path(out).suffix.lower().removeprefix(".")
    told = Format(ending) if ending in list(Format) else None
    if asked is told is None and ending in MISLEADING:
        raise Invalid(
            f"{out} would hold CSV, which no program takes for .{ending}; name a file that ends in "
            ".csv, .jsonl or .parquet, or give --format"
        )
    if asked is not None and told is not None and asked is not told:
        raise Invalid(
            f"{out} ends in .{ending}, but --format is {asked.value}; leave out --format, or give "
            f"the file a name that ends in .{asked.value}"
        )
    return asked or told or Format.csv


def write_out(pieces: Iterator[bytes]) -> None:
    """Write to standard output."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def require_place(path: Path) -> None:
    """Refuse the name of a file that cannot be written.

    Raises
    ------
    Invalid
        If there is a folder of that name, or none to write it in.
    """
    if path.is_dir():
        raise Invalid(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise Invalid(f"{path}: there is no folder {path.parent}; make it, or name another file")


def write_file(pieces: Iterator[bytes], path: Path) -> None:
    """Write a file that is complete or not there.

    Raises
    ------
    Invalid
        If there is a folder of that name, or none to write it in.
    """
    require_place(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        file = partial.open("wb")
    except OSError as error:
        error.filename = str(path)  # nobody has heard of the other
        raise
    try:
        with file:
            for piece in pieces:
                file.write(piece)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
