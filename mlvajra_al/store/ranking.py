"""Which samples wait for an answer, in which order: rows of `slot`, one per wanted answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Delete,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union,
    update,
)

from mlvajra_al.records import Ranked, Why
from mlvajra_al.store import estimates
from mlvajra_al.store.codec import why
from mlvajra_al.store.schema import annotation, slot
from mlvajra_al.store.statements import given, insert_once, prepared

SECOND_OPINION = "second_opinion"
"""Why a sample is asked about that somebody has answered already."""
FILLING = 0x6D6C7603
"""Kind of PostgreSQL's advisory lock under which a ranking is filled."""
project: BindParameter[int] = bindparam("project")
WAITING = slot.c.done == false()
"""Not ``IS false``: SQLite would not see that the partial indexes apply."""
LIKE_THE_FIRST = (
    *("project_id", "sample_key", "position", "rank", "holdout"),
    *("strategy", "utility", "version", "inclusion_probability"),
)
"""What every slot of a sample has in common with its first one."""
LAST_ID = prepared(select(func.max(slot.c.id).label("id")))
PLACE = prepared(
    select(slot).where(
        slot.c.project_id == bindparam("project"),
        slot.c.sample_key == bindparam("sample"),
        slot.c.slot_no == 0,
    )
)


def nothing(query: Select[Any]) -> ColumnElement[bool]:
    """Say that what is looked up for a row does not exist.

    It is looked up for one row at a time. Where PostgreSQL may make a join of it, as it does with
    ``NOT EXISTS``, it reads all that was ever said to find what stands beside a few rows. Of
    ``IS NULL`` it believes that one row in two hundred passes, and sorts all to find the first.
    """
    return query.with_only_columns(true()).limit(1).scalar_subquery().is_not(true())


def place(connection: Connection, project_id: int, sample_key: str) -> tuple[int, Why] | None:
    """Return a ranked sample's position and why it was ranked; None if it never was."""
    row = PLACE.one(connection, project=project_id, sample=sample_key)
    return None if row is None else (row.position, why(row))


def is_wanted(connection: Connection, project_id: int, sample_key: str) -> bool:
    """Say whether an answer about a sample is still wanted."""
    query = select(slot.c.id).where(
        slot.c.project_id == project_id, slot.c.sample_key == sample_key, WAITING
    )
    return connection.scalar(query.limit(1)) is not None


def want_another(
    connection: Connection, project_id: int, sample_key: str, *, position: int, why: Why
) -> None:
    """Want one more answer about a sample than so far."""
    query = select(func.max(slot.c.slot_no)).where(
        slot.c.project_id == project_id, slot.c.sample_key == sample_key
    )
    last = connection.scalar(query)
    following = 0 if last is None else last + 1
    row = row_of(project_id, Ranked(sample_key, position, why), following)
    # Another reviewer may want the same at this moment.
    connection.execute(insert_once(connection, slot), row)


def want_no_more(
    connection: Connection, project_id: int, sample_key: str, *, now: datetime
) -> None:
    """Want no more answers about a sample than were given or are in somebody's hands.

    The first slot stays, because it says why the sample was asked; second opinions are wanted by
    whoever examines the labels.
    """
    free = (
        slot.c.project_id == project_id,
        slot.c.sample_key == sample_key,
        WAITING,
        or_(slot.c.annotator_id.is_(None), slot.c.lease_until < now),
        slot.c.strategy != SECOND_OPINION,
    )
    connection.execute(delete(slot).where(*free, slot.c.slot_no > 0))
    closed = {"done": True, "annotator_id": None, "lease_until": None, "lease_token": None}
    connection.execute(update(slot).where(*free).values(closed))


def row_of(project_id: int, item: Ranked, slot_no: int) -> dict[str, Any]:
    """Return the row of a slot that nobody has claimed."""
    return {
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


def one_at_a_time(connection: Connection, project_id: int) -> None:
    """Let those who find a ranking dry wait for the first who fills it, for all, or a new one."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(select(func.pg_advisory_xact_lock(FILLING, project_id)))


def extend(
    connection: Connection, project_id: int, ranked: Sequence[Ranked], *, overlap: int
) -> None:
    """Add samples, but those that are ranked already and those anybody has spoken about."""
    rows = [row_of(project_id, item, slot_no) for item in ranked for slot_no in range(overlap)]
    if not rows:
        return
    new = given(connection, slot, rows)
    said = select(annotation.c.seq).where(
        annotation.c.project_id == new.c.project_id, annotation.c.sample_key == new.c.sample_key
    )
    # Left to the conflict, this would wait for whoever answers about one that is ranked.
    there = select(slot.c.id).where(
        slot.c.project_id == new.c.project_id,
        slot.c.sample_key == new.c.sample_key,
        slot.c.slot_no == new.c.slot_no,
    )
    fresh = select(new).where(nothing(said), nothing(there))
    # A reviewer may ask again at this moment.
    connection.execute(insert_once(connection, slot).from_select([*rows[0]], fresh))
    estimates.renew_after(connection, slot, added=len(rows))


def known_positions(connection: Connection, project_id: int) -> set[int]:
    """Return the positions of every sample that waits, is held, or was answered."""
    ranked = select(slot.c.position).where(slot.c.project_id == project_id)
    answered = select(annotation.c.position).where(annotation.c.project_id == project_id)
    return set(connection.scalars(union(ranked, answered)))


def _unspoken() -> tuple[ColumnElement[bool], ...]:
    """Choose the waiting slots of pool samples that nobody has spoken about."""
    said = select(annotation.c.seq).where(
        annotation.c.project_id == project, annotation.c.sample_key == slot.c.sample_key
    )
    return slot.c.project_id == project, slot.c.holdout.is_(False), WAITING, nothing(said)


def _clearing(*, together: bool) -> Delete:
    """Remove the slots of samples that nobody holds or has answered, but those that are locked.

    `together` keeps all slots of a sample of which one is locked.
    """
    busy = slot.alias("busy")
    touched = select(busy.c.id).where(
        busy.c.project_id == project,
        busy.c.sample_key == slot.c.sample_key,
        or_(
            busy.c.done.is_(True),
            and_(busy.c.annotator_id.is_not(None), busy.c.lease_until >= bindparam("now")),
        ),
    )
    free = select(slot.c.id).where(
        *_unspoken(),
        # PostgreSQL looks again at the row itself if it was claimed meanwhile, at no other.
        or_(slot.c.annotator_id.is_(None), slot.c.lease_until < bindparam("now")),
        nothing(touched),
    )
    leaving = _not_locked(free).cte("leaving").prefix_with("MATERIALIZED", dialect="postgresql")
    # One slot of a sample is locked by who is being handed it: the others are wanted as well.
    staying = select(busy.c.id).where(
        busy.c.project_id == project,
        busy.c.sample_key == slot.c.sample_key,
        busy.c.id.not_in(select(leaving.c.id)),
    )
    gone = delete(slot).where(slot.c.id.in_(select(leaving.c.id)))
    return gone.where(nothing(staying)) if together else gone


def _not_locked(rows: Select[Any]) -> Select[Any]:
    """Leave out rows of `slot` that another transaction is about to change."""
    return rows.with_for_update(of=slot, skip_locked=True)


CLEAR, CLEAR_TOGETHER = _clearing(together=False), _clearing(together=True)
KEPT = prepared(select(slot.c.id).where(*_unspoken()))
PLACED = (
    update(slot)
    .where(slot.c.id == bindparam("which"))
    .values(
        rank=bindparam("place"),
        strategy=bindparam("by"),
        utility=bindparam("worth"),
        version=bindparam("of"),
        inclusion_probability=bindparam("chance"),
    )
)
GO_BEHIND = update(slot).where(slot.c.id == bindparam("which")).values(rank=bindparam("behind"))


def replace(
    connection: Connection,
    project_id: int,
    ranked: Sequence[Ranked],
    *,
    overlap: int,
    now: datetime,
) -> int:
    """Put a new ranking in the place of the waiting pool samples; return how many wait.

    What somebody holds stays theirs, but takes its place in the new ranking: given back, it comes
    when the new model wants it. What somebody has spoken about keeps its place: what was skipped,
    taken back or is to be asked again waits for the next person, and no ranking brings it anew.

    Whoever is being handed a sample or answers at this moment is not waited for, and waits only
    for the short time in which what somebody holds takes its place: what is locked stays as it is.
    """
    one_at_a_time(connection, project_id)
    about = {"project": project_id, "now": now}
    connection.execute(CLEAR if overlap == 1 else CLEAR_TOGETHER, about)
    kept = {row.id for row in KEPT.all(connection, project=project_id)}
    extend(connection, project_id, ranked, overlap=overlap)
    _rank_anew(connection, kept, ranked=ranked)
    return waiting(connection, project_id)


def _rank_anew(connection: Connection, kept: set[int], *, ranked: Sequence[Ranked]) -> None:
    """Give samples in people's hands their new places; those that have none go behind all."""
    behind = max((item.why.rank for item in ranked), default=-1) + 1
    place = {item.sample_key: item.why for item in ranked}
    still = select(slot.c.id, slot.c.sample_key).where(slot.c.id.in_(kept), WAITING)
    held = connection.execute(_not_locked(still)).all()
    lost = [{"which": row.id, "behind": behind} for row in held if row.sample_key not in place]
    if lost:
        connection.execute(GO_BEHIND, lost)
    placed = [
        {
            "which": row.id,
            "place": place[row.sample_key].rank,
            "by": place[row.sample_key].strategy,
            "worth": place[row.sample_key].utility,
            "of": place[row.sample_key].version,
            "chance": place[row.sample_key].inclusion_probability,
        }
        for row in held
        if row.sample_key in place
    ]
    if placed:
        connection.execute(PLACED, placed)


def set_overlap(connection: Connection, project_id: int, *, overlap: int, now: datetime) -> None:
    """Want so many answers about every ranked sample, those answered before among them.

    What was answered or is in somebody's hands stays, and so does what a reviewer has asked again.
    """
    later, beside = annotation.alias("later"), slot.alias("beside")
    about = (
        annotation.c.project_id == project_id,
        annotation.c.sample_key == slot.c.sample_key,
        ~select(later.c.seq).where(later.c.supersedes == annotation.c.event_id).exists(),
    )
    answered = select(func.count()).where(*about, annotation.c.action.in_(("answer", "flag")))
    put_off = annotation.c.adjudicates & (annotation.c.action == "skip")
    asked_again = select(annotation.c.seq).where(*about, annotation.c.asks_again | put_off)
    same = beside.c.project_id == slot.c.project_id, beside.c.sample_key == slot.c.sample_key
    others = select(func.count()).where(*same, beside.c.done.is_(False), beside.c.id != slot.c.id)
    held = beside.c.annotator_id.is_not(None) & (beside.c.lease_until >= now)
    before = others.where(or_(held, beside.c.slot_no < slot.c.slot_no))
    connection.execute(
        delete(slot).where(
            slot.c.project_id == project_id,
            WAITING,
            or_(slot.c.annotator_id.is_(None), slot.c.lease_until < now),
            answered.scalar_subquery() + before.scalar_subquery() >= overlap,
            ~asked_again.exists(),
        )
    )
    _begin_with_zero(connection, project_id)
    waiting = select(func.count()).where(*same, beside.c.done.is_(False)).scalar_subquery()
    for slot_no in range(1, overlap):
        values = {name: slot.c[name] for name in LIKE_THE_FIRST} | {"slot_no": literal(slot_no)}
        missing = select(*values.values()).where(
            slot.c.project_id == project_id,
            slot.c.slot_no == 0,
            answered.scalar_subquery() + waiting < overlap,
        )
        connection.execute(insert_once(connection, slot).from_select([*values], missing))


def _begin_with_zero(connection: Connection, project_id: int) -> None:
    """Let every sample have a first slot, though that one was not wanted any more."""
    lower = slot.alias("lower")
    below = select(lower.c.id).where(
        lower.c.project_id == slot.c.project_id,
        lower.c.sample_key == slot.c.sample_key,
        lower.c.slot_no < slot.c.slot_no,
    )
    first = slot.c.project_id == project_id, slot.c.slot_no > 0, ~below.exists()
    connection.execute(update(slot).where(*first).values(slot_no=0))


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
        Ranked(row.sample_key, row.position, why(row)) for row in connection.execute(query)
    )


def last_id(connection: Connection) -> int:
    """Return the id of the newest slot of all projects; 0 before the first."""
    (row,) = LAST_ID.all(connection)
    return int(row.id or 0)


def last_rank(connection: Connection, project_id: int, *, holdout: bool = False) -> int:
    """Return the highest rank of a stream; -1 before the first."""
    query = select(func.max(slot.c.rank)).where(
        slot.c.project_id == project_id, slot.c.holdout.is_(holdout)
    )
    found = connection.scalar(query)
    return -1 if found is None else int(found)
