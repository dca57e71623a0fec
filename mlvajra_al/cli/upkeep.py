"""`mlvajra backup`, `backups`, `restore`, `doctor`: the workspace kept, brought back, examined."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlvajra_al.cli.workspace import (
    AsJson,
    now,
    opened_as_it_is,
    operator,
    progress,
    put,
    warn_unrecorded,
)
from mlvajra_al.errors import Invalid
from mlvajra_al.words import plural

if TYPE_CHECKING:
    from mlvajra_al.services.backup import Backup, Lacking
    from mlvajra_al.services.restoring import Restored

WITHOUT_FILES = 3
"""The exit code of a backup that was made, but lacks files."""


def _folder(name: str) -> Path:
    """Return a folder that is named; "" would be the one a command happens to be called in.

    Raises
    ------
    Invalid
    """
    if not name.strip():
        raise Invalid("no folder is named: the argument is empty; name one, or . for this one")
    return Path(name)


Place = Annotated[
    Path,
    typer.Argument(help="The folder that backups are made into.", parser=_folder, metavar="PLACE"),
]

Dated = Annotated[
    Path, typer.Argument(help="One backup: a dated folder.", parser=_folder, metavar="SOURCE")
]
Into = Annotated[
    Path | None,
    typer.Option(
        help="Another folder, which becomes a workspace with an SQLite database.",
        parser=_folder,
        metavar="FOLDER",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra backup /mnt/backups")(backup)
    app.command(epilog="Example: mlvajra backups /mnt/backups")(backups)
    example = "Example: mlvajra restore /mnt/backups/2026-11-23T18-00-00Z --into /tmp/look"
    app.command(epilog=example)(restore)
    app.command(epilog="Example: mlvajra doctor --json")(doctor)


def backup(place: Place, as_json: AsJson = False) -> None:
    """Copy the workspace into a new dated folder, while people label; what is there is linked.

    Exit code 3 when it was made, but without files that are damaged or missing.
    """
    from mlvajra_al.services import backup as service
    from mlvajra_al.store import revisions

    with opened_as_it_is() as store, progress(unit="files") as bar:
        task = bar.add_task("Backing up", total=1)
        # Who commands act as is not asked of a schema that may not know it yet.
        person = operator(store) if store.schema() == revisions.newest() else None
        made = service.backup(
            store,
            person,
            place,
            now=now(),
            watch=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        put(_row(made))
    else:
        _say_what_it_holds(made)
    warn_unrecorded(made.unrecorded)
    lacking = made.manifest.lacking
    if lacking:
        sys.stderr.write(
            f"made, but without {len(lacking):,} files, of which no backup in {place} holds a "
            f"whole copy:\n{_named(lacking)}'mlvajra doctor' says what to do; the next backup has "
            "those that are whole again by then\n"
        )
        raise typer.Exit(WITHOUT_FILES)


def _say_what_it_holds(made: Backup) -> None:
    held = made.manifest
    there, room = held.files - held.new_files, held.bytes - held.new_bytes
    sys.stderr.write(
        f"{made.folder} holds {plural(held.annotations, 'annotation')} in "
        f"{plural(held.files, 'file')} ({_size(held.bytes)}), every checksum verified: "
        f"{held.new_files:,} new ({_size(held.new_bytes)}), "
        f"{there:,} shared with earlier backups ({_size(room)})\n"
    )


def backups(place: Place, as_json: AsJson = False) -> None:
    """List the backups in a folder with their date, their size and how many files they lack."""
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
                "made": item.manifest.created_at,
                "projects": item.manifest.projects,
                "annotations": item.manifest.annotations,
                "versions": item.manifest.versions,
                "size": _size(item.manifest.bytes),
                "new": _size(item.manifest.new_bytes),
                "lacks": len(item.manifest.lacking),
            }
            for item in found
        ]
    )
    left = service.unfinished(place)
    if left:
        sys.stderr.write(f"{left:,} interrupted; the next backup removes what is left of it\n")


def restore(
    source: Dated,
    into: Into = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace what is there; it is moved aside, not deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a backup, every checksum of it, then put it in the place of the workspace.

    Says first what the backup was made without.
    """
    from mlvajra_al.config import settings, sqlite_url
    from mlvajra_al.services import restoring

    chosen = settings()
    place = restoring.Place(chosen.home, chosen.url)
    if into is not None:
        place = restoring.Place(into, sqlite_url(into / "mlvajra.db"))
    _warn_of_lacking(source)
    with progress(unit="files") as bar:
        task = bar.add_task("Verifying", total=1)
        done = restoring.restore(
            source,
            place,
            overwrite=yes,
            now=now(),
            watch=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        about: dict[str, Any] = {"home": str(done.home), "aside": done.aside and str(done.aside)}
        about |= {"revision": done.revision, "ended": asdict(done.ended), "resumed": done.resumed}
        put(_row(done.backup) | about)
    else:
        _say_restored(done)


def _say_restored(done: Restored) -> None:
    held = done.backup.manifest
    sys.stderr.write(
        f"{done.home} holds {plural(held.annotations, 'annotation')} as of "
        f"{held.created_at:%Y-%m-%d %H:%M} UTC\n{done.ended} have ended: sign in again, make new "
        "tokens and links; accounts, roles and passwords are those of the backup, so disable again "
        "who has left since\n"
    )
    if done.aside:
        sys.stderr.write(f"what was there before lies in {done.aside}\n")


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what is safe to mend, and say what was done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Examine the whole workspace and say what to do; exit code 1 when something is wrong."""
    from mlvajra_al.config import settings
    from mlvajra_al.services import workspaces
    from mlvajra_al.services.checking import examination

    chosen = settings()
    there = chosen.home.exists()
    with (
        closing(workspaces.examined(chosen.home.absolute(), chosen.url)) as store,
        progress(unit="files") as bar,
    ):
        task = bar.add_task("Examining", total=1)
        found = examination.examine(
            store,
            now=now(),
            lease=timedelta(minutes=chosen.lease_minutes),
            fix=fix,
            there=there,
            watch=lambda done, total: bar.update(task, completed=done, total=total),
        )
    wrong = sum(item.wrong for item in found)
    if as_json:
        put({"wrong": wrong, "findings": [asdict(item) for item in found]})
    else:
        for item in found:
            mark = "wrong" if item.wrong else "fixed" if item.fixed else "note "
            sys.stdout.write(f"{mark} | {item.what}\n      | {item.remedy}\n")
        count = plural(wrong, "thing is wrong", "things are wrong") if wrong else "nothing is wrong"
        sys.stdout.write(f"{count}\n")
    if wrong:
        raise typer.Exit(1)


def _row(item: Backup) -> dict[str, Any]:
    return {"folder": str(item.folder)} | (
        asdict(item.manifest) | {"created_at": item.manifest.created_at.isoformat()}
    )


def _warn_of_lacking(source: Path) -> None:
    """Say without which files a backup was made."""
    from mlvajra_al.services import restoring

    lacking = restoring.lacking(source)
    if lacking:
        sys.stderr.write(
            f"{source} was made without {len(lacking):,} files, which will be missing:\n"
            f"{_named(lacking)}where that is a model, the last good version answers instead; "
            "samples of a pool (shards) are not shown and not learned\n"
        )


def _named(lacking: Sequence[Lacking]) -> str:
    return "".join(f"  {item.path} {item.what}\n" for item in lacking)


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"
