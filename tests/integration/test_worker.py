"""The worker between jobs: alive, seen, told to stop, undisturbed by trouble."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlvajra_al import worker
from mlvajra_al.records import JobKind
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import job_leases, jobs, processes
from mlvajra_al.store.database import Store
from tests.factories import NOW, a_project
from tests.workers import a_worker, living


def enqueue(store: Store, project_id: int, kind: JobKind, dedupe: str | None = None) -> int:
    with store.begin() as connection:
        found = jobs.enqueue(connection, project_id, kind, payload={}, now=NOW, dedupe=dedupe)
    assert found is not None
    return found


def claim(store: Store, name: str, now=NOW):
    with store.begin() as connection:
        return job_leases.claim(connection, worker=name, now=now, lease=worker.LEASE)


def test_a_worker_is_seen_while_it_lives_and_forgotten_when_it_has_ended(store: Store) -> None:
    with a_worker(store):
        with store.read() as connection:
            seen = processes.last_seen(connection, "worker")
        assert seen is not None and seen[1] == ""
    assert living(store) == ()


def test_a_worker_says_what_it_does(store: Store) -> None:
    project = a_project(store)
    enqueue(store, project.id, "prepare")
    job = claim(store, "w1")
    assert job is not None
    tell = Tell(store, job, worker="w1", clock=lambda: NOW, lease=worker.LEASE)
    tell(0.5, "Reading 7 samples")
    worker.Worker(store, "w1").report()
    with store.read() as connection:
        seen = processes.last_seen(connection, "worker")
        told = jobs.get(connection, job.id)
    assert seen is not None and seen[1] == "prepare: Reading 7 samples"
    assert (told.progress, told.message) == (0.5, "Reading 7 samples")


def test_jobs_that_change_a_pool_run_one_at_a_time_for_each_project(store: Store) -> None:
    first, second = a_project(store, "first"), a_project(store, "second")
    enqueue(store, first.id, "retrain")
    enqueue(store, first.id, "prepare")
    enqueue(store, first.id, "explain")
    enqueue(store, second.id, "retrain")
    taken = [claim(store, f"w{number}") for number in range(4)]
    assert [(job.kind, job.project_id) for job in taken if job] == [
        ("retrain", first.id),
        ("retrain", second.id),
        ("explain", first.id),
    ]
    assert taken[3] is None
    with store.read() as connection:
        assert not job_leases.waiting(connection, now=NOW, lease=worker.LEASE)
        late = NOW + worker.LEASE + timedelta(seconds=1)
        assert job_leases.waiting(connection, now=late, lease=worker.LEASE)


def test_a_job_given_back_makes_way_for_one_like_it(store: Store) -> None:
    project = a_project(store)
    first = enqueue(store, project.id, "retrain", "retrain")
    assert claim(store, "w1") is not None
    second = enqueue(store, project.id, "retrain", "retrain")
    with store.begin() as connection:
        job_leases.give_back(connection, first, worker="w1", now=NOW)
    with store.read() as connection:
        assert jobs.get(connection, first).state == "cancelled"
        assert jobs.get(connection, second).state == "queued"


def test_a_job_of_another_worker_cannot_be_given_back(store: Store) -> None:
    project = a_project(store)
    job_id = enqueue(store, project.id, "retrain")
    assert claim(store, "w1") is not None
    with store.begin() as connection:
        job_leases.give_back(connection, job_id, worker="w2", now=NOW)
    with store.read() as connection:
        assert jobs.get(connection, job_id).state == "running"


def test_who_leaves_gives_back_what_it_had_claimed_when_the_signal_came(store: Store) -> None:
    project = a_project(store)
    leaving = worker.Worker(store, "w1")
    held = [enqueue(store, project.id, "retrain"), enqueue(store, project.id, "explain")]
    assert None not in (claim(store, "w1"), claim(store, "w2"))
    leaving.stop()
    leaving.run_forever()
    with store.read() as connection:
        assert [jobs.get(connection, job_id).state for job_id in held] == ["queued", "running"]


@pytest.mark.parametrize(("waiting", "wait"), [((), worker.POLL_S), (("retrain",), worker.SOON_S)])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_has_just_done_a_job_looks_for_the_next_one_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch, waiting: tuple[JobKind, ...], wait: float
) -> None:
    project = a_project(store)
    for kind in waiting:
        enqueue(store, project.id, kind)
    waited: list[float] = []
    alert = worker.Worker(store, "w1")

    def leave(seconds: float) -> bool:
        alert.stopping.set()
        return bool(waited.append(seconds))

    monkeypatch.setattr(alert.stopping, "wait", leave)
    alert.run_forever()
    assert waited == [wait]


def test_a_long_job_keeps_its_lease(store: Store) -> None:
    project = a_project(store)
    enqueue(store, project.id, "prepare")
    job = claim(store, "w1")
    assert job is not None
    later = NOW + timedelta(seconds=14)
    tell = Tell(store, job, worker="w1", clock=lambda: later, lease=worker.LEASE)
    tell.beat()
    assert claim(store, "w2", now=NOW + timedelta(seconds=20)) is None
    assert claim(store, "w2", now=NOW + timedelta(seconds=30)) is not None
