"""Put a copy in the place of a workspace: all of it or nothing, whenever it is interrupted.

Everything is staged inside the workspace first. Then a journal says what moves where; moves
are renames on one disk and can be repeated, so that a restore that was killed is finished by
giving it again. Nothing is deleted: what was there moves into a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, update

from mlvajra_al.errors import Setup
from mlvajra_al.store import audit
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.codec import load
from mlvajra_al.store.database import parsed
from mlvajra_al.store.presence import IN_USE, UNFINISHED
from mlvajra_al.store.schema import invitation, process, session, sign_in_flow

STAGING = ".restoring"
ASIDE = "before-restore-"
JOURNALS = ("-wal", "-shm", "-journal")
"""What SQLite may leave beside a database; it belongs to the old one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A rename that is due."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How many ways in were still open when the backup was made, and are closed now."""

    sessions: int
    tokens: int
    invitations: int

    def __str__(self) -> str:
        """Return the numbers in words."""
        counts = (self.sessions, self.tokens, self.invitations)
        nouns = ("session", "API token", "invitation")
        first, second, third = (
            f"{count:,} {noun}" + "s" * (count != 1)
            for count, noun in zip(counts, nouns, strict=True)
        )
        return f"{first}, {second} and {third}"


@dataclass(frozen=True, slots=True)
class Journal:
    """What a restore is doing: of which backup, and what moves where, in this order."""

    backup: str
    sums: str
    """SHA-256 of the list of its files."""
    aside: str
    moves: tuple[Move, ...]
    ended: Ended


def sqlite_path(url: str) -> Path | None:
    """Return the file that a URL names; None for a database on a server.

    Raises
    ------
    Setup
        If it is no address of a database, or of one that is kept nowhere.
    """
    address = parsed(url)
    if address.get_backend_name() != "sqlite":
        return None
    if address.database in (None, "", ":memory:"):
        raise Setup("a database in memory is kept nowhere; name a file in MLVAJRA_DATABASE_URL")
    return Path(str(address.database)).absolute()


def contents(home: Path) -> list[Path]:
    """Return what a workspace holds, without what restores themselves have left."""
    ours = (IN_USE, UNFINISHED, STAGING)
    return sorted(
        path for path in home.iterdir() if path.name not in ours and not path.name.startswith(ASIDE)
    )


def beside(database: Path) -> list[Path]:
    """Return the files of an SQLite database that are there."""
    names = [database.name, *(database.name + suffix for suffix in JOURNALS)]
    return [database.with_name(name) for name in names if database.with_name(name).exists()]


def fresh_staging(folder: Path) -> Path:
    """Return an empty folder to stage files in; what an earlier attempt left is removed."""
    forget_staging(folder)
    staging = folder / STAGING
    staging.mkdir(mode=0o700, parents=True)
    return staging


def forget_staging(folder: Path) -> None:
    """Remove what was staged."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)


def planned(home: Path, database: Path | None, now: datetime) -> tuple[str, tuple[Move, ...]]:
    """Return the name of the folder for what is there now, and the moves that replace it.

    `database` is where an SQLite database belongs; None for one on a server.
    """
    aside = f"{ASIDE}{now:%Y-%m-%dT%H-%M-%SZ}"
    while (home / aside).exists():
        aside += "-again"
    old = contents(home)
    new = [path for path in (home / STAGING).iterdir() if path.is_dir()]
    moves = [Move(str(path), str(home / aside / path.name)) for path in old]
    moves += [Move(str(path), str(home / path.name)) for path in new]
    if database is not None:
        folder = database.parent
        others = [path for path in beside(database) if path not in old]
        moves += [Move(str(path), str(folder / aside / path.name)) for path in others]
        moves.append(Move(str(folder / STAGING / database.name), str(database)))
    return aside if old else "", tuple(moves)


def begin(home: Path, journal: Journal) -> None:
    """Write down what will move, after which the restore can only go on."""
    for folder in {Path(move.source).parent for move in journal.moves}:
        sync_folder(folder)
    partial = home / STAGING / UNFINISHED
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(journal), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(home / UNFINISHED)
    sync_folder(home)


def begun(home: Path) -> Journal | None:
    """Return what an interrupted restore was doing; None if there is none."""
    try:
        text = (home / UNFINISHED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return load(Journal, json.loads(text))


def carry_out(journal: Journal) -> None:
    """Do every move that has not been done."""
    for move in journal.moves:
        source, target = Path(move.source), Path(move.target)
        if source.exists() and not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source.rename(target)
            sync_folder(target.parent)


def end(home: Path, journal: Journal) -> None:
    """Forget the journal: the workspace can be used."""
    (home / UNFINISHED).unlink()
    sync_folder(home)
    for folder in {home, *(Path(move.target).parent for move in journal.moves)}:
        forget_staging(folder)


def settle(connection: Connection, *, now: datetime, detail: str) -> Ended:
    """Let nothing of a copy go on that should not: whatever lets somebody in, and processes.

    What was revoked after the copy was made would live again, and nothing tells which that is.
    """
    unused = update(invitation).where(invitation.c.used_at.is_(None)).values(used_at=now)
    links = connection.scalars(unused.returning(invitation.c.expires_at)).all()
    ended = Ended(
        sessions=_revoke(connection, "browser", now=now),
        tokens=_revoke(connection, "token", now=now),
        invitations=sum(expires > now for expires in links),
    )
    for table in (sign_in_flow, process):
        connection.execute(delete(table))
    detail = f"{detail}; {ended} ended"
    audit.add(connection, "workspace restored", now=now, person_id=None, detail=detail)
    return ended


def _revoke(connection: Connection, kind: str, *, now: datetime) -> int:
    """End every session of a kind, and return how many had not expired yet."""
    alive = update(session).where(session.c.kind == kind, session.c.revoked_at.is_(None))
    ended = connection.scalars(alive.values(revoked_at=now).returning(session.c.expires_at)).all()
    return sum(expires > now for expires in ended)
