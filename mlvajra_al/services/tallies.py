"""Numbers for machines that watch: what there is, what waits, whether the worker lives."""

from __future__ import annotations

from datetime import datetime

from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs, processes, projects
from mlvajra_al.store.database import Store


def tallies(store: Store, *, now: datetime) -> dict[str, float]:
    """Return counts over all projects by name."""
    with store.read() as connection:
        every = projects.listed(connection, archived=True)
        waiting = [jobs.listed(connection, item.id, states=("queued",)) for item in every]
        running = [jobs.listed(connection, item.id, states=("running",)) for item in every]
        seen = processes.last_seen(connection, "worker")
        workers = processes.living(connection, "worker", now=now)
        counted: dict[str, float] = {
            "projects": len(every),
            "annotations": sum(events.total(connection, item.id) for item in every),
            "jobs_queued": sum(map(len, waiting)),
            "jobs_running": sum(map(len, running)),
            "workers": len(workers),
        }
    if seen is not None:
        counted["worker_silent_seconds"] = max(0.0, (now - seen[0]).total_seconds())
    return counted
