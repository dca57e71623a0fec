"""Labels that look wrong, as the last examination left them, and who is to be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from mlvajra_al.records import SURE_ODDS, Doubt, Examination, Ranked
from mlvajra_al.store import reviews
from mlvajra_al.store.annotations import standing_answers, stands
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.ranking import SECOND_OPINION as SECOND_OPINION
from mlvajra_al.store.ranking import WAITING, row_of
from mlvajra_al.store.schema import annotation, doubt, examination, person, slot
from mlvajra_al.store.statements import insert_once


def replace(connection: Connection, project_id: int, found: Sequence[Doubt]) -> None:
    """Put new doubts in the place of the old ones."""
    connection.execute(delete(doubt).where(doubt.c.project_id == project_id))
    if found:
        rows = [dump(item) | {"project_id": project_id} for item in found]
        connection.execute(insert(doubt), rows)


def _open(project_id: int) -> Select[Any]:
    """Select the doubts about samples of which nobody has said anything since that stands."""
    taken_back = annotation.alias("taken_back")
    undone = select(taken_back.c.seq).where(
        annotation.c.action == "retract",
        taken_back.c.event_id == annotation.c.supersedes,
        taken_back.c.seq > doubt.c.seq,
    )
    said = select(annotation.c.seq).where(
        annotation.c.project_id == project_id,
        annotation.c.sample_key == doubt.c.sample_key,
        annotation.c.seq > doubt.c.seq,
        stands(),
        ~undone.exists(),
    )
    stays = select(annotation.c.seq).where(
        annotation.c.project_id == project_id, annotation.c.seq == doubt.c.seq, stands()
    )
    return select(doubt).where(doubt.c.project_id == project_id, ~said.exists(), stays.exists())


def listed(connection: Connection, project_id: int, *, limit: int) -> tuple[Doubt, ...]:
    """Return the doubts nobody has answered, the worst first."""
    odds = doubt.c.quality / doubt.c.probability
    query = _open(project_id).order_by(odds, doubt.c.position).limit(limit)
    return tuple(
        Doubt(
            sample_key=row.sample_key,
            position=row.position,
            seq=row.seq,
            label=row.label,
            likely=row.likely,
            probability=row.probability,
            quality=row.quality,
        )
        for row in connection.execute(query)
    )


def count(connection: Connection, project_id: int) -> tuple[int, int]:
    """Return how many doubts nobody has answered: those that are sure, and the others.

    What waits for a decision already is not counted once more; of what was only skipped there is
    no doubt.
    """
    elsewhere = select(reviews.undecided(project_id, skips=1).subquery().c.sample_key)
    found = _open(project_id).where(doubt.c.sample_key.not_in(elsewhere)).subquery()
    sure = func.count().filter(found.c.probability >= SURE_ODDS * found.c.quality)
    of_all, surely = connection.execute(select(func.count(), sure).select_from(found)).one()
    return surely, of_all - surely


def follow(
    connection: Connection, project_id: int, sample_key: str, *, before: int, after: int
) -> None:
    """Let a doubt about the answer that was event `before` be about the same answer given anew."""
    about = (
        doubt.c.project_id == project_id,
        doubt.c.sample_key == sample_key,
        doubt.c.seq == before,
    )
    connection.execute(update(doubt).where(*about).values(seq=after))


def told(connection: Connection, project_id: int, *, until_seq: int) -> list[Row[Any]]:
    """Return the answers that stand, with who gave each.

    Rows have what `standing_answers` says and ``person, source``.
    """
    more = (person.c.name.label("person"), annotation.c.source)
    query = (
        standing_answers(project_id, until_seq=until_seq, more=more)
        .join(person, person.c.id == annotation.c.person_id)
        .order_by(annotation.c.seq)
    )
    return list(connection.execute(query))


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


def asked(connection: Connection, project_id: int, *, now: datetime) -> int:
    """Return how many second opinions were given, or are in somebody's hands."""
    query = select(func.count()).where(
        slot.c.project_id == project_id,
        slot.c.strategy == SECOND_OPINION,
        or_(slot.c.done.is_(True), slot.c.lease_until >= now),
    )
    return int(connection.scalar(query) or 0)


def ask(connection: Connection, project_id: int, wanted: Sequence[Ranked]) -> int:
    """Want one more answer about each of these samples; return how many are wanted anew.

    One that is still to be answered is left as it is.
    """
    about = (slot.c.project_id == project_id, slot.c.sample_key.in_([w.sample_key for w in wanted]))
    busy = set(connection.scalars(select(slot.c.sample_key).where(*about, WAITING)))
    newest = (
        select(slot.c.sample_key, func.max(slot.c.slot_no).label("slot_no"))
        .where(*about)
        .group_by(slot.c.sample_key)
    )
    last = {row.sample_key: row.slot_no for row in connection.execute(newest)}
    rows = [
        row_of(project_id, item, last.get(item.sample_key, -1) + 1)
        for item in wanted
        if item.sample_key not in busy
    ]
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
