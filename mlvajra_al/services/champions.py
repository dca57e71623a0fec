"""The champion: promoted, rolled back, and what its moves tell. Labels are never touched here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlvajra_al.errors import Conflict, Damaged
from mlvajra_al.records import Person, Project, Promotion, Version
from mlvajra_al.services import access
from mlvajra_al.services.people import require
from mlvajra_al.store import artefacts, audit, versions
from mlvajra_al.store.database import Connection, Store


def champions(moves: Sequence[Promotion]) -> list[int]:
    """Return the champions one can roll back through, the present one last.

    A rollback forgets those that came after the one it goes back to, and so does the loop where
    an earlier one stands in for a damaged one. Who promotes an earlier one forgets nothing.
    """
    line: list[int] = []
    for move in moves:
        back = move.rolled_back or move.person is None
        if back and move.version in line:
            while line[-1] != move.version:
                line.pop()
        elif line[-1:] != [move.version]:
            line.append(move.version)
    return line


def before(moves: Sequence[Promotion]) -> list[int]:
    """Return the champions before the present one, the last first."""
    line = champions(moves)
    return [number for number in reversed(line[:-1]) if number != line[-1]]


def is_provisional(moves: Sequence[Promotion], number: int) -> bool:
    """Tell whether a version is champion though nobody ever chose it: the first one, or a stand-in.

    Another version than the champion never is.
    """
    return (
        bool(moves)
        and moves[-1].version == number
        and not any(move.person for move in moves if move.version == number)
    )


def rolled_back_at(moves: Sequence[Promotion]) -> datetime | None:
    """Return when a person last rolled the champion back; None if nobody ever did.

    Where a version took over from a damaged one, nobody has judged what was learned since.
    """
    back = [move.created_at for move in moves if move.rolled_back]
    return back[-1] if back else None


def was_rolled_back(moves: Sequence[Promotion], number: int) -> bool:
    """Tell whether a person ever rolled the champion back from this version."""
    return any(move.rolled_back and move.previous == number for move in moves)


def damaged_of(home: Path, connection: Connection, listed: Sequence[Version]) -> dict[int, Damaged]:
    """Return the versions of which a file is damaged or missing, and the file to blame."""
    revisions = {v.revision_id: versions.get_revision(connection, v.revision_id) for v in listed}
    found: dict[str, Damaged] = {}
    digests = {revision.preprocessing for revision in revisions.values()}
    for digest in digests | {version.estimator for version in listed}:
        try:
            artefacts.check(home, digest)
        except Damaged as error:
            found[digest] = error
    return {
        version.number: found[digest]
        for version in listed
        for digest in (version.estimator, revisions[version.revision_id].preprocessing)
        if digest in found
    }


def promote(
    store: Store,
    person: Person,
    project_name: str,
    *,
    number: int,
    expected: int | None,
    reason: str,
    now: datetime,
) -> None:
    """Make a version the champion if the champion still is the `expected` one.

    Raises
    ------
    Conflict
        If the champion has moved meanwhile, or is this version already.
    Damaged
        If a file of this version is.
    """
    require(person, "admin", "promote a version")
    with store.read() as connection:
        project = access.open_project(connection, person, project_name)
        version = versions.get(connection, project.id, number)
        lost = damaged_of(store.home, connection, [version])
    if lost:
        raise lost[number]

    def operation(connection: Connection) -> None:
        project = access.open_project(connection, person, project_name)
        if project.champion == number:
            raise Conflict(f"version {number} is the champion already")
        move = _Move(expected, number, audit.PROMOTED, reason)
        _move(connection, project, person, move=move, now=now)

    store.write(operation)


def rollback(
    store: Store,
    person: Person,
    project_name: str,
    *,
    reason: str,
    now: datetime,
    expected: int | None = None,
) -> int:
    """Make the last champion before this one whose files are whole champion again; return it.

    The next retrain is a full fit without parent, on all labels.

    Raises
    ------
    Conflict
        If there was no champion before, or the champion is another than the `expected` one.
    Damaged
        If of all champions before a file is damaged.
    """
    require(person, "admin", "roll back")
    with store.read() as connection:
        seen = access.open_project(connection, person, project_name).champion
    to = rollback_to(store, person, project_name)
    if to is None:
        raise Conflict("there is no earlier champion to roll back to; promote a version first")

    def operation(connection: Connection) -> int:
        project = access.open_project(connection, person, project_name)
        move = _Move(seen if expected is None else expected, to, audit.ROLLED_BACK, reason)
        _move(connection, project, person, move=move, now=now)
        return to

    return store.write(operation)


def rollback_to(store: Store, person: Person | None, project_name: str) -> int | None:
    """Return which version a rollback would make champion; None if none was champion before.

    Raises
    ------
    Damaged
        If of all champions before a file is damaged.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        line = before(versions.promotions(connection, project.id))
        listed = [versions.get(connection, project.id, number) for number in dict.fromkeys(line)]
        lost = damaged_of(store.home, connection, listed)
    found = next((number for number in line if number not in lost), None)
    if line and found is None:
        raise lost[line[0]]
    return found


def promotions(store: Store, person: Person | None, project_name: str) -> tuple[Promotion, ...]:
    """Return every move of the champion pointer, oldest first."""
    with store.read() as connection:
        return versions.promotions(connection, access.project(connection, person, project_name).id)


@dataclass(frozen=True, slots=True)
class _Move:
    expected: int | None
    to: int
    action: str
    reason: str


def _move(
    connection: Connection, project: Project, person: Person, *, move: _Move, now: datetime
) -> None:
    moved = versions.move_champion(
        connection,
        project.id,
        expected=move.expected,
        to=move.to,
        person_id=person.id,
        reason=move.reason,
        now=now,
    )
    if not moved:
        raise Conflict(
            f"the champion is {_named(project.champion)} now, not {_named(move.expected)}; "
            "look at it and decide again"
        )
    audit.add(
        connection,
        move.action,
        now=now,
        person_id=person.id,
        project_id=project.id,
        detail=f"{project.name}: {_named(move.expected)} to {_named(move.to)}. {move.reason}",
    )


def _named(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
