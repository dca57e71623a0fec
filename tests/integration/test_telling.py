"""What a job says of itself is stored often enough to follow it, seldom enough to be cheap."""

from __future__ import annotations

import pytest

from mlvajra_al.records import Job
from mlvajra_al.services.jobs import telling
from mlvajra_al.services.jobs.performing import LEASE
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import job_leases, jobs
from mlvajra_al.store.database import Store
from tests.factories import NOW, a_project


@pytest.fixture
def tell(store: Store) -> Tell:
    project = a_project(store)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "prepare", payload={}, now=NOW)
        job = job_leases.claim(connection, worker="w", now=NOW, lease=LEASE)
    assert job is not None
    return Tell(store, job, worker="w", clock=lambda: NOW, lease=LEASE)


def stored(store: Store) -> Job:
    with store.read() as connection:
        (job,) = jobs.listed(connection, 1, limit=1)
    return job


def test_counting_on_is_not_written_at_each_step(
    store: Store, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(0.1, "Read 10,000 of 10,000,000 samples")
    tell(0.2, "Read 20,000 of 10,000,000 samples")
    assert stored(store).message == "Read 10,000 of 10,000,000 samples"
    monkeypatch.setattr(telling, "QUIET_S", 0.0)
    tell(0.3, "Read 30,000 of 10,000,000 samples")
    assert stored(store).message == "Read 30,000 of 10,000,000 samples"
    assert stored(store).progress == 0.3


def test_something_else_is_written_at_once(store: Store, tell: Tell) -> None:
    tell(0.1, "Read 10,000 of 10,000,000 samples")
    tell(0.9, "Choosing varied samples to start with")
    assert stored(store).message == "Choosing varied samples to start with"


def test_a_beat_tells_what_was_not_written(store: Store, tell: Tell) -> None:
    tell(0.1, "Read 10,000 samples")
    tell(0.2, "Read 20,000 samples")
    tell.beat()
    assert (stored(store).message, stored(store).progress) == ("Read 20,000 samples", 0.2)


@pytest.mark.parametrize("last", [None, "Nothing new."])
def test_a_job_ends_with_its_last_words(store: Store, tell: Tell, last: str | None) -> None:
    tell(0.1, "1 of 2 games played")
    tell(1.0, "2 of 2 games played")
    with store.begin() as connection:
        tell.settle(connection, {}, message=last)
    assert stored(store).message == (last or "2 of 2 games played")
