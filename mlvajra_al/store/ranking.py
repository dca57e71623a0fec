"""Who is asked about what: ranked slots, claims on them, leases.

A slot is one wanted answer. Every promise about claims is a constraint of its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from mlvajra_al.records import Claim, Ranked, Why
from mlvajra_al.store.schema import annotation, slot

WAITING = slot.c.done == false()
"""Not ``IS false``: SQLite would not see that the partial indexes apply."""
FINISH = (
    update(slot)
    .where(
        slot.c.lease_token == bindparam("claim"),
        slot.c.annotator_id == bindparam("person"),
        WAITING,
    )
    .values(done=True)
    .returning(*slot.c)
)
sibling = slot.alias("sibling")

CHUNK = 500


def _why(row: Row[tuple[object, ...]]) -> Why:
    return Why(
        strategy=row.strategy,
        utility=row.utility,
        rank=row.rank,
        version=row.version,
        inclusion_probability=row.inclusion_probability,
        holdout=row.holdout,
    )


def _claim(row: Row[tuple[object, ...]]) -> Claim:
    return Claim(
        id=row.lease_token,
        project_id=row.project_id,
        sample_key=row.sample_key,
        position=row.position,
        person_id=row.annotator_id,
        lease_until=row.lease_until,
        why=_why(row),
    )


@cache
def _claiming(dialect: str) -> ReturningUpdate[Any]:
    """Build the claim once per dialect: building it takes longer than running it."""
    project_id: BindParameter[int] = bindparam("claimed_project")
    person_id: BindParameter[int] = bindparam("claimed_by")
    mine = select(sibling.c.id).where(
        sibling.c.project_id == project_id,
        sibling.c.sample_key == slot.c.sample_key,
        sibling.c.annotator_id == person_id,
        sibling.c.id != slot.c.id,
    )
    later = annotation.alias("later")
    answered = select(annotation.c.seq).where(
        annotation.c.project_id == project_id,
        annotation.c.sample_key == slot.c.sample_key,
        annotation.c.person_id == person_id,
        annotation.c.action != "retract",
        ~select(later.c.seq).where(later.c.supersedes == annotation.c.event_id).exists(),
    )
    wanted = (
        select(slot.c.id)
        .where(
            slot.c.project_id == project_id,
            slot.c.holdout == bindparam("claimed_side"),
            WAITING,
            or_(slot.c.annotator_id.is_(None), slot.c.lease_until < bindparam("claimed_at")),
            ~mine.exists(),
            ~answered.exists(),
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
            annotator_id=person_id,
            lease_until=bindparam("claimed_until"),
            lease_token=bindparam("claim_token"),
        )
        .returning(*slot.c)
    )


def one_at_a_time(connection: Connection, project_id: int, *, person_id: int) -> None:
    """Let the tabs of one person wait for each other till the end of the transaction.

    Without it two of them meet at a constraint and one fails; SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(project_id, person_id)))


def claim(
    connection: Connection,
    project_id: int,
    *,
    person_id: int,
    holdout: bool,
    now: datetime,
    lease: timedelta,
) -> Claim | None:
    """Hand the best waiting sample of one stream to a person; None where none waits."""
    values = {
        "claimed_project": project_id,
        "claimed_by": person_id,
        "claimed_side": holdout,
        "claimed_at": now,
        "claimed_until": now + lease,
        "claim_token": uuid4().hex,
    }
    row = connection.execute(_claiming(connection.dialect.name), values).one_or_none()
    return None if row is None else _claim(row)


def held(
    connection: Connection, project_id: int, *, person_id: int, now: datetime
) -> tuple[Claim, ...]:
    """Return the claims a person holds."""
    query = select(slot).where(
        slot.c.project_id == project_id,
        slot.c.annotator_id == person_id,
        WAITING,
        slot.c.lease_until >= now,
    )
    return tuple(_claim(row) for row in connection.execute(query))


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
        update(slot)
        .where(
            slot.c.project_id == project_id,
            slot.c.annotator_id == person_id,
            slot.c.lease_token.in_(claims),
            WAITING,
        )
        .values(lease_until=until)
    )
    return connection.execute(statement).rowcount


def release(
    connection: Connection, project_id: int, *, person_id: int, claims: Sequence[str]
) -> int:
    """Give claimed samples back and return how many there were."""
    statement = (
        update(slot)
        .where(
            slot.c.project_id == project_id,
            slot.c.annotator_id == person_id,
            slot.c.lease_token.in_(claims),
            WAITING,
        )
        .values(annotator_id=None, lease_until=None, lease_token=None)
    )
    return connection.execute(statement).rowcount


def finish(connection: Connection, claim_id: str, *, person_id: int) -> Claim | None:
    """Close the slot of a claim if it is still this person's; None if it is not."""
    asked = {"claim": claim_id, "person": person_id}
    row = connection.execute(FINISH, asked).one_or_none()
    return None if row is None else _claim(row)


def finish_unclaimed(
    connection: Connection, project_id: int, *, sample_key: str, person_id: int, now: datetime
) -> Claim | None:
    """Close one slot of a sample that nobody has answered, for an answer without a claim."""
    mine = select(slot.c.id).where(
        slot.c.project_id == project_id,
        slot.c.sample_key == sample_key,
        slot.c.annotator_id == person_id,
    )
    own_id = connection.scalar(mine)
    free = select(func.min(slot.c.id)).where(
        slot.c.project_id == project_id,
        slot.c.sample_key == sample_key,
        slot.c.annotator_id.is_(None),
        WAITING,
    )
    slot_id = own_id if own_id is not None else connection.scalar(free)
    if slot_id is None:
        return None
    statement = (
        update(slot)
        .where(slot.c.id == slot_id, WAITING)
        .values(
            done=True,
            annotator_id=person_id,
            lease_token=func.coalesce(slot.c.lease_token, uuid4().hex),
            lease_until=func.coalesce(slot.c.lease_until, now),
        )
        .returning(*slot.c)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _claim(row)


def finish_samples(
    connection: Connection, project_id: int, sample_keys: Sequence[str], *, person_id: int
) -> int:
    """Close one free slot of each of these samples for a person new to them; return how many."""
    closed = 0
    for start in range(0, len(sample_keys), CHUNK):
        free = (
            select(func.min(slot.c.id))
            .where(
                slot.c.project_id == project_id,
                slot.c.sample_key.in_(sample_keys[start : start + CHUNK]),
                slot.c.annotator_id.is_(None),
                WAITING,
            )
            .group_by(slot.c.sample_key)
        )
        statement = (
            update(slot).where(slot.c.id.in_(free)).values(done=True, annotator_id=person_id)
        )
        closed += connection.execute(statement).rowcount
    return closed


def place(connection: Connection, project_id: int, sample_key: str) -> tuple[int, Why] | None:
    """Return a ranked sample's position and why it was ranked; None if it never was."""
    query = select(slot).where(
        slot.c.project_id == project_id, slot.c.sample_key == sample_key, slot.c.slot_no == 0
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.position, _why(row))


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


def _insert(
    connection: Connection, project_id: int, ranked: Sequence[Ranked], *, overlap: int
) -> None:
    rows = [
        {
            "project_id": project_id,
            "sample_key": item.sample_key,
            "position": item.position,
            "slot_no": slot_no,
            "rank": item.why.rank,
            "holdout": item.why.holdout,
            "strategy": item.why.strategy,
            "utility": item.why.utility,
            "version": item.why.version,
            "inclusion_probability": item.why.inclusion_probability,
        }
        for item in ranked
        for slot_no in range(overlap)
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        # Somebody may be refilling the same pool at this moment.
        connection.execute(dialect.insert(slot).on_conflict_do_nothing(), rows)


def known_positions(connection: Connection, project_id: int) -> set[int]:
    """Return the positions of every sample that waits, is held, or was answered."""
    ranked = select(slot.c.position).where(slot.c.project_id == project_id)
    answered = select(annotation.c.position).where(annotation.c.project_id == project_id)
    return set(connection.scalars(union(ranked, answered)))


def replace(
    connection: Connection,
    project_id: int,
    ranked: Sequence[Ranked],
    *,
    overlap: int,
    now: datetime,
) -> int:
    """Put a new ranking in the place of the waiting pool samples; return how many wait.

    Samples that somebody holds or has spoken about keep their slots: what was skipped, taken
    back or is to be asked again waits for the next person, and no ranking brings it anew.
    """
    busy = slot.alias("busy")
    touched = select(busy.c.id).where(
        busy.c.project_id == project_id,
        busy.c.sample_key == slot.c.sample_key,
        or_(
            busy.c.done.is_(True),
            and_(busy.c.annotator_id.is_not(None), busy.c.lease_until >= now),
        ),
    )
    spoken = select(annotation.c.seq).where(
        annotation.c.project_id == project_id, annotation.c.sample_key == slot.c.sample_key
    )
    connection.execute(
        delete(slot).where(
            slot.c.project_id == project_id,
            slot.c.holdout.is_(False),
            WAITING,
            # PostgreSQL looks again at the row itself if it was claimed meanwhile, at no other.
            or_(slot.c.annotator_id.is_(None), slot.c.lease_until < now),
            ~touched.exists(),
            ~spoken.exists(),
        )
    )
    extend(connection, project_id, ranked, overlap=overlap)
    return waiting(connection, project_id)


def extend(
    connection: Connection, project_id: int, ranked: Sequence[Ranked], *, overlap: int
) -> None:
    """Add samples behind those that wait already, leaving out what is ranked or answered."""
    known = known_positions(connection, project_id)
    fresh = [item for item in ranked if item.position not in known]
    _insert(connection, project_id, fresh, overlap=overlap)


def waiting(connection: Connection, project_id: int, *, holdout: bool = False) -> int:
    """Return how many slots of a stream are unclaimed and unanswered."""
    query = select(func.count()).where(
        slot.c.project_id == project_id,
        slot.c.holdout.is_(holdout),
        WAITING,
        slot.c.annotator_id.is_(None),
    )
    return int(connection.scalar(query) or 0)


def front(connection: Connection, project_id: int, *, limit: int) -> tuple[Ranked, ...]:
    """Return the pool samples that wait unclaimed, best first."""
    query = (
        select(slot)
        .where(
            slot.c.project_id == project_id,
            slot.c.holdout.is_(False),
            WAITING,
            slot.c.annotator_id.is_(None),
            slot.c.slot_no == 0,
        )
        .order_by(slot.c.rank)
        .limit(limit)
    )
    return tuple(
        Ranked(row.sample_key, row.position, _why(row)) for row in connection.execute(query)
    )


def last_rank(connection: Connection, project_id: int, *, holdout: bool = False) -> int:
    """Return the highest rank of a stream; -1 before the first."""
    query = select(func.max(slot.c.rank)).where(
        slot.c.project_id == project_id, slot.c.holdout.is_(holdout)
    )
    found = connection.scalar(query)
    return -1 if found is None else int(found)
