"""Numbers for machines that watch: what there is, what waits, whether the worker lives."""

from __future__ import annotations

from datetime import datetime

from mlvajra_al.records import Person
from mlvajra_al.services import access
from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs, processes
from mlvajra_al.store.database import Store


def answering(store: Store) -> None:
    """Look at the database once, so that one that cannot be asked is noticed."""
    with store.read() as connection:
        processes.last_seen(connection, "worker")


def tallies(store: Store, person: Person | None, *, now: datetime) -> dict[str, float]:
    """Return counts by name, over all projects that a person may see."""
    with store.read() as connection:
        every = access.listed(connection, person, archived=True)
        at_work = jobs.counted(connection, [item.id for item in every])
        seen = processes.last_seen(connection, "worker")
        workers = processes.living(connection, "worker", now=now)
        counted: dict[str, float] = {
            "projects": len(every),
            "annotations": events.total(connection, *(item.id for item in every)),
            "jobs_queued": at_work["queued"],
            "jobs_running": at_work["running"],
            "workers": len(workers),
        }
    if seen is not None:
        counted["worker_silent_seconds"] = max(0.0, (now - seen[0]).total_seconds())
    return counted
