"""`mlvajra backup`, `backups`: copies of the workspace, side by side."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.workspace import now, opened, operator, progress, put

if TYPE_CHECKING:
    from mlvajra_al.services.backup import Backup

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Place = Annotated[Path, typer.Argument(help="The folder that backups are made into.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra backup /mnt/backups")(backup)
    app.command(epilog="Example: mlvajra backups /mnt/backups")(backups)


def backup(place: Place, as_json: AsJson = False) -> None:
    """Copy the workspace into a new dated folder, while people label; what is there is linked."""
    from mlvajra_al.services import backup as service

    with opened() as store, progress(unit="files") as bar:
        task = bar.add_task("Backing up", total=1)
        made = service.backup(
            store,
            operator(store),
            place,
            now=now(),
            watch=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        put(_row(made))
        return
    held = made.manifest
    there, room = held.files - held.new_files, held.bytes - held.new_bytes
    sys.stderr.write(
        f"{made.folder} holds {held.annotations:,} annotations in {held.files:,} files "
        f"({_size(held.bytes)}), every checksum verified: {held.new_files:,} new "
        f"({_size(held.new_bytes)}), {there:,} shared with earlier backups ({_size(room)})\n"
    )


def backups(place: Place, as_json: AsJson = False) -> None:
    """List the backups in a folder with their date and size, oldest first."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import backup as service

    found = service.listed(place)
    if as_json:
        put([_row(item) for item in found])
        return
    tables.show(
        [
            {
                "backup": item.folder.name,
                "made": f"{item.manifest.created_at:%Y-%m-%d %H:%M:%S} UTC",
                "projects": item.manifest.projects,
                "annotations": item.manifest.annotations,
                "versions": item.manifest.versions,
                "size": _size(item.manifest.bytes),
                "new": _size(item.manifest.new_bytes),
            }
            for item in found
        ]
    )
    left = service.unfinished(place)
    if left:
        sys.stderr.write(f"{left:,} interrupted; the next backup removes what is left of it\n")


def _row(item: Backup) -> dict[str, Any]:
    return {"folder": str(item.folder)} | asdict(item.manifest)


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"
