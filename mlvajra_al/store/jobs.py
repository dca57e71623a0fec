"""Durable jobs: enqueued once, leased, heart-beaten, retried with a limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    text,
    true,
    type_coerce,
    update,
)

from mlvajra_al.errors import NotFound
from mlvajra_al.records import ACTIVE, Job, JobKind, JobState
from mlvajra_al.store import processes
from mlvajra_al.store.once import insert_once
from mlvajra_al.store.prepared import prepared
from mlvajra_al.store.schema import job, person

MAX_ATTEMPTS = 3
CLASHES: dict[JobKind, tuple[JobKind, ...]] = {
    "ingest": ("ingest", "prepare"),
    "prepare": ("ingest", "prepare", "retrain"),
    "retrain": ("prepare", "retrain"),
}
"""Jobs of one project that must not run at the same time; a retrain need not wait for an import."""
PRIORITY: dict[JobKind, int] = {
    "retrain": 0,
    "predict": 1,
    "evaluate": 2,
    "explain": 2,
    "examine": 3,
    "prepare": 3,
    "ingest": 4,
    "simulate": 5,
}
TYPED = and_(job.c.kind == "predict", job.c.priority == PRIORITY["predict"])
"""Predictions of rows that came with the question; those of files and pools come after imports."""
LONG = 3
"""Jobs from this priority on may take minutes: they leave a worker free for the others."""
TURN = 0x6D6C76
"""Number of PostgreSQL's advisory lock under which workers claim, one after the other."""
AT_ONCE = timedelta(0)
LAST_RESULT = prepared(
    select(job.c.result)
    .where(
        job.c.project_id == bindparam("project"),
        job.c.kind == bindparam("kind"),
        job.c.state == "done",
    )
    .order_by(job.c.id.desc())
    .limit(1)
)


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        project_id=row.project_id,
        kind=row.kind,
        state=row.state,
        payload=row.payload,
        progress=row.progress,
        message=row.message,
        result=row.result,
        error=row.error,
        attempts=row.attempts,
        person=row.person,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _select() -> Select[Any]:
    return select(job, person.c.name.label("person")).outerjoin(
        person, person.c.id == job.c.person_id
    )


LISTED: Select[Any] = (
    select(
        *(column for column in job.c if column not in (job.c.payload, job.c.result)),
        case((TYPED, literal({}, JSON)), else_=job.c.payload).label("payload"),
        type_coerce(
            case((not_(and_(TYPED, job.c.state == "done")), job.c.result), else_=null()), JSON
        ).label("result"),
        person.c.name.label("person"),
    )
    .select_from(job)
    .outerjoin(person, person.c.id == job.c.person_id)
)


def enqueue(
    connection: Connection,
    project_id: int,
    kind: JobKind,
    *,
    payload: dict[str, Any],
    now: datetime,
    dedupe: str | None = None,
    person_id: int | None = None,
) -> int | None:
    """Queue a job and return its id; None if one with this `dedupe` is queued already."""
    values = {
        "project_id": project_id,
        "kind": kind,
        "state": "queued",
        "priority": _priority(kind, payload),
        "payload": payload,
        "dedupe": dedupe,
        "person_id": person_id,
        "created_at": now,
    }
    found = connection.scalar(insert_once(connection, job).values(values).returning(job.c.id))
    return None if found is None else int(found)


def enqueue_once(
    connection: Connection,
    project_id: int,
    kind: JobKind,
    *,
    payload: dict[str, Any],
    now: datetime,
    dedupe: str,
    person_id: int | None = None,
) -> tuple[Job, bool]:
    """Return the job with this `dedupe` that waits, and whether it was queued just now.

    One that waited already stays so until the transaction ends: no worker claims it meanwhile.
    """
    twin = select(job.c.id).where(
        job.c.project_id == project_id, job.c.dedupe == dedupe, job.c.state == "queued"
    )
    while True:
        new = enqueue(
            connection,
            project_id,
            kind,
            payload=payload,
            now=now,
            dedupe=dedupe,
            person_id=person_id,
        )
        found = connection.scalar(twin.with_for_update()) if new is None else new
        if found is not None:  # else a worker has claimed it since, and another one may wait
            return get(connection, found), new is not None


def _priority(kind: JobKind, payload: dict[str, Any]) -> int:
    whole = kind == "predict" and "rows" not in payload
    return PRIORITY["ingest"] if whole else PRIORITY[kind]


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


def finish(
    connection: Connection,
    job_id: int,
    *,
    state: JobState,
    now: datetime,
    result: dict[str, Any] | None = None,
    error: str | None = None,
    message: str | None = None,
) -> None:
    """End a job, with a last `message` in the place of the one before."""
    statement = (
        update(job)
        .where(job.c.id == job_id, job.c.state.in_(ACTIVE))
        .values(state=state, finished_at=now, result=result, error=error)
    )
    if state == "done":
        statement = statement.values(progress=1.0)
    if message is not None:
        statement = statement.values(message=message)
    connection.execute(statement)


def amend(connection: Connection, job_id: int, *, payload: dict[str, Any]) -> None:
    """Change what a job that still waits is to do."""
    connection.execute(
        update(job).where(job.c.id == job_id, job.c.state == "queued").values(payload=payload)
    )


def get(connection: Connection, job_id: int) -> Job:
    """Return one job."""
    row = connection.execute(_select().where(job.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound("job", job_id)
    return _job(row)


def listed(
    connection: Connection,
    project_id: int,
    *,
    kinds: Sequence[JobKind] = (),
    states: Sequence[JobState] = (),
    limit: int = 50,
    more: Sequence[ColumnElement[bool]] = (),
) -> tuple[Job, ...]:
    """Return a project's jobs, newest first; typed rows and their answers are left out.

    They may be megabytes each; who needs them asks for the one job.
    """
    query = LISTED.where(job.c.project_id == project_id, *more)
    query = query.order_by(job.c.id.desc()).limit(limit)
    if kinds:
        query = query.where(job.c.kind.in_(kinds))
    if states:
        query = query.where(job.c.state.in_(states))
    return tuple(_job(row) for row in connection.execute(query))


def comparison(connection: Connection, project_id: int, pair: tuple[int, int]) -> Job | None:
    """Return the newest job that has compared a champion with a challenger."""
    found = job.c.result["verdict"]
    these = (
        found["champion"].as_integer() == pair[0],
        found["challenger"].as_integer() == pair[1],
    )
    done = listed(
        connection, project_id, kinds=("evaluate",), states=("done",), limit=1, more=these
    )
    return done[0] if done else None


def counted(
    connection: Connection, project_ids: Collection[int], *, kinds: Sequence[JobKind] = ()
) -> Counter[str]:
    """Return how many jobs of these projects are in each state."""
    query = select(job.c.state, func.count().label("n")).where(job.c.project_id.in_(project_ids))
    if kinds:
        query = query.where(job.c.kind.in_(kinds))
    return Counter({row.state: row.n for row in connection.execute(query.group_by(job.c.state))})


def last_result(connection: Connection, project_id: int, kind: JobKind) -> dict[str, Any]:
    """Return what the newest job of a kind that is done found out; empty if there is none."""
    row = LAST_RESULT.one(connection, project=project_id, kind=kind)
    return {} if row is None or row.result is None else dict(row.result)


def last_asked(connection: Connection, project_id: int, kind: JobKind) -> datetime | None:
    """Return when the newest job of a kind was queued; None if there never was one."""
    query = select(func.max(job.c.created_at))
    query = query.where(job.c.project_id == project_id, job.c.kind == kind)
    asked: datetime | None = connection.execute(query).scalar_one()
    return asked


def at_work(connection: Connection, *, now: datetime) -> tuple[Job, ...]:
    """Return what the workers that live do, of all projects, the oldest job first."""
    living = processes.living(connection, "worker", now=now)
    query = LISTED.where(job.c.state == "running", job.c.worker.in_(living))
    return tuple(_job(row) for row in connection.execute(query.order_by(job.c.id)))


def doing(connection: Connection, worker: str) -> str:
    """Say in a few words what a worker does; empty if nothing."""
    query = select(job.c.kind, job.c.message).where(
        job.c.worker == worker, job.c.state == "running"
    )
    row = connection.execute(query.limit(1)).one_or_none()
    return "" if row is None else f"{row.kind}: {row.message}" if row.message else str(row.kind)
