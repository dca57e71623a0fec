"""Samples in people's hands: claims on ranked slots, and their leases.

Every promise about claims is a constraint of the tables. What is given back, of the pool or of the
holdout, keeps its place in the ranking of that moment. A ranking may change while a sample is in
somebody's hands: why it was asked stays as it was shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from mlvajra_al.records import Claim, Why
from mlvajra_al.store.codec import why
from mlvajra_al.store.ranking import WAITING, nothing
from mlvajra_al.store.schema import annotation, slot
from mlvajra_al.store.statements import Prepared, prepared

CHUNK = 500
sibling = slot.alias("sibling")
project: BindParameter[int] = bindparam("project")
person: BindParameter[int] = bindparam("person")
MAX_HELD = 60
"""So many samples wait for one person, in all tabs; what one holds nobody else can answer."""
SHOWN = {
    "shown_rank": slot.c.rank,
    "shown_strategy": slot.c.strategy,
    "shown_utility": slot.c.utility,
    "shown_version": slot.c.version,
    "shown_probability": slot.c.inclusion_probability,
}
"""What a slot keeps of its ranking when it is handed out."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants samples of which project, when, for how long, and from where there are none.

    `without` names the first and the last position of each part of the pool to leave out.
    """

    project_id: int
    person_id: int
    now: datetime
    lease: timedelta
    without: tuple[tuple[int, int], ...] = ()


def _claim(row: Any) -> Claim:
    return Claim(
        id=row.lease_token,
        project_id=row.project_id,
        sample_key=row.sample_key,
        position=row.position,
        person_id=row.annotator_id,
        lease_until=row.lease_until,
        why=_shown(row),
    )


def _shown(row: Any) -> Why:
    if row.shown_rank is None:  # closed without having been handed out
        return why(row)
    return Why(
        strategy=row.shown_strategy,
        utility=row.shown_utility,
        rank=row.shown_rank,
        version=row.shown_version,
        inclusion_probability=row.shown_probability,
        holdout=row.holdout,
    )


def _not_mine() -> tuple[ColumnElement[bool], ...]:
    """Leave out the samples of which this person has a slot, or said something that stands."""
    mine = select(sibling.c.id).where(
        sibling.c.project_id == project,
        sibling.c.sample_key == slot.c.sample_key,
        sibling.c.annotator_id == person,
        sibling.c.id != slot.c.id,
    )
    later = annotation.alias("later")
    said = select(annotation.c.seq).where(
        annotation.c.project_id == project,
        annotation.c.sample_key == slot.c.sample_key,
        annotation.c.person_id == person,
        annotation.c.action != "retract",
        ~select(later.c.seq).where(later.c.supersedes == annotation.c.event_id).exists(),
    )
    return nothing(mine), nothing(said)


def _held(slots: Any) -> tuple[ColumnElement[bool], ...]:
    """Keep what a person holds."""
    return (
        slots.c.project_id == project,
        slots.c.annotator_id == person,
        slots.c.done == false(),
        slots.c.lease_until >= bindparam("now"),
    )


def _taking(
    dialect: str, *, holdout: bool, without: Sequence[tuple[int, int]] = ()
) -> ReturningUpdate[Any]:
    """Return the claim of the best sample of a stream that waits, for who does not hold too many.

    The stream is written out: PostgreSQL plans anew at each run what it knows too little about.
    """
    holding = select(func.count()).where(*_held(sibling)).scalar_subquery()
    wanted = (
        select(slot.c.id)
        .where(
            slot.c.project_id == project,
            slot.c.holdout == (true() if holdout else false()),
            WAITING,
            or_(slot.c.annotator_id.is_(None), slot.c.lease_until < bindparam("now")),
            *_not_mine(),
            holding < bindparam("most"),
            *(~slot.c.position.between(first, last) for first, last in without),
        )
        .order_by(slot.c.rank, slot.c.slot_no)
        .limit(1)
    )
    if dialect == "postgresql":
        wanted = wanted.with_for_update(of=slot, skip_locked=True)
        chosen = wanted.cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
        target = slot.c.id == select(chosen.c.id).scalar_subquery()
    else:
        target = slot.c.id == wanted.scalar_subquery()
    return (
        update(slot)
        .where(target)
        .values(
            annotator_id=person,
            lease_until=bindparam("until"),
            lease_token=bindparam("token"),
            **SHOWN,
        )
        .returning(*slot.c)
    )


def _if_mine(own: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what a person's own slot has already; for a slot that was not theirs, `other`."""
    return case((slot.c.annotator_id == person, func.coalesce(own, other)), else_=other)


TAKE = {side: Prepared(partial(_taking, holdout=side)) for side in (False, True)}
HELD = prepared(select(slot).where(*_held(slot)))
HELD_COUNT = prepared(select(func.count().label("held")).where(*_held(slot)))
FINISH = prepared(
    update(slot)
    .where(slot.c.lease_token == bindparam("claim"), slot.c.annotator_id == person, WAITING)
    .values(done=True)
    .returning(*slot.c)
)
OWN = prepared(
    select(slot.c.id).where(
        slot.c.project_id == project,
        slot.c.sample_key == bindparam("sample"),
        slot.c.annotator_id == person,
    )
)
NOBODYS = or_(slot.c.annotator_id.is_(None), slot.c.lease_until < bindparam("now"))
"""In nobody's hands: never claimed, given back, or the lease has ended."""
FREE = prepared(
    select(slot.c.id)
    .where(
        slot.c.project_id == project,
        slot.c.sample_key == bindparam("sample"),
        NOBODYS,
        WAITING,
    )
    .order_by(slot.c.annotator_id.is_not(None), slot.c.id)
    .limit(1)
)
FINISH_UNCLAIMED = prepared(
    update(slot)
    .where(slot.c.id == bindparam("chosen"), WAITING, or_(slot.c.annotator_id == person, NOBODYS))
    .values(
        done=True,
        annotator_id=person,
        lease_token=_if_mine(slot.c.lease_token, bindparam("token")),
        lease_until=_if_mine(slot.c.lease_until, bindparam("now")),
        shown_rank=case((slot.c.annotator_id == person, slot.c.shown_rank)),
    )
    .returning(*slot.c)
)
KEEP = prepared(
    update(slot)
    .where(slot.c.id == bindparam("chosen"), WAITING, NOBODYS)
    .values(
        annotator_id=person, lease_token=bindparam("token"), lease_until=bindparam("until"), **SHOWN
    )
    .returning(*slot.c)
)


def take(connection: Connection, wish: Wish, *, holdout: bool) -> Claim | None:
    """Hand the best waiting sample of one stream to a person.

    None where none waits, or where they hold as many as anybody may.
    """
    statement = TAKE[holdout]
    if wish.without:
        statement = Prepared(partial(_taking, holdout=holdout, without=wish.without))
    row = statement.one(
        connection,
        project=wish.project_id,
        person=wish.person_id,
        now=wish.now,
        until=wish.now + wish.lease,
        token=uuid4().hex,
        most=MAX_HELD,
    )
    return None if row is None else _claim(row)


def held(
    connection: Connection, project_id: int, *, person_id: int, now: datetime
) -> tuple[Claim, ...]:
    """Return the claims a person holds."""
    rows = HELD.all(connection, project=project_id, person=person_id, now=now)
    return tuple(_claim(row) for row in rows)


def held_count(connection: Connection, project_id: int, *, person_id: int, now: datetime) -> int:
    """Return how many claims a person holds."""
    row = HELD_COUNT.all(connection, project=project_id, person=person_id, now=now)[0]
    return int(row.held)


def in_other_hands(
    connection: Connection, project_id: int, *, sample_key: str, person_id: int, now: datetime
) -> bool:
    """Say whether somebody else than this person holds a sample."""
    query = select(slot.c.id).where(
        slot.c.project_id == project_id,
        slot.c.sample_key == sample_key,
        slot.c.annotator_id != person_id,
        slot.c.lease_until >= now,
        WAITING,
    )
    return connection.scalar(query.limit(1)) is not None


def renew(
    connection: Connection,
    project_id: int,
    *,
    person_id: int,
    claims: Sequence[str],
    until: datetime,
) -> int:
    """Extend the leases that are still this person's and return how many there were."""
    statement = (
        update(slot).where(*_held_by(project_id, person_id, claims)).values(lease_until=until)
    )
    return connection.execute(statement).rowcount


def release(
    connection: Connection, project_id: int, *, person_id: int, claims: Sequence[str]
) -> int:
    """Give claimed samples back and return how many there were."""
    statement = (
        update(slot)
        .where(*_held_by(project_id, person_id, claims))
        .values(annotator_id=None, lease_until=None, lease_token=None)
    )
    return connection.execute(statement).rowcount


def _held_by(
    project_id: int, person_id: int, claims: Sequence[str]
) -> tuple[ColumnElement[bool], ...]:
    return (
        slot.c.project_id == project_id,
        slot.c.annotator_id == person_id,
        slot.c.lease_token.in_(claims),
        WAITING,
    )


def finish(connection: Connection, claim_id: str, *, person_id: int) -> Claim | None:
    """Close the slot of a claim if it is still this person's; None if it is not."""
    row = FINISH.one(connection, claim=claim_id, person=person_id)
    return None if row is None else _claim(row)


def finish_unclaimed(
    connection: Connection, project_id: int, *, sample_key: str, person_id: int, now: datetime
) -> Claim | None:
    """Close one slot of a sample that nobody has answered, for an answer without a claim."""
    about = {"project": project_id, "sample": sample_key}
    chosen = OWN.one(connection, **about, person=person_id) or FREE.one(
        connection, **about, now=now
    )
    if chosen is None:
        return None
    row = FINISH_UNCLAIMED.one(
        connection, chosen=chosen.id, person=person_id, token=uuid4().hex, now=now
    )
    return None if row is None else _claim(row)


def finish_samples(
    connection: Connection,
    project_id: int,
    sample_keys: Sequence[str],
    *,
    person_id: int,
    now: datetime,
) -> int:
    """Close one free slot of each of these samples for a person new to them; return how many."""
    closed = 0
    for start in range(0, len(sample_keys), CHUNK):
        free = (
            select(func.min(slot.c.id))
            .where(
                slot.c.project_id == project_id,
                slot.c.sample_key.in_(sample_keys[start : start + CHUNK]),
                or_(slot.c.annotator_id.is_(None), slot.c.lease_until < now),
                WAITING,
            )
            .group_by(slot.c.sample_key)
        )
        statement = (
            update(slot)
            .where(slot.c.id.in_(free))
            .values(done=True, annotator_id=person_id, lease_token=None, lease_until=None)
        )
        closed += connection.execute(statement).rowcount
    return closed


def reopen(
    connection: Connection,
    project_id: int,
    *,
    sample_key: str,
    person_id: int,
    lease_until: datetime | None,
) -> Claim | None:
    """Ask again about a sample this person had closed.

    With `lease_until` the person keeps it (undo); without, it is anybody's (skip).
    """
    keep = lease_until is not None
    statement = (
        update(slot)
        .where(
            slot.c.project_id == project_id,
            slot.c.sample_key == sample_key,
            slot.c.annotator_id == person_id,
        )
        .values(
            done=False,
            annotator_id=person_id if keep else None,
            lease_until=lease_until,
            lease_token=uuid4().hex if keep else None,
        )
        .returning(*slot.c)
    )
    row = connection.execute(statement).one_or_none()
    return _claim(row) if row is not None and keep else None


def keep(connection: Connection, wish: Wish, *, sample_key: str) -> Claim | None:
    """Hand a person a sample they had given back, unless somebody else has it by now."""
    chosen = FREE.one(connection, project=wish.project_id, sample=sample_key, now=wish.now)
    if chosen is None:
        return None
    row = KEEP.one(
        connection,
        chosen=chosen.id,
        person=wish.person_id,
        token=uuid4().hex,
        until=wish.now + wish.lease,
        now=wish.now,
    )
    return None if row is None else _claim(row)
