"""Copy the workspace, consistently while people label."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from mlvajra_al.errors import Conflict, Invalid
from mlvajra_al.records import Person
from mlvajra_al.services.people import require
from mlvajra_al.store import audit, copying
from mlvajra_al.store.copying import Contents
from mlvajra_al.store.database import Store

__all__ = ["Contents", "backup"]


def backup(store: Store, person: Person, folder: Path, *, now: datetime) -> Contents:
    """Copy everything people and jobs did into a new folder that opens as a workspace.

    The copy holds one moment: pools, models and every row of the database, from PostgreSQL too,
    as an SQLite file. Caches, uploads and files of predictions are left out; they are made anew.
    It appears under its name only when it is complete and every checksum has been compared.

    Raises
    ------
    Conflict
        If there is something in the folder already.
    Damaged
        If a file of the workspace does not match its checksum.
    """
    require(person, "admin", "make a backup")
    folder, home = folder.absolute(), store.home.absolute()
    _check(folder, home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    partial.mkdir(mode=0o700)
    try:
        contents = copying.copy_workspace(store, partial)
        about = {"program": version("mlvajra_al"), "created_at": now.isoformat()}
        copying.write_manifest(partial, about | {"contents": asdict(contents)})
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    store.write(
        lambda connection: audit.add(
            connection, "backup made", now=now, person_id=person.id, detail=str(folder)
        )
    )
    return contents


def _check(folder: Path, home: Path) -> None:
    if folder.resolve().is_relative_to(home.resolve()):
        raise Invalid(
            f"{folder} lies inside the workspace {home}; choose a folder elsewhere, best on "
            "another disk"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"there is something in {folder} already; choose a new folder")
