"""Which worker has which job: claimed in turns, kept by a heartbeat, given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from mlvajra_al.records import Job, JobKind
from mlvajra_al.store import processes
from mlvajra_al.store.jobs import finish, get
from mlvajra_al.store.schema import job
from mlvajra_al.store.statements import Prepared, prepared

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
EVER = datetime.max.replace(tzinfo=UTC)
"""Later than whatever a clock that was set has given a job."""


def waiting(
    connection: Connection,
    *,
    now: datetime,
    lease: timedelta,
    takeover: bool = True,
    after: timedelta = AT_ONCE,
) -> bool:
    """Tell cheaply whether there is anything to claim."""
    asked = _asked(now, lease, takeover=takeover, after=after)
    return WAITING.one(connection, **asked) is not None


def clashes(other: Any) -> ColumnElement[bool]:
    """Tell whether another job of the same project must not run beside a job."""
    return or_(
        *(
            (job.c.kind == kind) & or_(*(other.c.kind == one for one in others))
            for kind, others in CLASHES.items()
        )
    )


def _held(table: Any) -> ColumnElement[bool]:
    """Tell whether a worker is at it; a lease that ends too late is from before a clock went back.

    A worker that lives renews it at its next beat.
    """
    lasts = table.c.lease_until.between(bindparam("now"), bindparam("latest"))
    return and_(table.c.state == "running", lasts)


def _claimable() -> Select[Any]:
    """Select jobs that have waited so long or whose worker has died, the most urgent first.

    Some run one at a time for each project. Long ones leave a worker free, if there are two.
    """
    other, long = job.alias("other"), job.alias("long")
    clashing = select(other.c.id).where(
        other.c.project_id == job.c.project_id,
        other.c.id != job.c.id,
        clashes(other),
        _held(other),
    )
    busy = select(func.count()).where(long.c.priority >= LONG, _held(long)).scalar_subquery()
    workers = processes.how_many("worker").scalar_subquery()
    ready = (job.c.state == "queued") & (job.c.created_at <= bindparam("came"))
    dead = bindparam("takeover", type_=Boolean) & (job.c.state == "running") & ~_held(job)
    return (
        select(job.c.id)
        .where(
            ready | dead,
            ~clashing.exists(),
            or_(job.c.priority < LONG, busy == 0, busy < workers - 1),
        )
        .order_by(job.c.priority, job.c.id)
        .limit(1)
    )


def _leasing(query: Select[Any]) -> Update:
    """Lease the job of a query, which no other worker is about to lease."""
    chosen = query.with_for_update(of=job, skip_locked=True).correlate(None).scalar_subquery()
    return (
        update(job)
        .where(job.c.id == chosen)
        .values(
            state="running",
            worker=bindparam("by"),
            lease_until=bindparam("until"),
            attempts=job.c.attempts + 1,
            started_at=bindparam("now"),
            progress=0.0,
            message="",
        )
        .returning(job.c.id, job.c.attempts)
    )


WAITING = prepared(_claimable())
CLAIM = prepared(_leasing(_claimable()))
CLAIM_THIS = prepared(_leasing(_claimable().where(job.c.id == bindparam("which"))))


def _asked(now: datetime, lease: timedelta, *, takeover: bool, after: timedelta) -> dict[str, Any]:
    """Return what these statements are given; `after` leaves alone what has only just come."""
    return {
        "now": now,
        "latest": now + 2 * lease,
        "came": now - after if after else EVER,
        "takeover": takeover,
        **processes.alive(now),
    }


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
    asked = _asked(now, lease, takeover=takeover, after=after)
    return _leased(connection, CLAIM, by=worker, until=now + lease, **asked)


def claim_this(
    connection: Connection, job_id: int, *, worker: str, now: datetime, lease: timedelta
) -> Job | None:
    """Lease one certain job, if a worker could claim it now."""
    asked = _asked(now, lease, takeover=True, after=AT_ONCE)
    return _leased(connection, CLAIM_THIS, by=worker, until=now + lease, which=job_id, **asked)


def _leased(connection: Connection, statement: Prepared, **asked: Any) -> Job | None:
    """Lease a job; one that has killed its workers ends instead."""
    if connection.dialect.name == "postgresql":
        # Two who look at once would both find that nothing runs.
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
    leased = statement.one(connection, **asked)
    if leased is None:
        return None
    if leased.attempts > MAX_ATTEMPTS:
        message = (
            f"its worker died {MAX_ATTEMPTS} times while doing this; see the worker's log, then "
            "start it again"
        )
        finish(connection, leased.id, state="failed", now=asked["now"], error=message)
        return None
    return get(connection, leased.id)


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
