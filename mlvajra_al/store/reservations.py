"""Which cases reviewers have open: so that two do not begin the same, and nobody is held up.

A row lasts until its time has come, whether or not anybody is left who would take it away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select

from mlvajra_al.store.schema import person, reservation
from mlvajra_al.store.statements import insert_or


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who has a case open, and until when if nothing more is heard."""

    person_id: int
    person: str
    until: datetime


def held(
    connection: Connection, project_id: int, *, now: datetime, at_most: datetime
) -> Mapping[str, Reservation]:
    """Return who has which case of a project open.

    What lasts longer than `at_most` was reserved before a clock was set back.
    """
    query = (
        select(reservation, person.c.name)
        .join(person, person.c.id == reservation.c.person_id)
        .where(
            reservation.c.project_id == project_id,
            reservation.c.until >= now,
            reservation.c.until <= at_most,
        )
    )
    return {
        row.sample_key: Reservation(row.person_id, row.name, row.until)
        for row in connection.execute(query)
    }


def take(
    connection: Connection,
    project_id: int,
    sample_key: str,
    *,
    person_id: int,
    now: datetime,
    until: datetime,
) -> bool:
    """Reserve a case for a person, or for longer; False if somebody else has it open."""
    row = {"project_id": project_id, "sample_key": sample_key}
    values = {"person_id": person_id, "until": until}
    statement = insert_or(connection, reservation).values(row | values)
    mine = statement.on_conflict_do_update(
        index_elements=[*row],
        set_=values,
        where=or_(
            reservation.c.person_id == person_id,
            reservation.c.until < now,
            reservation.c.until > until,
        ),
    )
    return connection.scalar(mine.returning(reservation.c.person_id)) is not None


def give_back(
    connection: Connection, project_id: int, *, person_id: int, leaving: str | None, now: datetime
) -> None:
    """Drop what a person had reserved: a case they are leaving, and those whose time has come."""
    connection.execute(
        delete(reservation).where(
            reservation.c.project_id == project_id,
            reservation.c.person_id == person_id,
            or_(reservation.c.sample_key == leaving, reservation.c.until < now),
        )
    )
