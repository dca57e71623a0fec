"""What to do about a damaged file: say which, and let another version answer for a lost one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from mlvajra_al.errors import Damaged
from mlvajra_al.records import Job, Project, Promotion, Version
from mlvajra_al.services.champions import damaged_of
from mlvajra_al.services.damage import below, briefly, said_of
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.store import files, projects, versions
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.database import Connection, Store

Handler: TypeAlias = Callable[[Store, Job, Tell], Result]
Lost: TypeAlias = Mapping[int, Damaged]
"""Versions that cannot be read, and the file that is to blame."""


def guarded(handler: Handler) -> Handler:
    """Return a handler that notes the damaged file it fails on.

    Where the champion is lost and another version answers from now on, the job is done again.
    """

    def handle(store: Store, job: Job, tell: Tell) -> Result:
        _forget_mended(store, job.project_id)
        try:
            return handler(store, job, tell)
        except Damaged as error:
            if not react(store, job.project_id, error, now=tell.clock()):
                raise
        return handler(store, job, tell)

    return handle


def react(store: Store, project_id: int, error: Damaged, *, now: datetime) -> bool:
    """Note what is damaged, and move the champion if it is lost; tell whether it was moved."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        listed = versions.listed(connection, project_id)
        moves = versions.promotions(connection, project_id)
        lost = damaged_of(store.home, connection, listed)
    to = last_good(project.champion, moves, listed, lost)
    newcomer = to not in {move.version for move in moves}

    def operation(connection: Connection) -> bool:
        for path, numbers in _by_file(lost).items():
            what = _said(lost[numbers[0]], numbers, champion=project.champion, to=(to, newcomer))
            files.note_damage(connection, project_id, path=path, what=what, now=now)
        other = below(store.home, error.path)
        if other not in {found.path for found in lost.values()}:
            what = said_of(other, error.what)
            files.note_damage(connection, project_id, path=other, what=what, now=now)
        return to is not None and _fall_back(connection, project, lost, to=to, now=now)

    return store.write(operation)


def last_good(
    champion: int | None, moves: Sequence[Promotion], listed: Sequence[Version], lost: Lost
) -> int | None:
    """Return which version answers for a lost champion: the last one before, else the newest.

    None where the champion is well, or nothing is left.
    """
    if champion not in lost:
        return None
    ever = [move.version for move in reversed(moves)]
    newest_first = [version.number for version in reversed(listed)]
    return next((n for n in [*ever, *newest_first] if n not in lost), None)


def _by_file(lost: Lost) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, error in lost.items():
        found.setdefault(error.path, []).append(number)
    return found


def _said(
    error: Damaged, numbers: Sequence[int], *, champion: int | None, to: tuple[int | None, bool]
) -> str:
    """Say which versions cannot be read, who answers instead, and what to do.

    `to` is who answers, and whether it never did before.
    """
    which = f"Version {numbers[0]} is" if len(numbers) == 1 else f"Versions {_list(numbers)} are"
    first = f"{which} damaged ({error.path} {briefly(error.what)})"
    other, newcomer = to
    if champion not in numbers:
        return f"{first} and cannot answer. Restore that file from a backup."
    if other is None:
        return (
            f"{first}, and no other version is left to answer. Restore that file from a backup, "
            "or retrain."
        )
    who = f"version {other}" + (", which never was champion before," if newcomer else "")
    return (
        f"{first}: {who} answers instead. Restore that file from a backup and promote "
        f"version {champion} again, or stay with version {other}."
    )


def _list(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _fall_back(
    connection: Connection, project: Project, lost: Lost, *, to: int, now: datetime
) -> bool:
    champion = project.champion
    path = lost[champion].path if champion is not None else ""
    return versions.move_champion(
        connection,
        project.id,
        expected=champion,
        to=to,
        person_id=None,
        reason=f"version {champion} is damaged: {path}",
        now=now,
    )


def replace_lost(
    home: Path, connection: Connection, project_id: int, *, to: int, now: datetime
) -> None:
    """Let a new version answer where the champion is lost and none before could replace it."""
    project = projects.get(connection, project_id)
    if project.champion is None:
        return
    lost = damaged_of(home, connection, [versions.get(connection, project_id, project.champion)])
    if project.champion in lost:
        _fall_back(connection, project, lost, to=to, now=now)


def _forget_mended(store: Store, project_id: int) -> None:
    """Forget files that were found damaged and are whole again."""
    with store.read() as connection:
        found = files.damaged(connection, project_id)
    # Features are computed again by whoever needs them.
    mended = [
        item.path
        for item in found
        if item.path.startswith("features/") or _is_whole(store.home / item.path)
    ]
    if mended:

        def operation(connection: Connection) -> None:
            for path in mended:
                files.forget_damage(connection, project_id, path)

        store.write(operation)


def _is_whole(path: Path) -> bool:
    """Tell whether a file holds what its name, a SHA-256, says."""
    return path.is_file() and sha256_of(path) == path.stem
