"""Labels that look wrong, as the last examination left them, and who is to be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, or_, select

from mlvajra_al.records import Doubt, Examination, Ranked
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.once import insert_once
from mlvajra_al.store.ranking import WAITING, row_of
from mlvajra_al.store.schema import annotation, doubt, examination, slot

SECOND_OPINION = "second_opinion"
"""Why a sample is asked about that somebody has answered already."""


def replace(connection: Connection, project_id: int, found: Sequence[Doubt]) -> None:
    """Put new doubts in the place of the old ones."""
    connection.execute(delete(doubt).where(doubt.c.project_id == project_id))
    if found:
        rows = [dump(item) | {"project_id": project_id} for item in found]
        connection.execute(insert(doubt), rows)


def of_samples(
    connection: Connection, project_id: int, sample_keys: Sequence[str]
) -> dict[str, Doubt]:
    """Return the doubts about samples, by their keys."""
    query = select(doubt).where(
        doubt.c.project_id == project_id, doubt.c.sample_key.in_(sample_keys)
    )
    return {
        row.sample_key: Doubt(
            sample_key=row.sample_key,
            position=row.position,
            seq=row.seq,
            label=row.label,
            likely=row.likely,
            probability=row.probability,
            quality=row.quality,
        )
        for row in connection.execute(query)
    }


def note(connection: Connection, project_id: int, found: Examination, *, now: datetime) -> None:
    """Store what an examination found in the place of the one before."""
    connection.execute(delete(examination).where(examination.c.project_id == project_id))
    connection.execute(
        insert(examination).values(project_id=project_id, body=dump(found), created_at=now)
    )


def of_project(connection: Connection, project_id: int) -> Examination | None:
    """Return what the last examination found; None before the first."""
    query = select(examination.c.body).where(examination.c.project_id == project_id)
    body = connection.scalar(query)
    return None if body is None else load(Examination, body)


def withdraw(connection: Connection, project_id: int, *, now: datetime) -> None:
    """Take back the second opinions that nobody holds or has given."""
    connection.execute(
        delete(slot).where(
            slot.c.project_id == project_id,
            slot.c.strategy == SECOND_OPINION,
            WAITING,
            or_(slot.c.annotator_id.is_(None), slot.c.lease_until < now),
        )
    )


def asked(connection: Connection, project_id: int) -> int:
    """Return how many second opinions were given, or are in somebody's hands."""
    query = select(func.count()).where(
        slot.c.project_id == project_id, slot.c.strategy == SECOND_OPINION
    )
    return int(connection.scalar(query) or 0)


def ask(connection: Connection, project_id: int, wanted: Sequence[Ranked]) -> int:
    """Want one more answer about each of these samples; return how many are wanted anew."""
    last = dict(
        connection.execute(
            select(slot.c.sample_key, func.max(slot.c.slot_no))
            .where(
                slot.c.project_id == project_id,
                slot.c.sample_key.in_([item.sample_key for item in wanted]),
            )
            .group_by(slot.c.sample_key)
        )
        .tuples()
        .all()
    )
    rows = [row_of(project_id, item, last.get(item.sample_key, -1) + 1) for item in wanted]
    if rows:
        connection.execute(insert_once(connection, slot), rows)
    return len(rows)


def answered_by(connection: Connection, project_id: int) -> int:
    """Return how many people have answered, not counting what imports say."""
    query = select(func.count(annotation.c.person_id.distinct())).where(
        annotation.c.project_id == project_id,
        annotation.c.action == "answer",
        annotation.c.source == "",
    )
    return int(connection.scalar(query) or 0)
