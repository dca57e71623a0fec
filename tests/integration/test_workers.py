"""Several workers on one database: each job once, nobody in another's way, no clock believed."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import combinations_with_replacement
from typing import get_args

import pytest

from mlvajra_al import worker
from mlvajra_al.records import Job, JobKind
from mlvajra_al.services import overview, tallies
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import job_leases, jobs, processes
from mlvajra_al.store.database import Store
from tests.factories import NOW, a_project

KINDS: tuple[JobKind, ...] = get_args(JobKind)
MOMENT = timedelta(seconds=1)


def enqueue(store: Store, project_id: int, kind: JobKind, **payload: object) -> int:
    with store.begin() as connection:
        found = jobs.enqueue(connection, project_id, kind, payload=payload, now=NOW)
    assert found is not None
    return found


def claim(
    store: Store, name: str = "w1", *, now: datetime = NOW, takeover: bool = True
) -> Job | None:
    with store.begin() as connection:
        return job_leases.claim(
            connection, worker=name, now=now, lease=worker.LEASE, takeover=takeover
        )


def state(store: Store, job_id: int) -> str:
    with store.read() as connection:
        return jobs.get(connection, job_id).state


def alive(store: Store, *names: str, at: datetime = NOW) -> None:
    with store.begin() as connection:
        for name in names:
            processes.report(connection, name, kind="worker", started_at=NOW, now=at, doing="")


@pytest.mark.parametrize(("workers", "at_once"), [(0, 1), (1, 1), (2, 1), (3, 2), (5, 4)])
def test_long_jobs_leave_one_worker_free_where_there_are_two(
    store: Store, workers: int, at_once: int
) -> None:
    alive(store, *(f"w{number}" for number in range(workers)))
    for number in range(6):
        enqueue(store, a_project(store, f"p{number}").id, "ingest")
    taken = [claim(store, f"w{number}") for number in range(6)]
    assert sum(job is not None for job in taken) == at_once
    enqueue(store, a_project(store, "last").id, "retrain")
    short = claim(store, "free")
    assert short is not None and short.kind == "retrain"


@pytest.mark.parametrize("waited", [timedelta(0), worker.STANDBY - timedelta(milliseconds=1)])
def test_one_that_stands_by_leaves_a_fresh_job_to_the_others(
    store: Store, waited: timedelta
) -> None:
    enqueue(store, a_project(store).id, "retrain")
    looks = {"now": NOW + waited, "lease": worker.LEASE}
    with store.begin() as connection:
        assert not job_leases.waiting(connection, **looks, after=worker.STANDBY)
        assert job_leases.claim(connection, worker="w2", **looks, after=worker.STANDBY) is None
        assert job_leases.claim(connection, worker="w1", **looks) is not None


def test_one_that_stands_by_takes_what_was_left_and_then_all_that_comes(store: Store) -> None:
    now = [NOW]
    running = worker.Worker(store, "w2", clock=lambda: now[0], standby=True)
    first = enqueue(store, a_project(store, "first").id, "retrain")
    assert (running.work(), state(store, first)) == (False, "queued")
    now[0] += worker.STANDBY
    assert (running.work(), state(store, first)) == (True, "done")
    other = a_project(store, "second")
    with store.begin() as connection:
        second = jobs.enqueue(connection, other.id, "retrain", payload={}, now=now[0])
    assert second is not None
    assert (running.work(), state(store, second)) == (True, "done")


def test_one_that_stands_by_takes_over_from_the_dead_at_once(store: Store) -> None:
    enqueue(store, a_project(store).id, "retrain")
    assert claim(store, "w1") is not None
    late = NOW + worker.LEASE + MOMENT
    with store.begin() as connection:
        job = job_leases.claim(
            connection, worker="w2", now=late, lease=worker.LEASE, after=timedelta(days=1)
        )
    assert job is not None and job.attempts == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_has_died_is_not_waited_for(store: Store) -> None:
    alive(store, "w1", "w2", "w3", at=NOW - processes.SILENT - MOMENT)
    alive(store, "w4", "w5")
    for number in range(3):
        enqueue(store, a_project(store, f"p{number}").id, "ingest")
    assert [claim(store, f"w{n}") is not None for n in (4, 5)] == [True, False]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("payload", "long"),
    [({"rows": [{"a": 1}]}, False), ({"pool": True}, True), ({"uri": "/x/y.csv"}, True)],
)
def test_predicting_a_file_is_long_and_a_typed_row_is_not(
    store: Store, payload: dict[str, object], long: bool
) -> None:
    alive(store, "w1", "w2")
    enqueue(store, a_project(store, "busy").id, "ingest")
    assert claim(store) is not None
    enqueue(store, a_project(store).id, "predict", **payload)
    assert (claim(store, "w2") is None) == long


def clash(one: JobKind, other: JobKind) -> bool:
    pool = {"ingest", "prepare"}
    model = {"prepare", "retrain"}
    return {one, other} <= pool or {one, other} <= model


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_jobs_that_clash_run_together_in_two_projects_but_never_in_one(store: Store) -> None:
    alive(store, *(f"w{number}" for number in range(100)))
    for one, other in combinations_with_replacement(KINDS, 2):
        first, second = (a_project(store, f"{n} {one} {other}") for n in ("first", "second"))
        enqueue(store, first.id, one)
        assert claim(store) is not None
        enqueue(store, first.id, other)
        assert (claim(store) is None) == clash(one, other), (one, other)
        enqueue(store, second.id, other)
        beside = claim(store)
        assert beside is not None and beside.project_id == second.id


def test_workers_at_once_take_each_job_once_and_none_that_clash(store: Store) -> None:
    """All look at the same moment, again and again; what has run together is kept."""
    projects = [a_project(store, f"p{number}").id for number in range(4)]
    wanted = {enqueue(store, project, kind) for project in projects for kind in KINDS}
    alive(store, *(f"w{number}" for number in range(4)))
    taken: list[int] = []
    clashes: list[tuple[Job, Job]] = []
    running: dict[int, Job] = {}
    guard = threading.Lock()

    def work(name: str) -> None:
        idle = 0
        while idle < 5:
            job = claim(store, name)
            if job is None:
                idle += 1
                continue
            with guard:
                taken.append(job.id)
                near = [o for o in running.values() if o.project_id == job.project_id]
                clashes.extend((job, o) for o in near if clash(job.kind, o.kind))
                running[job.id] = job
            with guard:
                del running[job.id]
            with store.begin() as connection:
                jobs.finish(connection, job.id, state="done", now=NOW)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(wanted)
    assert clashes == []


def test_a_lease_from_before_the_clock_went_back_does_not_hold_a_job_for_an_hour(
    store: Store,
) -> None:
    job_id = enqueue(store, a_project(store).id, "retrain")
    assert claim(store, "dead") is not None
    hour_ago = NOW - timedelta(hours=1)
    taken = claim(store, "w2", now=hour_ago)
    assert taken is not None and (taken.id, taken.attempts) == (job_id, 2)


def test_a_living_worker_keeps_its_job_when_the_clock_goes_back(store: Store) -> None:
    enqueue(store, a_project(store).id, "retrain")
    job = claim(store, "w1")
    assert job is not None
    hour_ago = NOW - timedelta(hours=1)
    tell = Tell(store, job, worker="w1", clock=lambda: hour_ago, lease=worker.LEASE)
    tell.beat()
    assert claim(store, "w2", now=hour_ago + MOMENT) is None
    tell(0.5, "going on")


@pytest.mark.parametrize("hours", [-1, 1])
def test_nobody_is_taken_for_dead_while_the_clock_has_just_jumped(store: Store, hours: int) -> None:
    enqueue(store, a_project(store).id, "retrain")
    assert claim(store, "w1") is not None
    jumped = NOW + timedelta(hours=hours)
    assert claim(store, "w2", now=jumped, takeover=False) is None
    with store.read() as connection:
        looks = {"now": jumped, "lease": worker.LEASE}
        assert not job_leases.waiting(connection, **looks, takeover=False)
        assert job_leases.waiting(connection, **looks)


class Clocks:
    """A clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall, self.ticks = NOW, 100.0

    def go(self, seconds: float, *, jump: float = 0.0) -> None:
        self.ticks += seconds
        self.wall += timedelta(seconds=seconds + jump)


@pytest.mark.parametrize("jump", [-3600, -6, 6, 3600, 86_400 * 365])
def test_a_clock_that_jumps_is_not_trusted_for_one_lease(jump: float) -> None:
    clocks = Clocks()
    steadiness = worker.Steadiness(lambda: clocks.wall, lambda: clocks.ticks)
    assert steadiness.settled()
    clocks.go(0.25, jump=jump)
    assert not steadiness.settled()
    clocks.go(worker.LEASE.total_seconds() - 0.5)
    assert not steadiness.settled()
    clocks.go(0.5)
    assert steadiness.settled()


def test_a_clock_that_drifts_or_is_corrected_a_little_is_trusted() -> None:
    clocks = Clocks()
    steadiness = worker.Steadiness(lambda: clocks.wall, lambda: clocks.ticks)
    for _ in range(100):
        clocks.go(5, jump=1)
        assert steadiness.settled()


def test_pages_know_of_all_workers_that_live(store: Store) -> None:
    assert overview.worker_seen(store, now=NOW) == (False, None)
    alive(store, "w1", "w2", "w3")
    assert overview.worker_seen(store, now=NOW) == (True, NOW)
    assert tallies.tallies(store, None, now=NOW)["workers"] == 3
    late = NOW + processes.SILENT + MOMENT
    alive(store, "w2", at=late)
    assert overview.worker_seen(store, now=late) == (True, late)
    assert tallies.tallies(store, None, now=late)["workers"] == 1


def test_a_dead_worker_is_not_alive_for_an_hour_after_the_clock_went_back(store: Store) -> None:
    alive(store, "dead")
    hour_ago = NOW - timedelta(hours=1)
    assert not overview.worker_seen(store, now=hour_ago)[0]
    assert tallies.tallies(store, None, now=hour_ago)["worker_silent_seconds"] == 0
    alive(store, "w2", at=hour_ago)  # whoever lives puts right when the other was seen
    late = hour_ago + processes.SILENT + MOMENT
    alive(store, "w2", at=late)
    assert overview.worker_seen(store, now=late) == (True, late)


def test_a_worker_that_leaves_is_forgotten_and_an_old_one_too(store: Store) -> None:
    alive(store, "w1", "w2")
    with store.begin() as connection:
        processes.forget(connection, "w1")
    worker.Worker(store, "w3", clock=lambda: NOW + timedelta(days=2)).report()
    with store.read() as connection:
        assert processes.living(connection, "worker", now=NOW) == ()
        seen = processes.last_seen(connection, "worker")
    assert seen == (NOW + timedelta(days=2), "")
