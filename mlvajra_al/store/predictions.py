"""What jobs have predicted: files, and answers to typed rows, which are kept with the newest."""

from __future__ import annotations

from sqlalchemy import Connection, Text, cast, not_, select, update

from mlvajra_al.records import ENDED, Job
from mlvajra_al.store import jobs
from mlvajra_al.store.jobs import TYPED
from mlvajra_al.store.schema import job

LOOK_BACK = 200
"""So many old predictions are looked at for what is to be forgotten."""


def with_files(connection: Connection, project_id: int, *, limit: int) -> tuple[Job, ...]:
    """Return the jobs that have written a file of predictions, newest first."""
    return jobs.listed(
        connection,
        project_id,
        kinds=("predict",),
        states=("done",),
        limit=limit,
        more=(not_(TYPED),),
    )


def forget(connection: Connection, project_id: int, *, keep: int) -> None:
    """Forget typed rows and what was answered about them, but for so many of the newest."""
    old = (
        select(job.c.id)
        .where(job.c.project_id == project_id, TYPED, job.c.state.in_(ENDED))
        .order_by(job.c.id.desc())
        .offset(keep)
        .limit(LOOK_BACK)
        .subquery()
    )
    connection.execute(
        update(job)
        .where(job.c.id.in_(select(old.c.id)), cast(job.c.payload, Text) != "{}")
        .values(payload={}, result=None)
    )
