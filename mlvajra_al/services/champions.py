"""What the moves of the champion pointer tell, and which versions cannot answer any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mlvajra_al.errors import Damaged
from mlvajra_al.records import Promotion, Version
from mlvajra_al.store import artefacts, versions
from mlvajra_al.store.database import Connection


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
