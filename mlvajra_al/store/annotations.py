"""What people said: an append-only log of events, never updated, never deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, insert, select

from mlvajra_al.records import Action, Annotation, Why
from mlvajra_al.store.schema import annotation, person

PAGE = 5_000
later = annotation.alias("later")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which annotations to list; None means any."""

    person_id: int | None = None
    action: Action | None = None
    label: str | None = None
    text: str | None = None
    current: bool = False
    holdout: bool | None = None
    after_seq: int = 0
    until_seq: int | None = None


def _annotation(row: Row[Any]) -> Annotation:
    why = None
    if row.strategy is not None:
        why = Why(
            strategy=row.strategy,
            utility=row.utility,
            rank=row.rank,
            version=row.version,
            inclusion_probability=row.inclusion_probability,
            holdout=row.holdout,
        )
    return Annotation(
        seq=row.seq,
        event_id=row.event_id,
        project_id=row.project_id,
        sample_key=row.sample_key,
        position=row.position,
        person_id=row.person_id,
        person=row.person,
        action=row.action,
        label=row.label,
        supersedes=row.supersedes,
        comment=row.comment,
        elapsed_ms=row.elapsed_ms,
        client_time=row.client_time,
        created_at=row.created_at,
        late=row.late,
        adjudicates=row.adjudicates,
        source=row.source,
        why=why,
    )


def _select() -> Select[Any]:
    return select(annotation, person.c.name.label("person")).join(
        person, person.c.id == annotation.c.person_id
    )


def _is_current() -> ColumnElement[bool]:
    superseding = select(later.c.seq).where(later.c.supersedes == annotation.c.event_id)
    return ~superseding.exists()


# Statements of the labelling path are built once: building takes longer than running them.
BY_EVENT = _select().where(annotation.c.event_id == bindparam("event"))
HEAD = _select().where(
    annotation.c.project_id == bindparam("project"),
    annotation.c.sample_key == bindparam("sample"),
    annotation.c.person_id == bindparam("person"),
    _is_current(),
)
APPEND = insert(annotation)


def append(
    connection: Connection, events: Sequence[Annotation], *, holdout: Sequence[bool]
) -> None:
    """Store events whose `seq` was taken in this transaction.

    `holdout` says on which side of the pool each sample lies.
    """
    rows = [
        {
            "project_id": event.project_id,
            "seq": event.seq,
            "event_id": event.event_id,
            "sample_key": event.sample_key,
            "position": event.position,
            "person_id": event.person_id,
            "action": event.action,
            "label": event.label,
            "supersedes": event.supersedes,
            "comment": event.comment,
            "elapsed_ms": event.elapsed_ms,
            "client_time": event.client_time,
            "created_at": event.created_at,
            "late": event.late,
            "adjudicates": event.adjudicates,
            "source": event.source,
            "holdout": side,
            "strategy": event.why.strategy if event.why else None,
            "utility": event.why.utility if event.why else None,
            "rank": event.why.rank if event.why else None,
            "version": event.why.version if event.why else None,
            "inclusion_probability": event.why.inclusion_probability if event.why else None,
        }
        for event, side in zip(events, holdout, strict=True)
    ]
    if rows:
        connection.execute(APPEND, rows)


def by_event(connection: Connection, event_id: str) -> Annotation | None:
    """Return one event, whichever project it is in."""
    row = connection.execute(BY_EVENT, {"event": event_id}).one_or_none()
    return None if row is None else _annotation(row)


def head(
    connection: Connection, project_id: int, *, sample_key: str, person_id: int
) -> Annotation | None:
    """Return what a person said last about a sample."""
    asked = {"project": project_id, "sample": sample_key, "person": person_id}
    row = connection.execute(HEAD, asked).one_or_none()
    return None if row is None else _annotation(row)


def _filtered(project_id: int, wanted: Filter) -> Select[Any]:
    query = _select().where(annotation.c.project_id == project_id)
    for column, value in (
        (annotation.c.person_id, wanted.person_id),
        (annotation.c.action, wanted.action),
        (annotation.c.label, wanted.label),
        (annotation.c.holdout, wanted.holdout),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.text:
        query = query.where(
            annotation.c.comment.icontains(wanted.text, autoescape=True)
            | annotation.c.sample_key.icontains(wanted.text, autoescape=True)
        )
    if wanted.current:
        query = query.where(_is_current())
    if wanted.until_seq is not None:
        query = query.where(annotation.c.seq <= wanted.until_seq)
    return query


def listed(
    connection: Connection,
    project_id: int,
    wanted: Filter,
    *,
    limit: int,
    newest_first: bool = False,
) -> tuple[Annotation, ...]:
    """Return a page of events; `wanted.after_seq` continues where the last page ended."""
    query = _filtered(project_id, wanted)
    if newest_first:
        if wanted.after_seq:
            query = query.where(annotation.c.seq < wanted.after_seq)
        query = query.order_by(annotation.c.seq.desc())
    else:
        query = query.where(annotation.c.seq > wanted.after_seq).order_by(annotation.c.seq)
    return tuple(_annotation(row) for row in connection.execute(query.limit(limit)))


def history(connection: Connection, project_id: int, wanted: Filter) -> Iterator[Annotation]:
    """Stream all events that match, in order, in bounded memory."""
    query = _filtered(project_id, wanted).where(annotation.c.seq > wanted.after_seq)
    query = query.order_by(annotation.c.seq)
    rows = connection.execute(query, execution_options={"yield_per": PAGE})
    for row in rows:
        yield _annotation(row)


def current_answers(
    connection: Connection, project_id: int, *, until_seq: int | None = None
) -> Iterator[Any]:
    """Stream the answers that count, in order of `seq`, as they stood after event `until_seq`.

    Rows have ``sample_key, position, person_id, label, seq, holdout, adjudicates``.
    """
    superseding = select(later.c.seq).where(later.c.supersedes == annotation.c.event_id)
    if until_seq is not None:
        superseding = superseding.where(later.c.seq <= until_seq)
    query = (
        select(
            annotation.c.sample_key,
            annotation.c.position,
            annotation.c.person_id,
            annotation.c.label,
            annotation.c.seq,
            annotation.c.holdout,
            annotation.c.adjudicates,
        )
        .where(
            annotation.c.project_id == project_id,
            annotation.c.action == "answer",
            ~superseding.exists(),
        )
        .order_by(annotation.c.seq)
    )
    if until_seq is not None:
        query = query.where(annotation.c.seq <= until_seq)
    yield from connection.execute(query)


def of_sample(connection: Connection, project_id: int, sample_key: str) -> tuple[Annotation, ...]:
    """Return everything said about one sample, in order."""
    query = _select().where(
        annotation.c.project_id == project_id, annotation.c.sample_key == sample_key
    )
    return tuple(_annotation(row) for row in connection.execute(query.order_by(annotation.c.seq)))


def counts(
    connection: Connection, project_id: int, *, person_id: int | None = None
) -> dict[tuple[str, str | None], int]:
    """Count the current events by (action, label)."""
    query = (
        select(annotation.c.action, annotation.c.label, func.count().label("n"))
        .where(annotation.c.project_id == project_id, _is_current())
        .group_by(annotation.c.action, annotation.c.label)
    )
    if person_id is not None:
        query = query.where(annotation.c.person_id == person_id)
    return {(row.action, row.label): row.n for row in connection.execute(query)}


def closed(connection: Connection, project_id: int, *, overlap: int) -> int:
    """Count the samples that `overlap` people have answered or flagged, as far as they stand."""
    samples = (
        select(annotation.c.sample_key)
        .where(
            annotation.c.project_id == project_id,
            annotation.c.action.in_(("answer", "flag")),
            _is_current(),
        )
        .group_by(annotation.c.sample_key)
        .having(func.count() >= overlap)
    )
    return int(connection.scalar(select(func.count()).select_from(samples.subquery())) or 0)


def holdout_tally(connection: Connection, project_id: int) -> tuple[int, int, int]:
    """Return how many holdout samples were asked about, answered and only skipped."""
    query = (
        select(annotation.c.sample_key, annotation.c.action)
        .where(
            annotation.c.project_id == project_id,
            annotation.c.holdout.is_(True),
            _is_current(),
        )
        .distinct()
    )
    answered: set[str] = set()
    skipped: set[str] = set()
    asked: set[str] = set()
    for row in connection.execute(query):
        asked.add(row.sample_key)
        if row.action == "answer":
            answered.add(row.sample_key)
        elif row.action == "skip":
            skipped.add(row.sample_key)
    return len(asked), len(answered), len(skipped - answered)


def positions(connection: Connection, project_id: int) -> NDArray[np.int64]:
    """Return where the samples are that anybody has said anything about, in order."""
    query = select(annotation.c.position).where(annotation.c.project_id == project_id).distinct()
    return np.unique(np.array(connection.scalars(query).all(), dtype=np.int64))


def total(connection: Connection, project_id: int) -> int:
    """Return how many events there are."""
    query = select(func.count()).where(annotation.c.project_id == project_id)
    return int(connection.scalar(query) or 0)
