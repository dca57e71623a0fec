"""Durable jobs: queued once, listed, ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
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
    select,
    type_coerce,
    update,
)

from mlvajra_al.errors import NotFound
from mlvajra_al.records import ACTIVE, Job, JobKind, JobState
from mlvajra_al.store import processes
from mlvajra_al.store.schema import job, person
from mlvajra_al.store.statements import insert_once, prepared

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
