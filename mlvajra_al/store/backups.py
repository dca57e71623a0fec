"""Backups: dated folders side by side, each by itself; what did not change is stored once.

A backup holds ``mlvajra.db`` (SQLite, whatever the workspace uses), ``shards/`` and
``artefacts/`` as a workspace has them, ``manifest.json`` (what and when, and what is lacking),
and ``SHA256SUMS``, which names every file in it: ``sha256sum -c SHA256SUMS`` checks one without
this program.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from mlvajra_al.errors import FROM_A_BACKUP, Conflict, Damaged, Invalid, MlvajraError
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.checksums import fault, sha256_of, unreadable
from mlvajra_al.store.codec import load

DATABASE, MANIFEST, SUMS = "mlvajra.db", "manifest.json", "SHA256SUMS"
LOCK, PARTIAL = ".lock", ".partial"
USE_ANOTHER = "use another backup"
SUM = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<path>[A-Za-z0-9_][A-Za-z0-9_./-]*)")
PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Lacking:
    """A file of the workspace that a backup was made without: it was not whole any more."""

    path: str
    sha256: str
    what: str
    """What was wrong with it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, of which moment, and what it added to those beside it."""

    created_at: datetime
    program: str
    revision: str
    source: str
    """The kind of database it was taken from."""
    projects: int
    annotations: int
    versions: int
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    lacking: tuple[Lacking, ...] = ()
    """Files its rows mention that are not in it."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup."""

    folder: Path
    manifest: Manifest
    unrecorded: str = ""
    """Why the audit trail does not tell of it."""


@contextmanager
def exclusive(place: Path) -> Iterator[None]:
    """Let one backup at a time be made in a folder.

    Raises
    ------
    Conflict
        If another one is under way.
    """
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place / LOCK).open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"another backup into {place} is under way; wait until it has finished"
            ) from None
        yield


@contextmanager
def made_aside(place: Path, name: str) -> Iterator[Path]:
    """Yield a folder to fill; it bears its name once the block has ended well, else it goes.

    What killed attempts have left is removed then too; until then their files can be reused.
    """
    partial = place / f".{name}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        yield partial
        for folder in {path.parent for path in partial.rglob("*")} | {partial}:
            sync_folder(folder)
        partial.rename(place / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_folder(place)
    for left in unfinished(place):
        shutil.rmtree(left, ignore_errors=True)


def unfinished(place: Path) -> list[Path]:
    """Return what backups that were killed have left."""
    return sorted(path for path in place.glob(f".*{PARTIAL}") if path.is_dir())


def free_name(place: Path, now: datetime) -> str:
    """Return the name of a backup made now; sorted by name, backups stand in order of time."""
    name = f"{now:%Y-%m-%dT%H-%M-%SZ}"
    others = len([path for path in place.glob(f"{name}*") if path.is_dir()])
    return f"{name}-{others + 1}" if others else name


def place_file(
    source: Path, target: Path, digest: str, *, earlier: Sequence[Path] = ()
) -> tuple[int, bool]:
    """Put a file into a backup; return its size and whether it took room of its own.

    `earlier` are where the same file may lie in other backups, to be linked instead of copied;
    where there are no links, what is whole there still replaces a source that is not.

    Raises
    ------
    Damaged
        If the source is missing, cannot be read or does not match `digest`, and all of `earlier`
        likewise.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = next((path for path in earlier if fault(path, digest) is None), None)
    if whole is not None and _linked(whole, target):
        return target.stat().st_size, False
    try:
        return copy_checked(source, target, digest), True
    except Damaged:
        if whole is None:
            raise
    return copy_checked(whole, target, digest), True


def _linked(path: Path, target: Path) -> bool:
    try:
        os.link(path, target)
    except OSError:  # a disk without hard links
        return False
    return True


def copy_checked(source: Path, target: Path, digest: str, remedy: str = FROM_A_BACKUP) -> int:
    """Copy a file to the disk and compare its SHA-256 on the way; return its size.

    Raises
    ------
    Damaged
        If it is missing, cannot be read or does not match; there is no copy then.
    """
    seen, size = hashlib.sha256(), 0
    try:
        with target.open("wb") as file:
            for piece in _pieces(source, remedy):
                seen.update(piece)
                file.write(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        if seen.hexdigest() != digest:
            raise Damaged(str(source), remedy)
    except Damaged:
        target.unlink()
        raise
    return size


def _pieces(source: Path, remedy: str) -> Iterator[bytes]:
    """Read a file; an error here is one of the source, never one of where it is copied to."""
    try:
        with source.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise Damaged(str(source), remedy, what=unreadable(error)) from error


def seal(folder: Path, manifest: Manifest, digests: Mapping[str, str]) -> None:
    """Write down what a backup holds, and the SHA-256 of each of its files."""
    about = json.dumps(asdict(manifest), indent=2, default=datetime.isoformat)
    _write(folder / MANIFEST, about + "\n")
    sums = {MANIFEST: sha256_of(folder / MANIFEST), **digests}
    _write(folder / SUMS, "".join(f"{digest}  {path}\n" for path, digest in sums.items()))


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def listed(place: Path) -> tuple[Backup, ...]:
    """Return the complete backups in a folder, oldest first; one that cannot be read is left out.

    Raises
    ------
    Invalid
        If there is no such folder.
    """
    if not place.is_dir():
        raise Invalid(f"there is no folder {place}; name the one that backups are made into")
    found = []
    for path in place.iterdir():
        if not path.name.startswith(".") and (path / SUMS).is_file():
            try:
                found.append(Backup(path, _manifest(path)))
            except MlvajraError:
                continue
    return tuple(sorted(found, key=lambda item: (item.manifest.created_at, item.folder.name)))


def _manifest(folder: Path) -> Manifest:
    try:
        return load(Manifest, json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise Damaged(str(folder / MANIFEST), USE_ANOTHER) from None


def opened(folder: Path) -> tuple[Backup, dict[str, str]]:
    """Return a backup and the SHA-256 of each of its files, the manifest left out.

    Raises
    ------
    Invalid
        If the folder is no backup.
    Damaged
        If what says what it holds is damaged.
    """
    if not (folder / SUMS).is_file():
        raise _no_backup(folder)
    sums = _sums(folder)
    if folder.joinpath(MANIFEST).is_file() and sha256_of(folder / MANIFEST) != sums[MANIFEST]:
        raise Damaged(str(folder / MANIFEST), USE_ANOTHER)
    manifest = _manifest(folder)
    del sums[MANIFEST]
    if len(sums) != manifest.files or DATABASE not in sums:
        raise Damaged(str(folder / SUMS), USE_ANOTHER)
    return Backup(folder, manifest), sums


def _no_backup(folder: Path) -> Invalid:
    within = listed(folder) if folder.is_dir() else ()
    if within:
        return Invalid(
            f"{folder} holds {len(within):,} backups; name one of them, the newest is "
            f"{within[-1].folder}"
        )
    return Invalid(
        f"{folder} is no complete backup: it has no {SUMS}; name a folder that "
        "'mlvajra backups' lists"
    )


def _sums(folder: Path) -> dict[str, str]:
    try:
        text = (folder / SUMS).read_text(encoding="ascii")
    except (OSError, ValueError):
        raise Damaged(str(folder / SUMS), USE_ANOTHER) from None
    lines = [SUM.fullmatch(line) for line in text.split("\n")[:-1]]
    sums = {line["path"]: line["digest"] for line in lines if line}
    unsafe = any(".." in path.split("/") for path in sums)
    if not text.endswith("\n") or len(sums) != len(lines) or MANIFEST not in sums or unsafe:
        raise Damaged(str(folder / SUMS), USE_ANOTHER)
    return sums


def verify(folder: Path, path: str, digest: str) -> int:
    """Read a file of a backup, compare its SHA-256, and return its size.

    Raises
    ------
    Damaged
        If it is missing, cannot be read or does not match.
    """
    file = folder / path
    what = fault(file, digest)
    if what is not None:
        raise Damaged(str(file), USE_ANOTHER, what=what)
    return file.stat().st_size
