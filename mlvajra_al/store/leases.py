"""Leases that no honest clock gave, rows from the future, jobs nobody will take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from mlvajra_al.store.schema import annotation, audit, job, process, slot

JOB_LEASE = timedelta(minutes=5)
"""Longer than any worker ever leases a job for."""


def _far_slots(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    return slot.c.done.is_(False) & (slot.c.lease_until > now + 2 * lease)


def _far_jobs(now: datetime) -> ColumnElement[bool]:
    return (job.c.state == "running") & (job.c.lease_until > now + JOB_LEASE)


def far(connection: Connection, *, now: datetime, lease: timedelta) -> tuple[int, int]:
    """Return how many claims and jobs are leased for longer than anybody may lease them."""
    slots = select(func.count()).select_from(slot).where(_far_slots(now, lease))
    jobs = select(func.count()).select_from(job).where(_far_jobs(now))
    return connection.scalar(slots) or 0, connection.scalar(jobs) or 0


def end_far(connection: Connection, *, now: datetime, lease: timedelta) -> None:
    """Let such claims and jobs be taken by the next who asks."""
    connection.execute(
        update(slot)
        .where(_far_slots(now, lease))
        .values(annotator_id=None, lease_until=None, lease_token=None)
    )
    connection.execute(update(job).where(_far_jobs(now)).values(lease_until=now))


def newest_moment(connection: Connection) -> datetime | None:
    """Return the latest moment that a row says it was written at."""
    columns: tuple[Any, ...] = (
        annotation.c.created_at,
        job.c.created_at,
        job.c.started_at,
        audit.c.at,
        process.c.seen_at,
    )
    found = [connection.scalar(select(func.max(column))) for column in columns]
    return max((moment for moment in found if moment is not None), default=None)


def abandoned(connection: Connection, *, now: datetime, since: timedelta) -> tuple[str, ...]:
    """Return jobs whose lease ended long ago and that nobody has taken over."""
    query = select(job.c.id, job.c.kind).where(
        job.c.state == "running", job.c.lease_until < now - since
    )
    return tuple(f"{row.kind} {row.id}" for row in connection.execute(query.order_by(job.c.id)))


def waiting(connection: Connection, *, now: datetime, since: timedelta) -> tuple[str, ...]:
    """Return jobs that have been in the queue for long."""
    query = select(job.c.id, job.c.kind).where(
        job.c.state == "queued", job.c.created_at < now - since
    )
    return tuple(f"{row.kind} {row.id}" for row in connection.execute(query.order_by(job.c.id)))


def silent(connection: Connection, *, before: datetime) -> tuple[str, ...]:
    """Return workers that have not been heard of since."""
    query = select(process.c.name).where(process.c.kind == "worker", process.c.seen_at < before)
    return tuple(connection.scalars(query.order_by(process.c.name)))
