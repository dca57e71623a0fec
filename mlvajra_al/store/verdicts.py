"""Comparisons of two versions: each is counted, because each may spend a share of the error."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from mlvajra_al.records import Verdict
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.schema import verdict


def next_number(connection: Connection, project_id: int) -> int:
    """Return which comparison of a project the next one is, from 1."""
    query = select(func.max(verdict.c.number)).where(verdict.c.project_id == project_id)
    return int(connection.scalar(query) or 0) + 1


def find(
    connection: Connection, project_id: int, pair: tuple[int, int], *, holdout: str
) -> Verdict | None:
    """Return what comparing champion and challenger on the same labels said before, if it did."""
    query = select(verdict.c.body).where(
        verdict.c.project_id == project_id,
        verdict.c.champion == pair[0],
        verdict.c.challenger == pair[1],
        verdict.c.holdout == holdout,
    )
    body = connection.scalar(query)
    return None if body is None else load(Verdict, body)


def newest(connection: Connection, project_id: int, pair: tuple[int, int]) -> Verdict | None:
    """Return what comparing champion and challenger said last, of what was counted."""
    query = select(verdict.c.body).where(
        verdict.c.project_id == project_id,
        verdict.c.champion == pair[0],
        verdict.c.challenger == pair[1],
    )
    body = connection.scalar(query.order_by(verdict.c.number.desc()).limit(1))
    return None if body is None else load(Verdict, body)


def add(
    connection: Connection, project_id: int, added: Verdict, *, holdout: str, now: datetime
) -> None:
    """Store a comparison on the holdout labels that a fingerprint names."""
    connection.execute(
        insert(verdict).values(
            project_id=project_id,
            number=added.number,
            champion=added.champion,
            challenger=added.challenger,
            holdout=holdout,
            body=dump(added),
            created_at=now,
        )
    )
