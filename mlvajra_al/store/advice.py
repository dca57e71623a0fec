"""What the engine thought of going on, kept with each version; never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from mlvajra_al.records import Advice
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.schema import advice


def add(connection: Connection, project_id: int, given: Advice, *, now: datetime) -> None:
    """Store the advice that was given when a version was made."""
    connection.execute(
        insert(advice).values(
            project_id=project_id, version=given.version, body=dump(given), created_at=now
        )
    )


def listed(connection: Connection, project_id: int) -> tuple[Advice, ...]:
    """Return all advice of a project, oldest version first."""
    query = select(advice.c.body).where(advice.c.project_id == project_id)
    rows = connection.scalars(query.order_by(advice.c.version))
    return tuple(load(Advice, body) for body in rows)


def of_version(connection: Connection, project_id: int, number: int) -> Advice | None:
    """Return the advice given with a version; None where there was none."""
    query = select(advice.c.body).where(
        advice.c.project_id == project_id, advice.c.version == number
    )
    body = connection.scalar(query)
    return None if body is None else load(Advice, body)


def latest(connection: Connection, project_id: int) -> Advice | None:
    """Return the newest advice."""
    query = select(advice.c.body).where(advice.c.project_id == project_id)
    body = connection.scalar(query.order_by(advice.c.version.desc()).limit(1))
    return None if body is None else load(Advice, body)
