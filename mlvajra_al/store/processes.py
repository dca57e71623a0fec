"""Processes that say they are alive: who, since when, and what they do."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mlvajra_al.store.schema import process

SILENT = timedelta(seconds=20)
"""Who has said nothing for so long is not there any more."""


def report(
    connection: Connection, name: str, *, kind: str, started_at: datetime, now: datetime, doing: str
) -> None:
    """Say that a process is alive and what it does.

    Whoever was seen in a future that a clock set back has made of the past was seen just now.
    """
    connection.execute(update(process).where(process.c.seen_at > now + SILENT).values(seen_at=now))
    statement = update(process).where(process.c.name == name).values(seen_at=now, doing=doing)
    if connection.execute(statement).rowcount:
        return
    connection.execute(
        insert(process).values(
            name=name, kind=kind, pid=os.getpid(), started_at=started_at, seen_at=now, doing=doing
        )
    )


def forget_silent(connection: Connection, *, before: datetime) -> None:
    """Drop processes that have not been seen since `before`."""
    connection.execute(delete(process).where(process.c.seen_at < before))


def forget(connection: Connection, name: str) -> None:
    """Drop a process that has ended, so that nobody waits for it."""
    connection.execute(delete(process).where(process.c.name == name))


def last_seen(connection: Connection, kind: str) -> tuple[datetime, str] | None:
    """Return when a process of this kind was last seen and what it was doing."""
    query = (
        select(process.c.seen_at, process.c.doing)
        .where(process.c.kind == kind)
        .order_by(process.c.seen_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.seen_at, row.doing)


def living(connection: Connection, kind: str, *, now: datetime) -> tuple[str, ...]:
    """Return the names of the processes of this kind that are alive, the oldest first."""
    query = select(process.c.name).where(*_alive(kind))
    query = query.order_by(process.c.started_at, process.c.name)
    return tuple(connection.scalars(query, alive(now)))


def how_many(kind: str) -> Select[Any]:
    """Count the processes of this kind that are alive, inside a query that is given `alive`."""
    return select(func.count()).select_from(process).where(*_alive(kind))


def alive(now: datetime) -> dict[str, datetime]:
    """Return between which times one that is alive now has reported."""
    return {"seen_from": now - SILENT, "seen_until": now + SILENT}


def _alive(kind: str) -> tuple[ColumnElement[bool], ...]:
    seen = process.c.seen_at.between(bindparam("seen_from"), bindparam("seen_until"))
    return process.c.kind == kind, seen
