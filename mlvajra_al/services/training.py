"""Ask for a retrain, and see what the jobs of a project are doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from mlvajra_al.errors import Conflict, Invalid, NotEnoughLabels
from mlvajra_al.records import ACTIVE, Job, JobKind, Person
from mlvajra_al.services import access
from mlvajra_al.services.people import may, require
from mlvajra_al.services.resolving import gold, require_two
from mlvajra_al.store import annotations as events
from mlvajra_al.store import audit, jobs, projects, versions
from mlvajra_al.store.database import Connection, Store

RETRAIN = "retrain"
"""At most one retrain of a project waits at any time; this names it."""
Mode = Literal["incremental", "full"]


def request_retrain(
    store: Store, person: Person, project_name: str, *, mode: Mode, now: datetime
) -> Job:
    """Queue a retrain, or make the one that waits already a full fit if that is asked for.

    Raises
    ------
    NotEnoughLabels
        If there are no two different labels to learn from yet.
    """
    require(person, "admin", "start a retrain")
    if mode not in ("incremental", "full"):
        raise Invalid(f"{mode!r} is no way to retrain; use 'incremental' or 'full'")

    with store.read() as connection:  # all answers are read, for which nobody else should wait
        project = access.open_project(connection, person, project_name)
        if versions.latest(connection, project.id) is None:
            require_two(project, {item.label for item in gold(connection, project)[0]})

    def operation(connection: Connection) -> Job:
        project = access.open_project(connection, person, project_name)
        payload = {"trigger": f"asked for by {person.name}", "mode": mode}
        job, is_new = jobs.enqueue_once(
            connection,
            project.id,
            "retrain",
            payload=payload,
            now=now,
            dedupe=RETRAIN,
            person_id=person.id,
        )
        if mode == "full" and not is_new:
            jobs.amend(connection, job.id, payload=payload)
        projects.reset_answers(connection, project.id)
        audit.add(
            connection,
            "retrain asked for",
            now=now,
            person_id=person.id,
            project_id=project.id,
            detail=f"{project.name}: {mode}",
        )
        return jobs.get(connection, job.id)

    return store.write(operation)


def asks(store: Store, person: Person | None, project_name: str) -> str:
    """Return by what the pool was ranked last, and why; nothing before that.

    Ranked anew since it was made, a version asks otherwise than it says.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        asked = jobs.last_result(connection, project.id, "retrain").get("asks", "")
        if not asked and project.champion is None:
            asked = jobs.last_result(connection, project.id, "prepare").get("asks", "")
        newest = None if asked else versions.latest(connection, project.id)
        return newest.asks if newest else str(asked)


def not_yet(store: Store, person: Person | None, project_name: str) -> str:
    """Say why nothing can be learned yet; nothing where two different answers stand.

    Who starts a retrain is told where one of them does not count.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        try:
            require_two(project, events.labels_said(connection, project.id, limit=2))
        except NotEnoughLabels as error:
            return str(error)
    return ""


def jobs_of(
    store: Store,
    person: Person | None,
    project_name: str,
    *,
    kinds: Sequence[JobKind] = (),
    limit: int = 50,
) -> tuple[Job, ...]:
    """Return a project's jobs, newest first; annotators see those they asked for."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        found = jobs.listed(connection, project.id, kinds=kinds, limit=limit)
    if person is None or may(person, "reviewer"):
        return found
    return tuple(job for job in found if job.person == person.name)


def job(store: Store, person: Person | None, job_id: int) -> Job:
    """Return one job as it stands."""
    with store.read() as connection:
        return access.job(connection, person, job_id)


def cancel(store: Store, person: Person, job_id: int, *, now: datetime) -> Job:
    """Cancel a job that waits or runs; who asked for it may, and every admin.

    Raises
    ------
    Conflict
        If it has ended already.
    """

    def operation(connection: Connection) -> Job:
        found = access.job(connection, person, job_id)
        if found.person != person.name:
            require(person, "admin", "cancel somebody else's job")
        if found.state not in ACTIVE:
            raise Conflict(f"job {job_id} is {found.state} already; there is nothing to cancel")
        jobs.finish(connection, job_id, state="cancelled", now=now)
        audit.add(
            connection,
            "job cancelled",
            now=now,
            person_id=person.id,
            project_id=found.project_id,
            detail=f"{found.kind} {job_id}",
        )
        return jobs.get(connection, job_id)

    return store.write(operation)
