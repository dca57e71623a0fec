"""`mlvajra export` and `mlvajra backup`: data out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlvajra_al.cli.workspace import now, opened, operator, put


class What(StrEnum):
    """What can be exported."""

    labels = "labels"
    history = "history"


class Format(StrEnum):
    """How it can be written."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    example = "Example: mlvajra export spam --what labels --format csv --out labels.csv"
    app.command(epilog=example)(export)
    app.command(epilog="Example: mlvajra backup /mnt/backups/monday")(backup)


def export(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    what: Annotated[
        What, typer.Option(help="Gold labels with their samples, or all that was ever said.")
    ] = What.labels,
    file_format: Annotated[
        Format, typer.Option("--format", help="CSV, JSON Lines or Parquet.")
    ] = Format.csv,
    out: Annotated[str, typer.Option(help="The file to write; - is standard output.")] = "-",
) -> None:
    """Write gold labels or the full annotation history, in bounded memory."""
    from mlvajra_al.services import exporting

    with opened() as store:
        pieces = exporting.export(
            store, operator(store), project, what=what.value, file_format=file_format.value
        )
        if out == "-":
            write_out(pieces)
        else:
            write_file(pieces, Path(out))


def write_out(pieces: Iterator[bytes]) -> None:
    """Write to standard output."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def write_file(pieces: Iterator[bytes], path: Path) -> None:
    """Write a file that is complete or not there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is empty or not there yet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Copy the workspace, consistently while people label; open the copy with MLVAJRA_HOME."""
    from dataclasses import asdict

    from mlvajra_al.services import backup as service

    with opened() as store:
        made = service.backup(store, operator(store), folder, now=now())
    if as_json:
        put(asdict(made))
    else:
        sys.stderr.write(
            f"{folder} holds {made.annotations:,} annotations and {made.files:,} files "
            f"({made.bytes / 2**20:,.1f} MB), every checksum verified\n"
        )
