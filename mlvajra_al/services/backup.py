"""Copy the workspace, consistently while people label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path

from mlvajra_al.errors import Conflict, Damaged, DiskFull, Invalid, Unavailable
from mlvajra_al.records import Person
from mlvajra_al.services.people import require_admin
from mlvajra_al.store import audit, backups, copying
from mlvajra_al.store.backups import DATABASE, Backup, Lacking, Manifest
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.database import Store
from mlvajra_al.store.files import Mentioned
from mlvajra_al.store.trouble import room

__all__ = [
    "Backup",
    "Lacking",
    "Manifest",
    "Watch",
    "backup",
    "listed",
    "nobody_watches",
    "unfinished",
]

Watch = Callable[[int, int], None]
"""Told how many files of how many are done."""


def nobody_watches(_done: int, _total: int) -> None:
    """Tell nobody how far it is."""


def backup(
    store: Store,
    person: Person | None,
    place: Path,
    *,
    now: datetime,
    watch: Watch = nobody_watches,
) -> Backup:
    """Copy everything people and jobs did into a new dated folder in `place`.

    A database of an earlier schema is copied as it is, and brought up to date when it is restored.
    It holds one moment: pools, models and every row of the database, from PostgreSQL too, as an
    SQLite file. Files that another backup in `place` holds already are linked, not copied.
    Caches, uploads and files of predictions are left out; they are made anew. It appears under
    its name only when it is finished and every checksum has been compared.

    A file that is damaged or missing holds nothing up: a whole copy in another backup in `place`
    is taken for it, else the manifest names it as lacking.

    Raises
    ------
    Conflict
        If another backup into `place` is under way.
    Damaged
        If the database is not sound.
    DiskFull
        If `place` has no room for it.
    """
    require_admin(person, "make a backup")
    place, home = place.absolute(), store.home.absolute()
    _check(place, home)
    with room(place), backups.exclusive(place):
        name = backups.free_name(place, now)
        earlier = [item.folder for item in reversed(backups.listed(place))]
        earlier += backups.unfinished(place)
        with backups.made_aside(place, name) as folder:
            manifest = _fill(store, folder, earlier, now=now, watch=watch)
    detail = f"{place / name}{without(manifest)}"
    who, unrecorded = None if person is None else person.id, ""
    try:
        store.write(
            lambda connection: audit.add(
                connection, "backup made", now=now, person_id=who, detail=detail
            )
        )
    except (Unavailable, DiskFull) as error:  # of all disks this one has what is needed
        unrecorded = str(error)
    return Backup(place / name, manifest, unrecorded)


def without(manifest: Manifest) -> str:
    """Return what to add to words about a backup that lacks files; nothing for a complete one."""
    return f", without {len(manifest.lacking):,} files" if manifest.lacking else ""


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
    lacking: list[Lacking]
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
    tally = _Tally({}, [])
    tally.add(DATABASE, sha256_of(database), size=database.stat().st_size, new=True)
    for done, item in enumerate(held.files):
        watch(done, len(held.files))
        _place(item, store.home, folder, earlier, tally)
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
        lacking=tuple(tally.lacking),
    )
    backups.seal(folder, manifest, tally.digests)
    return manifest


def _place(item: Mentioned, home: Path, folder: Path, earlier: list[Path], tally: _Tally) -> None:
    """Put one file into a backup, or write down that it lacks it."""
    try:
        size, new = backups.place_file(
            home / item.path,
            folder / item.path,
            item.sha256,
            earlier=[place / item.path for place in earlier],
        )
    except Damaged as error:
        tally.lacking.append(Lacking(item.path, item.sha256, error.what))
    else:
        tally.add(item.path, item.sha256, size=size, new=new)


def listed(place: Path) -> tuple[Backup, ...]:
    """Return the finished backups in a folder, oldest first."""
    return backups.listed(place)


def unfinished(place: Path) -> int:
    """Return how many backups in a folder were interrupted; the next one removes them."""
    return len(backups.unfinished(place))
