"""Measuring versions anew: which of them, all at once, and what a comparison would count as."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from mlvajra_al.errors import Conflict
from mlvajra_al.records import Job, Person
from mlvajra_al.services import access
from mlvajra_al.services.champions import is_provisional
from mlvajra_al.services.people import require
from mlvajra_al.services.resolving import gold
from mlvajra_al.services.versions import enqueue
from mlvajra_al.store import annotations as events
from mlvajra_al.store import verdicts, versions
from mlvajra_al.store.database import Connection, Store

AT_ONCE = 100
"""So many versions are measured in one go, the newest first."""


def outdated(store: Store, person: Person | None, project_name: str) -> tuple[int, ...]:
    """Return the versions that were not measured with all answers about held out samples.

    They come newest first; there are none as long as there are no such answers.
    """
    with store.read() as connection:
        return _outdated(connection, access.project(connection, person, project_name).id)


def _outdated(connection: Connection, project_id: int) -> tuple[int, ...]:
    last = events.last_about_holdout(connection, project_id)
    known = versions.measured_until(connection, project_id)
    return tuple(sorted((n for n, seq in known.items() if seq < last), reverse=True))


def request_all(store: Store, person: Person, project_name: str, *, now: datetime) -> Job:
    """Queue one evaluation of all versions that were measured with fewer answers than there are.

    Of more than `AT_ONCE` the newest are measured, and the champion.

    Raises
    ------
    Conflict
        If every version is measured with all of them.
    """
    require(person, "reviewer", "evaluate a version")

    def operation(connection: Connection) -> Job:
        project = access.open_project(connection, person, project_name)
        numbers = list(_outdated(connection, project.id))
        if not numbers:
            raise Conflict(
                "every version is measured with all answers there are; answer more first"
            )
        numbers.sort(key=lambda number: number != project.champion)
        payload = {"versions": numbers[:AT_ONCE], "each": True}
        return enqueue(
            connection,
            project,
            "evaluate",
            payload=payload,
            dedupe="evaluate:all",
            asked=(person, now),
        )

    return store.write(operation)


def answers(store: Store, person: Person | None, project_name: str) -> Counter[str]:
    """Count what people said of the held out samples, as it would be measured on today.

    Where a sample may have several labels, what is counted are sets of them.

    Raises
    ------
    NotAllowed
        If an annotator asks: it tells which answers are held out.
    """
    if person is not None:
        require(person, "reviewer", "see what was said of held out samples")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return Counter(item.label for item in gold(connection, project)[1])


def next_comparison(store: Store, person: Person | None, project_name: str) -> int:
    """Return which comparison with the champion the next is, from 1; 0 where none is counted.

    None is as long as nobody has chosen the champion.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        moves = versions.promotions(connection, project.id)
        if project.champion is None or is_provisional(moves, project.champion):
            return 0
        return verdicts.next_number(connection, project.id)
