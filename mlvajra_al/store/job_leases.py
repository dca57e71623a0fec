"""Which worker has which job: claimed in turns, kept by a heartbeat, given back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    or_,
    select,
    text,
    true,
    update,
)

from mlvajra_al.records import Job, JobKind
from mlvajra_al.store import processes
from mlvajra_al.store.jobs import finish, get
from mlvajra_al.store.schema import job

MAX_ATTEMPTS = 3
CLASHES: dict[JobKind, tuple[JobKind, ...]] = {
    "ingest": ("ingest", "prepare"),
    "prepare": ("ingest", "prepare", "retrain"),
    "retrain": ("prepare", "retrain"),
}
"""Jobs of one project that must not run at the same time; a retrain need not wait for an import."""
LONG = 3
"""Jobs from this priority on may take minutes: they leave a worker free for the others."""
TURN = 0x6D6C76
"""Number of PostgreSQL's advisory lock under which workers claim, one after the other."""
AT_ONCE = timedelta(0)


def waiting(
    connection: Connection,
    *,
    now: datetime,
    lease: timedelta,
    takeover: bool = True,
    after: timedelta = AT_ONCE,
) -> bool:
    """Tell cheaply whether there is anything to claim."""
    some = _claimable(connection, now, lease, takeover=takeover, after=after).limit(1)
    return connection.scalar(some) is not None


def clashes(other: Any) -> ColumnElement[bool]:
    """Tell whether another job of the same project must not run beside a job."""
    return or_(
        *((job.c.kind == kind) & other.c.kind.in_(others) for kind, others in CLASHES.items())
    )


def _held(table: Any, now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Tell whether a worker is at it; a lease that ends too late is from before a clock went back.

    A worker that lives renews it at its next beat.
    """
    return and_(table.c.state == "running", table.c.lease_until.between(now, now + 2 * lease))


def _claimable(
    connection: Connection,
    now: datetime,
    lease: timedelta,
    *,
    takeover: bool,
    after: timedelta,
) -> Select[Any]:
    """Select jobs that have waited so long or whose worker has died, the most urgent first.

    Some run one at a time for each project. Long ones leave a worker free, if there are two.
    """
    other, long = job.alias("other"), job.alias("long")
    clashing = select(other.c.id).where(
        other.c.project_id == job.c.project_id,
        other.c.id != job.c.id,
        clashes(other),
        _held(other, now, lease),
    )
    busy = select(func.count()).where(long.c.priority >= LONG, _held(long, now, lease))
    most = max(1, len(processes.living(connection, "worker", now=now)) - 1)
    ready = (job.c.state == "queued") & (job.c.created_at <= now - after if after else true())
    if takeover:
        ready |= (job.c.state == "running") & ~_held(job, now, lease)
    return (
        select(job.c.id)
        .where(
            ready,
            ~clashing.exists(),
            (job.c.priority < LONG) | (busy.scalar_subquery() < most),
        )
        .order_by(job.c.priority, job.c.id)
    )


def claim(
    connection: Connection,
    *,
    worker: str,
    now: datetime,
    lease: timedelta,
    takeover: bool = True,
    after: timedelta = AT_ONCE,
) -> Job | None:
    """Lease the most urgent job that waits or, with `takeover`, whose worker has died.

    One that waits is taken when it has waited for as long as `after`.
    """
    _take_turns(connection)
    query = _claimable(connection, now, lease, takeover=takeover, after=after)
    return _leased(connection, query, worker=worker, now=now, lease=lease)


def claim_this(
    connection: Connection, job_id: int, *, worker: str, now: datetime, lease: timedelta
) -> Job | None:
    """Lease one certain job, if a worker could claim it now."""
    _take_turns(connection)
    query = _claimable(connection, now, lease, takeover=True, after=AT_ONCE)
    query = query.where(job.c.id == job_id)
    return _leased(connection, query, worker=worker, now=now, lease=lease)


def _take_turns(connection: Connection) -> None:
    """Let one claim after the other: two who look at once would both find that nothing runs."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})


def _leased(
    connection: Connection, query: Select[Any], *, worker: str, now: datetime, lease: timedelta
) -> Job | None:
    """Lease the first job of a query; one that has killed its workers ends instead."""
    query = query.limit(1)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(of=job, skip_locked=True)
    job_id = connection.scalar(query)
    if job_id is None:
        return None
    attempts = connection.scalar(select(job.c.attempts).where(job.c.id == job_id)) or 0
    if attempts >= MAX_ATTEMPTS:
        message = (
            f"its worker died {attempts} times while doing this; see the worker's log, then "
            "start it again"
        )
        finish(connection, job_id, state="failed", now=now, error=message)
        return None
    statement = (
        update(job)
        .where(job.c.id == job_id)
        .values(
            state="running",
            worker=worker,
            lease_until=now + lease,
            attempts=job.c.attempts + 1,
            started_at=now,
            progress=0.0,
            message="",
        )
    )
    connection.execute(statement)
    return get(connection, job_id)


def beat(
    connection: Connection,
    job_id: int,
    *,
    worker: str,
    until: datetime,
    progress: float | None = None,
    message: str | None = None,
) -> bool:
    """Renew a lease; False if the job was cancelled or taken over."""
    values: dict[str, Any] = {"lease_until": until}
    if progress is not None:
        values["progress"] = progress
    if message is not None:
        values["message"] = message
    statement = (
        update(job)
        .where(job.c.id == job_id, job.c.worker == worker, job.c.state == "running")
        .values(values)
    )
    return connection.execute(statement).rowcount == 1


def is_mine(connection: Connection, job_id: int, worker: str) -> bool:
    """Tell whether a worker still holds a job; asked inside the transaction that writes results."""
    query = select(job.c.id).where(
        job.c.id == job_id, job.c.worker == worker, job.c.state == "running"
    )
    return connection.scalar(query) is not None


def give_back_all(connection: Connection, *, worker: str, now: datetime) -> None:
    """Put whatever a worker still holds back into the queue."""
    held = select(job.c.id).where(job.c.worker == worker, job.c.state == "running")
    for job_id in connection.scalars(held).all():
        give_back(connection, job_id, worker=worker, now=now)


def give_back(connection: Connection, job_id: int, *, worker: str, now: datetime) -> None:
    """Put a job back into the queue as if it had not been tried, or end it where one waits."""
    found = connection.execute(
        select(job).where(job.c.id == job_id, job.c.worker == worker, job.c.state == "running")
    ).one_or_none()
    if found is None:
        return
    twin = select(job.c.id).where(
        job.c.project_id == found.project_id,
        job.c.dedupe == found.dedupe,
        job.c.state == "queued",
    )
    if found.dedupe is not None and connection.scalar(twin) is not None:
        finish(connection, job_id, state="cancelled", now=now, error="a newer one waits")
        return
    connection.execute(
        update(job)
        .where(job.c.id == job_id)
        .values(
            state="queued",
            worker=None,
            lease_until=None,
            started_at=None,
            attempts=job.c.attempts - 1,
            progress=0.0,
            message="",
        )
    )
