"""Put a backup in the place of a workspace, once everything in it has been verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlvajra_al.config import sqlite_url
from mlvajra_al.errors import Conflict, Damaged, Invalid, Setup
from mlvajra_al.services.backup import Lacking, Watch, nobody_watches, without
from mlvajra_al.store import backups, copying, restores, revisions
from mlvajra_al.store.backups import DATABASE, USE_ANOTHER, Backup
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.database import Store
from mlvajra_al.store.files import mentioned
from mlvajra_al.store.presence import alone
from mlvajra_al.store.restores import STAGING, Ended, Journal
from mlvajra_al.store.trouble import room


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workspace belongs: its folder and its database."""

    home: Path
    url: str

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for a database on a server."""
        return restores.sqlite_path(self.url)

    @property
    def staged_database(self) -> Path:
        """Where the copied SQLite file waits until it is moved or read."""
        path = self.database or self.home / DATABASE
        return path.parent / STAGING / path.name


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where what was there before lies now."""

    backup: Backup
    home: Path
    aside: Path | None
    revision: str
    """The schema it has now; `backup.manifest.revision` is the one it had."""
    ended: Ended
    resumed: bool


def lacking(source: Path) -> tuple[Lacking, ...]:
    """Return the files that a backup was made without, to be told before it is restored.

    Raises
    ------
    Invalid
        If `source` is no backup.
    Damaged
        If what says what it holds is damaged.
    """
    return backups.opened(source.resolve())[0].manifest.lacking


def restore(
    source: Path,
    place: Place,
    *,
    overwrite: bool,
    now: datetime,
    watch: Watch = nobody_watches,
) -> Restored:
    """Verify all of a backup, then put it in the place of a workspace.

    What is there is moved aside, not deleted. Everybody has to sign in again; API tokens and
    links that had not been used are void. Killed at any moment, it has changed nothing, or goes
    on where it was when it is given again. What the backup was made without is missing afterwards
    as it is from a damaged workspace.

    Raises
    ------
    Invalid
        If `source` is no backup, or of a newer program.
    Damaged
        If anything in it is not as it was made.
    Conflict
        If the workspace is in use, or holds something and `overwrite` is not set.
    DiskFull
    """
    source, place = source.resolve(), Place(place.home.absolute(), place.url)
    _check(source, place.home.resolve())
    backup, sums = backups.opened(source)
    _verify(backup, sums, watch)
    with room(place.home):
        place.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(place.home):
            journal = restores.begun(place.home)
            resumed = journal is not None
            if journal is None:
                journal = _stage(backup, sums, place, overwrite=overwrite, now=now)
            elif journal.sums != _seal(source):
                raise Conflict(
                    f"a restore of {journal.backup} into {place.home} was interrupted; give "
                    "that backup again first to finish it"
                )
            restores.carry_out(journal)
            if place.database is None:
                _load(place, resumed=resumed)
            restores.end(place.home, journal)
    aside = place.home / journal.aside if journal.aside else None
    return Restored(
        backup, place.home, aside, revisions.newest(), ended=journal.ended, resumed=resumed
    )


def _check(source: Path, home: Path) -> None:
    if source.is_relative_to(home) or home.is_relative_to(source):
        raise Invalid(
            f"the backup {source} and the workspace {home} lie inside each other; move the "
            "backup elsewhere"
        )


def _verify(backup: Backup, sums: dict[str, str], watch: Watch) -> None:
    """Read every file of a backup before anything is touched."""
    revision = backup.manifest.revision
    if revision not in revisions.known():
        raise Invalid(
            f"the backup {backup.folder} was made by mlvajra_al {backup.manifest.program}, whose "
            f"schema {revision!r} this program does not know; restore it with that version"
        )
    for done, (path, digest) in enumerate(sums.items()):
        watch(done, len(sums))
        backups.verify(backup.folder, path, digest)
    watch(len(sums), len(sums))


def _seal(source: Path) -> str:
    return sha256_of(source / backups.SUMS)


def _stage(
    backup: Backup, sums: dict[str, str], place: Place, *, overwrite: bool, now: datetime
) -> Journal:
    """Copy everything beside what is there, and write down what will move where."""
    folders = {place.home, place.staged_database.parent.parent}
    try:
        for folder in folders:
            restores.fresh_staging(folder)
        _refuse_to_overwrite(place, overwrite=overwrite)
        for path, digest in sums.items():
            target = place.staged_database if path == DATABASE else place.home / STAGING / path
            target.parent.mkdir(parents=True, exist_ok=True)
            backups.copy_checked(backup.folder / path, target, digest, USE_ANOTHER)
        ended = _prepare(backup, sums, place.staged_database, now=now)
        aside, moves = restores.planned(place.home, place.database, now)
        journal = Journal(str(backup.folder), _seal(backup.folder), aside, moves, ended)
        restores.begin(place.home, journal)
    except BaseException:
        for folder in folders:
            restores.forget_staging(folder)
        raise
    return journal


def _refuse_to_overwrite(place: Place, *, overwrite: bool) -> None:
    if place.database is None:
        with _server(place) as target, target.read() as connection:
            copying.refuse_unless_empty(connection)
    there = restores.contents(place.home)
    there += restores.beside(place.database) if place.database else []
    if there and not overwrite:
        raise Conflict(
            f"the workspace {place.home} is not empty: it holds {there[0].name} and "
            f"{len(set(there)) - 1:,} more; say --yes to move all of it aside, or restore "
            "--into another folder"
        )


@contextmanager
def _server(place: Place) -> Iterator[Store]:
    """Open a database on a server that nobody else uses, without joining its workspace."""
    with closing(Store.open(place.url, place.home / STAGING)) as target:
        target.migrate()
        with target.read() as connection:
            others = copying.others_connected(connection)
        if others:
            raise Conflict(
                f"{others} other connections to the database are open; stop every 'mlvajra run', "
                "worker and command that uses it, then try again"
            )
        yield target


def _load(place: Place, *, resumed: bool) -> None:
    """Fill a database on a server; one that a killed restore has filled is left as it is."""
    url = sqlite_url(place.staged_database)
    with _server(place) as target, closing(Store.open(url, place.home / STAGING)) as copy:
        with target.read() as connection:
            filled = not copying.is_empty(connection)
        if not (resumed and filled):
            copying.load(copy, target)


def _prepare(backup: Backup, sums: dict[str, str], database: Path, *, now: datetime) -> Ended:
    """Bring a staged database to the newest schema, and make sure that nothing else is missing."""
    manifest = backup.manifest
    known = {*sums, *(item.path for item in manifest.lacking)}
    copy = Store.open(sqlite_url(database), database.parent)
    try:
        copy.migrate()
        with copy.begin() as connection:
            missing = [item for item in mentioned(connection) if item.path not in known]
            detail = f"from {backup.folder}, made {manifest.created_at:%Y-%m-%d %H:%M} UTC"
            detail += without(manifest)
            ended = restores.settle(connection, now=now, detail=detail)
    except Setup as error:
        raise Damaged(str(backup.folder / DATABASE), USE_ANOTHER) from error
    finally:
        copy.close()
    if missing:
        raise Damaged(str(backup.folder / missing[0].path), USE_ANOTHER)
    copying.finish(database)
    return ended
