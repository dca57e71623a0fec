"""Which samples wait for a reviewer: flagged ones, and those with answers that differ.

A sample waits as long as something was said about it after the last decision that stands, other
than the label that was decided.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, union_all

from mlvajra_al.store.annotations import said_in, stands
from mlvajra_al.store.schema import annotation


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample that waits for a decision, and since which event."""

    sample_key: str
    position: int
    seq: int


def _concerned(project_id: int) -> Select[tuple[str, int, int]]:
    """Select flagged samples and samples with different answers, with the newest event."""
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
    both = union_all(flagged, differing).subquery("concerned")
    return select(
        both.c.sample_key, func.min(both.c.position).label("position"), func.max(both.c.seq)
    ).group_by(both.c.sample_key)


def undecided(project_id: int) -> Select[tuple[str, int, int]]:
    """Select the samples that wait for a decision, with the event since which they do."""
    concerned = _concerned(project_id).subquery("samples")
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
        decision.c.adjudicates.is_(True),
        (decision.c.seq >= seq) | (decision.c.action == "answer") & ~against.exists(),
        ~undone.exists(),
    )
    return select(sample_key, position, seq.label("seq")).where(~decided.exists())


def waiting(connection: Connection, project_id: int, *, limit: int) -> tuple[Waiting, ...]:
    """Return the samples that wait for a decision, longest waiting first."""
    query = undecided(project_id).order_by("seq").limit(limit)
    return tuple(
        Waiting(row.sample_key, row.position, row.seq) for row in connection.execute(query)
    )


def count(connection: Connection, project_id: int) -> int:
    """Return how many samples wait for a decision."""
    query = select(func.count()).select_from(undecided(project_id).subquery())
    return int(connection.scalar(query) or 0)
