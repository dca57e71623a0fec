"""Which samples wait for a reviewer: flagged, with answers that differ, or skipped and no more.

A sample waits as long as something was said about it after the last decision that stands, other
than the label that was decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, union_all

from mlvajra_al.store.annotations import SPEAKING, said_in, stands
from mlvajra_al.store.schema import annotation


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample that waits for a decision, and since which event."""

    sample_key: str
    position: int
    seq: int


def _concerned(project_id: int, *, skips: int) -> Select[tuple[str, int, int]]:
    """Select samples that are flagged, answered differently, or skipped by so many and no more.

    Each with its newest event of that kind.
    """
    said = (annotation.c.project_id == project_id, stands())
    columns = (
        annotation.c.sample_key,
        func.min(annotation.c.position).label("position"),
        func.max(annotation.c.seq).label("seq"),
    )
    flagged = (
        select(*columns)
        .where(*said, annotation.c.action == "flag", annotation.c.adjudicates.is_(False))
        .group_by(annotation.c.sample_key)
    )
    differing = (
        select(*columns)
        .where(*said, annotation.c.action == "answer")
        .group_by(annotation.c.sample_key)
        .having(func.count(said_in(annotation).distinct()) > 1)
    )
    skipped = (
        select(*columns)
        .where(
            *said,
            annotation.c.action == "skip",
            annotation.c.adjudicates.is_(False),
            ~_spoken(project_id).exists(),
        )
        .group_by(annotation.c.sample_key)
        .having(func.count() >= skips)
    )
    every = union_all(flagged, differing, skipped).subquery("concerned")
    return select(
        every.c.sample_key, func.min(every.c.position).label("position"), func.max(every.c.seq)
    ).group_by(every.c.sample_key)


def _spoken(project_id: int) -> Select[tuple[int]]:
    """Select the answers and flags that stand about the sample of an event."""
    other, undoing = annotation.alias("other"), annotation.alias("undone_by")
    undone = select(undoing.c.seq).where(undoing.c.supersedes == other.c.event_id)
    return select(other.c.seq).where(
        other.c.project_id == project_id,
        other.c.sample_key == annotation.c.sample_key,
        other.c.action.in_(SPEAKING),
        ~undone.exists(),
    )


def undecided(project_id: int, *, skips: int) -> Select[tuple[str, int, int]]:
    """Select the samples that wait for a decision, with the event since which they do.

    One that nobody has answered does once it was skipped by so many.
    """
    concerned = _concerned(project_id, skips=skips).subquery("samples")
    sample_key, position, seq = concerned.c
    decision, undoing = annotation.alias("decision"), annotation.alias("undoing")
    undone = select(undoing.c.seq).where(undoing.c.supersedes == decision.c.event_id)
    against = select(annotation.c.seq).where(
        annotation.c.project_id == project_id,
        annotation.c.sample_key == decision.c.sample_key,
        annotation.c.seq + 0 > decision.c.seq,  # not by the index that would read all since
        stands(),
        (annotation.c.action == "flag")
        | (annotation.c.action == "answer") & (said_in(annotation) != said_in(decision)),
    )
    decided = select(decision.c.seq).where(
        decision.c.project_id == project_id,
        decision.c.sample_key == sample_key,
        decision.c.adjudicates | decision.c.asks_again,
        (decision.c.seq >= seq) | _labels(decision) & ~against.exists(),
        ~undone.exists(),
    )
    return select(sample_key, position, seq.label("seq")).where(~decided.exists())


def _labels(decision: Any) -> ColumnElement[bool]:
    """Say whether a decision is for a label."""
    return and_(decision.c.adjudicates, decision.c.action == "answer")


def waiting(
    connection: Connection, project_id: int, *, skips: int, limit: int
) -> tuple[Waiting, ...]:
    """Return the samples that wait for a decision, longest waiting first."""
    query = undecided(project_id, skips=skips).order_by("seq").limit(limit)
    return tuple(
        Waiting(row.sample_key, row.position, row.seq) for row in connection.execute(query)
    )


def count(connection: Connection, project_id: int, *, skips: int) -> int:
    """Return how many samples wait for a decision."""
    query = select(func.count()).select_from(undecided(project_id, skips=skips).subquery())
    return int(connection.scalar(query) or 0)
