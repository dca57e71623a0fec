"""Whether a job that takes long should let another one go first."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from mlvajra_al.store.job_leases import clashes
from mlvajra_al.store.schema import job

GIVE_WAY = timedelta(seconds=2)
"""So long a job waits before another gives way to it: a free worker has taken it by then."""


def held_up(connection: Connection, job_id: int, *, now: datetime) -> bool:
    """Tell whether a more urgent job waits that would be done if the worker of this one was free.

    One that could not run anyway, because of another of its project, holds nobody up.
    """
    mine, other = job.alias("mine"), job.alias("other")
    clashing = select(other.c.id).where(
        other.c.project_id == job.c.project_id, other.c.state == "running", clashes(other)
    )
    query = select(job.c.id).where(
        job.c.state == "queued",
        job.c.created_at <= now - GIVE_WAY,
        job.c.priority < select(mine.c.priority).where(mine.c.id == job_id).scalar_subquery(),
        ~clashing.exists(),
    )
    return connection.scalar(query.limit(1)) is not None
