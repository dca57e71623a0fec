"""A worker process that is killed leaves nothing half done, and nothing undone."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mlvajra_al import worker
from mlvajra_al.records import Job
from mlvajra_al.services import training, versions
from mlvajra_al.store import jobs
from mlvajra_al.store.database import Store
from tests.rehearsal import Rehearsal
from tests.workers import PATIENCE_S, a_due_retrain, a_worker, wait_until


def after_the_lease() -> datetime:
    return worker.utc_now() + worker.LEASE + timedelta(seconds=1)


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Rehearsal:
    return a_due_retrain(store, tmp_path)


def the_retrain(loop: Rehearsal) -> Job:
    return training.jobs_of(loop.store, "tumours", kinds=("retrain",))[0]


def is_learning(loop: Rehearsal) -> bool:
    return the_retrain(loop).message.startswith("Learning from")


def blobs(loop: Rehearsal) -> set[Path]:
    found = (loop.store.home / "artefacts").glob("*/*")
    return {path for path in found if not path.name.endswith(".partial")}


def assert_taken_over_once(loop: Rehearsal) -> None:
    assert loop.work_once() is None, "the lease of the dead still holds"
    job = loop.work_once(clock=after_the_lease)
    assert job is not None and (job.kind, job.state, job.attempts) == ("retrain", "done", 2)
    assert loop.work_once(clock=after_the_lease) is None
    (row,) = versions.listed(loop.store, None, "tumours")
    assert row.is_champion and row.report is not None
    assert loop.true_f1("malignant")[1] > 400
    assert {claim.why.version for claim in loop.claim() if not claim.why.holdout} == {1}


def test_a_worker_killed_in_the_middle_of_a_fit_is_replaced(loop: Rehearsal) -> None:
    before = blobs(loop)
    with a_worker(loop.store) as process:
        wait_until(lambda: is_learning(loop))
        process.kill()
        process.wait()
    assert blobs(loop) == before, "the fit had ended already"
    assert the_retrain(loop).state == "running"
    assert loop.versions() == []
    assert_taken_over_once(loop)


def test_a_worker_killed_between_file_and_row_leaves_no_half_version(loop: Rehearsal) -> None:
    before = blobs(loop)
    with a_worker(loop.store) as process:
        wait_until(lambda: blobs(loop) != before)
        process.kill()
        process.wait()
    assert the_retrain(loop).state == "running", "the row was there already"
    assert loop.versions() == []
    assert_taken_over_once(loop)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_told_to_end_gives_its_job_back_at_once(loop: Rehearsal) -> None:
    with a_worker(loop.store) as process:
        wait_until(lambda: is_learning(loop))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
    job = the_retrain(loop)
    assert (job.state, job.attempts, job.started_at) == ("queued", 0, None)
    assert loop.versions() == []
    done = loop.work_once()
    assert done is not None and (done.id, done.state, done.attempts) == (job.id, "done", 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_whose_workers_keep_dying_is_given_up_with_a_sentence(loop: Rehearsal) -> None:
    for death in range(jobs.MAX_ATTEMPTS):
        now = worker.utc_now() + death * timedelta(minutes=1)
        with loop.store.begin() as connection:
            assert jobs.claim(connection, worker=f"w{death}", now=now, lease=worker.LEASE)
    assert loop.work_once(clock=lambda: worker.utc_now() + timedelta(hours=1)) is None
    job = the_retrain(loop)
    assert job.state == "failed" and "its worker died 3 times" in (job.error or "")
