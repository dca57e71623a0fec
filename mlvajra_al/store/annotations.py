"""What people said: an append-only log of events, never updated, never deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    func,
    insert,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from mlvajra_al.errors import Conflict
from mlvajra_al.records import Action, Annotation
from mlvajra_al.records.label_sets import containing, from_text
from mlvajra_al.store.codec import why
from mlvajra_al.store.schema import annotation, label, person
from mlvajra_al.store.statements import prepared

PAGE = 5_000
later, first = annotation.alias("later"), annotation.alias("first")


def said_in(events: Any) -> ColumnElement[str | None]:
    """Return what an event answers: a label, or the text of a set of labels."""
    return func.coalesce(events.c.labels, events.c.label)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which annotations to list; None means any."""

    person_id: int | None = None
    action: Action | None = None
    label: str | None = None
    """Answers with this label, beside others or alone."""
    current: bool = False
    holdout: bool | None = None
    said_here: bool = False
    """Leave out labels that came with a file."""
    decides: bool | None = None
    """What a reviewer has decided, or an own answer beside which they ask somebody else."""
    after_seq: int = 0
    until_seq: int | None = None


def _annotation(row: Any) -> Annotation:
    return Annotation(
        seq=row.seq,
        event_id=row.event_id,
        project_id=row.project_id,
        sample_key=row.sample_key,
        position=row.position,
        person_id=row.person_id,
        person=row.person,
        action=row.action,
        label=row.label if row.labels is None else row.labels,
        supersedes=row.supersedes,
        comment=row.comment,
        elapsed_ms=row.elapsed_ms,
        client_time=row.client_time,
        created_at=row.created_at,
        late=row.late,
        adjudicates=row.adjudicates,
        source=row.source,
        why=None if row.strategy is None else why(row),
        asks_again=row.asks_again,
    )


def _select() -> Select[Any]:
    return select(annotation, person.c.name.label("person")).join(
        person, person.c.id == annotation.c.person_id
    )


def stands(until_seq: int | None = None) -> ColumnElement[bool]:
    """Leave out what its person has superseded, as it was after event `until_seq`."""
    superseding = select(later.c.seq).where(later.c.supersedes == annotation.c.event_id)
    if until_seq is not None:
        superseding = superseding.where(later.c.seq <= until_seq)
    return ~superseding.exists()


def _first_seq() -> ColumnElement[int]:
    """Return when its person first answered about the sample: a correction keeps that turn."""
    earliest = select(func.min(first.c.seq)).where(
        first.c.project_id == annotation.c.project_id,
        first.c.sample_key == annotation.c.sample_key,
        first.c.person_id == annotation.c.person_id,
        first.c.action == "answer",
        first.c.seq <= annotation.c.seq,
    )
    untouched = annotation.c.supersedes.is_(None)
    return case((untouched, annotation.c.seq), else_=earliest.scalar_subquery()).label("first_seq")


def standing_answers(
    project_id: int, *, until_seq: int | None = None, more: Sequence[ColumnElement[Any]] = ()
) -> Select[Any]:
    """Select the answers that count, as they stood after event `until_seq`.

    Rows have ``sample_key, position, person_id, label, seq, first_seq, holdout, adjudicates,
    strategy`` and what `more` says.
    """
    query = select(
        annotation.c.sample_key,
        annotation.c.position,
        annotation.c.person_id,
        said_in(annotation).label("label"),
        annotation.c.seq,
        _first_seq(),
        annotation.c.holdout,
        annotation.c.adjudicates,
        annotation.c.strategy,
        *more,
    ).where(
        annotation.c.project_id == project_id,
        annotation.c.action == "answer",
        stands(until_seq),
    )
    return query if until_seq is None else query.where(annotation.c.seq <= until_seq)


BY_EVENT = _select().where(annotation.c.event_id == bindparam("event"))
BY_PERSON = _select().where(
    annotation.c.project_id == bindparam("project"),
    annotation.c.sample_key == bindparam("sample"),
    annotation.c.person_id == bindparam("person"),
    stands(),
)
HEAD, BEFORE = prepared(BY_PERSON), prepared(union_all(BY_EVENT, BY_PERSON))
SPEAKING = ("answer", "flag")
APPEND = prepared(insert(annotation))
LABEL_GONE = ("fk_annotation_project_id_label", "FOREIGN KEY")
"""What PostgreSQL and SQLite say; of what else an event mentions nothing is ever removed."""
LABEL_NAMES = prepared(select(label.c.name).where(label.c.project_id == bindparam("project")))
old = annotation.alias("old")
CHANGES = prepared(
    select(
        annotation.c.seq,
        annotation.c.position,
        annotation.c.person_id,
        annotation.c.action,
        said_in(annotation).label("label"),
        old.c.action.label("old_action"),
        said_in(old).label("old_label"),
    )
    .outerjoin(old, old.c.event_id == annotation.c.supersedes)
    .where(annotation.c.project_id == bindparam("project"), annotation.c.seq > bindparam("after"))
    .order_by(annotation.c.seq)
    .limit(PAGE)
)


def append(
    connection: Connection,
    events: Sequence[Annotation],
    *,
    holdout: Sequence[bool],
    multilabel: bool = False,
) -> None:
    """Store events whose `seq` was taken in this transaction.

    `holdout` says on which side of the pool each sample lies, `multilabel` whether what is
    answered are sets of labels.

    Raises
    ------
    Conflict
        If an event of this id was stored meanwhile, or a label was taken out of the set.
    """
    if multilabel:
        _require_labels(connection, events)
    rows = [
        _row(event, holdout=side, multilabel=multilabel)
        for event, side in zip(events, holdout, strict=True)
    ]
    try:
        APPEND.many(connection, rows)
    except IntegrityError as error:
        if any(words in str(error.orig) for words in LABEL_GONE):
            raise _taken_out({event.label or "" for event in events}) from error
        if "event_id" not in str(error.orig):
            raise
        raise Conflict("an event of this id was sent meanwhile; send it again") from error


def _row(event: Annotation, *, holdout: bool, multilabel: bool) -> dict[str, Any]:
    return {
        "project_id": event.project_id,
        "seq": event.seq,
        "event_id": event.event_id,
        "sample_key": event.sample_key,
        "position": event.position,
        "person_id": event.person_id,
        "action": event.action,
        "label": None if multilabel else event.label,
        "labels": event.label if multilabel else None,
        "supersedes": event.supersedes,
        "comment": event.comment,
        "elapsed_ms": event.elapsed_ms,
        "client_time": event.client_time,
        "created_at": event.created_at,
        "late": event.late,
        "adjudicates": event.adjudicates,
        "asks_again": event.asks_again,
        "source": event.source,
        "holdout": holdout,
        "strategy": event.why.strategy if event.why else None,
        "utility": event.why.utility if event.why else None,
        "rank": event.why.rank if event.why else None,
        "version": event.why.version if event.why else None,
        "inclusion_probability": event.why.inclusion_probability if event.why else None,
    }


def _require_labels(connection: Connection, events: Sequence[Annotation]) -> None:
    """Do for sets of labels what a foreign key does for one; the set of the project is locked."""
    said = {(event.project_id, event.label) for event in events if event.label is not None}
    for project_id in {project_id for project_id, _ in said}:
        known = {row.name for row in LABEL_NAMES.all(connection, project=project_id)}
        given = {name for of, text in said if of == project_id for name in from_text(text)}
        if given - known:
            raise _taken_out(given - known)


def _taken_out(names: Collection[str]) -> Conflict:
    which = f"the label {min(names)!r}" if len(names) == 1 else f"one of {sorted(names)}"
    return Conflict(f"{which} was taken out of the label set meanwhile; choose another")


def before(
    connection: Connection, project_id: int, *, event_id: str, sample_key: str, person_id: int
) -> tuple[Annotation | None, Annotation | None]:
    """Return an event of this id, whichever project it is in, and what else a person said last."""
    about = {"project": project_id, "sample": sample_key, "person": person_id}
    found = [_annotation(row) for row in BEFORE.all(connection, event=event_id, **about)]
    known = next((item for item in found if item.event_id == event_id), None)
    return known, next((item for item in found if item.event_id != event_id), None)


def head(
    connection: Connection, project_id: int, *, sample_key: str, person_id: int
) -> Annotation | None:
    """Return what a person said last about a sample."""
    row = HEAD.one(connection, project=project_id, sample=sample_key, person=person_id)
    return None if row is None else _annotation(row)


def _filtered(project_id: int, wanted: Filter) -> Select[Any]:
    query = _select().where(annotation.c.project_id == project_id)
    for column, value in (
        (annotation.c.person_id, wanted.person_id),
        (annotation.c.action, wanted.action),
        (annotation.c.holdout, wanted.holdout),
        (case((annotation.c.asks_again, True), else_=annotation.c.adjudicates), wanted.decides),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.label is not None:
        begin, within = containing(wanted.label)
        query = query.where(
            (annotation.c.label == wanted.label)
            | annotation.c.labels.startswith(begin, autoescape=True)
            | annotation.c.labels.contains(within, autoescape=True)
        )
    if wanted.said_here:
        query = query.where(annotation.c.source == "")
    if wanted.current:
        query = query.where(stands())
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
    connection: Connection,
    project_id: int,
    *,
    until_seq: int | None = None,
    sample_key: str | None = None,
) -> Iterator[Any]:
    """Stream the rows of `standing_answers`, of one sample or all, in order of `seq`.

    Memory is bounded.
    """
    query = standing_answers(project_id, until_seq=until_seq).order_by(annotation.c.seq)
    if sample_key is not None:
        query = query.where(annotation.c.sample_key == sample_key)
    yield from connection.execute(query, execution_options={"yield_per": PAGE})


def of_sample(connection: Connection, project_id: int, sample_key: str) -> tuple[Annotation, ...]:
    """Return everything said about one sample, in order."""
    return tuple(of_samples(connection, project_id, [sample_key])[sample_key])


def of_samples(
    connection: Connection, project_id: int, sample_keys: Collection[str]
) -> dict[str, list[Annotation]]:
    """Return everything said about each of some samples, in order."""
    query = _select().where(
        annotation.c.project_id == project_id, annotation.c.sample_key.in_(sample_keys)
    )
    found: dict[str, list[Annotation]] = {key: [] for key in sample_keys}
    for row in connection.execute(query.order_by(annotation.c.seq)):
        found[row.sample_key].append(_annotation(row))
    return found


def changes(connection: Connection, project_id: int, *, after_seq: int) -> list[Any]:
    """Return what the next events after `after_seq` said, and what each took the place of.

    At most `PAGE` of them. Rows have ``seq, position, person_id, action, label, old_action,
    old_label``.
    """
    return CHANGES.all(connection, project=project_id, after=after_seq)


def holdout_tally(connection: Connection, project_id: int) -> tuple[int, int, int]:
    """Return how many holdout samples were asked about, answered and only skipped."""
    query = (
        select(annotation.c.sample_key, annotation.c.action)
        .where(
            annotation.c.project_id == project_id,
            annotation.c.holdout.is_(True),
            stands(),
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


def last_about_holdout(connection: Connection, project_id: int) -> int:
    """Return the last event that may have changed what is known of held out samples, or 0."""
    query = select(func.max(annotation.c.seq)).where(
        annotation.c.project_id == project_id,
        annotation.c.holdout.is_(True),
        annotation.c.action.in_(("answer", "retract")),
    )
    return int(connection.scalar(query) or 0)


def positions(connection: Connection, project_id: int) -> NDArray[np.int64]:
    """Return where the samples are that anybody has said anything about, in order."""
    query = select(annotation.c.position).where(annotation.c.project_id == project_id).distinct()
    return np.unique(np.array(connection.scalars(query).all(), dtype=np.int64))


def pace(
    connection: Connection, project_id: int, *, limit: int
) -> Sequence[tuple[datetime, int | None]]:
    """Return when the newest answers were given here and how many ms each took, newest first."""
    query = (
        select(annotation.c.created_at, annotation.c.elapsed_ms)
        .where(
            annotation.c.project_id == project_id,
            annotation.c.action == "answer",
            annotation.c.source == "",
        )
        .order_by(annotation.c.seq.desc())
        .limit(limit)
    )
    return [(row.created_at, row.elapsed_ms) for row in connection.execute(query)]


def labels_said(connection: Connection, project_id: int, *, limit: int) -> set[str]:
    """Return what standing answers say about samples that are not held out, at most so many."""
    query = (
        select(said_in(annotation))
        .where(
            annotation.c.project_id == project_id,
            annotation.c.action == "answer",
            annotation.c.holdout.is_(False),
            stands(),
        )
        .distinct()
        .limit(limit)
    )
    return {str(label) for label in connection.scalars(query)}


def settled(connection: Connection, project_id: int, *, overlap: int) -> NDArray[np.int64]:
    """Return where the samples are about which as many people have spoken as are wanted."""
    query = (
        select(annotation.c.position)
        .where(annotation.c.project_id == project_id, annotation.c.action.in_(SPEAKING))
        .group_by(annotation.c.position)
        .having(func.count(annotation.c.person_id.distinct()) >= overlap)
    )
    return np.array(connection.scalars(query).all(), dtype=np.int64)


def total(connection: Connection, *project_ids: int) -> int:
    """Return how many events there are in these projects."""
    query = select(func.count()).where(annotation.c.project_id.in_(project_ids))
    return int(connection.scalar(query) or 0)
