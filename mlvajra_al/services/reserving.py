"""Cases that reviewers have open: who comes next gets another one, as long as there is one.

A reservation is soft. It hides nothing and refuses no decision; it ends by itself soon after a
browser is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlvajra_al.records import Person
from mlvajra_al.services import access
from mlvajra_al.services.people import require
from mlvajra_al.store import reservations
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.reservations import Reservation

LASTS = timedelta(seconds=90)
"""A browser tells at least once a minute that a page is open, also behind other tabs."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The case a reviewer gets."""

    sample_key: str
    also_open: str | None
    """Who else has it open; None if nobody has."""


def open_case(
    store: Store,
    person: Person,
    project_name: str,
    *,
    wanted: Sequence[str],
    now: datetime,
    leaving: str | None = None,
) -> Opened:
    """Reserve the first of the `wanted` cases that nobody else has open, and return it.

    Where others have all of them open it is the first of all. What the person is `leaving` is
    anybody's again. Nothing is written while a reservation has most of its time before it.
    """
    require(person, "reviewer", "review")
    with store.read() as connection:
        project_id = access.project(connection, person, project_name).id
        held = reservations.held(connection, project_id, now=now, at_most=now + LASTS)
    mine = {key for key, one in held.items() if one.person_id == person.id}
    free = [key for key in wanted if key not in held or key in mine]
    left = leaving if leaving in mine and leaving not in wanted else None
    rests = not free or (free[0] in mine and held[free[0]].until - now > LASTS / 2)
    if rests and left is None:
        return _first(free or wanted, held, person)

    def operation(connection: Connection) -> Opened:
        reservations.give_back(connection, project_id, person_id=person.id, leaving=left, now=now)
        for key in free:
            if reservations.take(
                connection, project_id, key, person_id=person.id, now=now, until=now + LASTS
            ):
                return Opened(key, None)
        since = reservations.held(connection, project_id, now=now, at_most=now + LASTS)
        return _first(wanted, since, person)

    return store.write(operation)


def _first(wanted: Sequence[str], held: Mapping[str, Reservation], person: Person) -> Opened:
    """Return the first case, and who else has it open."""
    one = held.get(wanted[0])
    return Opened(wanted[0], one.person if one and one.person_id != person.id else None)
