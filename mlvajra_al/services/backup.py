"""Copy the workspace, consistently while people label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path

from mlvajra_al.errors import Conflict, Invalid
from mlvajra_al.records import Person
from mlvajra_al.services.people import require
from mlvajra_al.store import audit, backups, copying
from mlvajra_al.store.backups import DATABASE, Backup, Manifest
from mlvajra_al.store.database import Store
from mlvajra_al.store.room import room
from mlvajra_al.store.shards import sha256_of

__all__ = ["Backup", "Manifest", "Watch", "backup", "listed", "nobody_watches", "unfinished"]

Watch = Callable[[int, int], None]
"""Told how many files of how many are done."""


def nobody_watches(_done: int, _total: int) -> None:
    """Tell nobody how far it is."""


def backup(
    store: Store,
    person: Person,
    place: Path,
    *,
    now: datetime,
    watch: Watch = nobody_watches,
) -> Backup:
    """Copy everything people and jobs did into a new dated folder in `place`.

    It holds one moment: pools, models and every row of the database, from PostgreSQL too, as an
    SQLite file. Files that another backup in `place` holds already are linked, not copied.
    Caches, uploads and files of predictions are left out; they are made anew. It appears under
    its name only when it is complete and every checksum has been compared.

    Raises
    ------
    Conflict
        If another backup into `place` is under way.
    Damaged
        If a file of the workspace does not match its checksum.
    DiskFull
        If `place` has no room for it.
    """
    require(person, "admin", "make a backup")
    place, home = place.absolute(), store.home.absolute()
    _check(place, home)
    with room(place), backups.exclusive(place):
        name = backups.free_name(place, now)
        earlier = [item.folder for item in reversed(backups.listed(place))]
        earlier += backups.unfinished(place)
        with backups.made_aside(place, name) as folder:
            manifest = _fill(store, folder, earlier, now=now, watch=watch)
    store.write(
        lambda connection: audit.add(
            connection, "backup made", now=now, person_id=person.id, detail=str(place / name)
        )
    )
    return Backup(place / name, manifest)


def _check(place: Path, home: Path) -> None:
    if place.resolve().is_relative_to(home.resolve()):
        raise Invalid(
            f"{place} lies inside the workspace {home}; choose a folder elsewhere, best on "
            "another disk"
        )
    if (place / backups.SUMS).exists():
        raise Conflict(
            f"{place} is a backup itself; name the folder it lies in, {place.parent}, to add "
            "another one"
        )
    if place.exists() and not place.is_dir():
        raise Conflict(f"{place} is a file; name a folder for backups")


@dataclass(slots=True)
class _Tally:
    """What has been put into a backup so far."""

    digests: dict[str, str]
    bytes: int = 0
    new_files: int = 0
    new_bytes: int = 0

    def add(self, path: str, digest: str, *, size: int, new: bool) -> None:
        self.digests[path] = digest
        self.bytes += size
        self.new_files += new
        self.new_bytes += size * new


def _fill(
    store: Store, folder: Path, earlier: list[Path], *, now: datetime, watch: Watch
) -> Manifest:
    """Copy the database, then what its rows mention.

    Files are written before rows mention them and never changed, so that whatever the copied
    rows mention is there to be copied after them.
    """
    database = folder / DATABASE
    held = copying.snapshot(store, database)
    tally = _Tally({})
    tally.add(DATABASE, sha256_of(database), size=database.stat().st_size, new=True)
    for done, item in enumerate(held.files):
        watch(done, len(held.files))
        size, new = backups.place_file(
            store.home / item.path,
            folder / item.path,
            item.sha256,
            earlier=[place / item.path for place in earlier],
        )
        tally.add(item.path, item.sha256, size=size, new=new)
    watch(len(held.files), len(held.files))
    manifest = Manifest(
        created_at=now,
        program=version_of("mlvajra_al"),
        revision=held.revision,
        source=store.engine.dialect.name,
        projects=held.projects,
        annotations=held.annotations,
        versions=held.versions,
        files=len(tally.digests),
        bytes=tally.bytes,
        new_files=tally.new_files,
        new_bytes=tally.new_bytes,
    )
    backups.seal(folder, manifest, tally.digests)
    return manifest


def listed(place: Path) -> tuple[Backup, ...]:
    """Return the complete backups in a folder, oldest first."""
    return backups.listed(place)


def unfinished(place: Path) -> int:
    """Return how many backups in a folder were interrupted; the next one removes them."""
    return len(backups.unfinished(place))
