"""A worker process that is killed leaves nothing half done, and nothing undone."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from mlvajra_al import worker
from mlvajra_al.records import Job
from mlvajra_al.services import training, versions
from mlvajra_al.store import job_leases
from mlvajra_al.store.database import Store
from tests.forks import Forks
from tests.rehearsal import Rehearsal
from tests.workers import a_due_retrain, after_the_lease, url_of, wait_until


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Rehearsal:
    return a_due_retrain(store, tmp_path)


def the_retrain(loop: Rehearsal) -> Job:
    return training.jobs_of(loop.store, None, "tumours", kinds=("retrain",))[0]


def blobs(loop: Rehearsal) -> set[Path]:
    found = (loop.store.home / "artefacts").glob("*/*")
    return {path for path in found if not path.name.endswith(".partial")}


def assert_taken_over_once(loop: Rehearsal) -> None:
    assert loop.work_once() is None, "the lease of the dead still holds"
    job = loop.work_once(clock=after_the_lease)
    assert job is not None and (job.kind, job.state, job.attempts) == ("retrain", "done", 2)
    assert loop.work_once(clock=after_the_lease) is None
    (row,) = versions.listed(loop.store, None, "tumours")
    assert row.is_champion and row.summary is not None
    assert loop.true_f1("malignant")[1] > 400
    assert {claim.why.version for claim in loop.claim() if not claim.why.holdout} == {1}


KILLED = """
import os, signal
from pathlib import Path
from sklearn.ensemble import _forest
from mlvajra_al import worker
from mlvajra_al.store import versions
from mlvajra_al.store.database import Store

url, home, point = arguments
grow, trees = _forest._parallel_build_trees, []

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def grow_some(*args, **kwargs):
    trees.append(grow(*args, **kwargs))
    return die() if len(trees) == 50 else trees[-1]

setattr(*{
    "in the middle of the fit": (_forest, "_parallel_build_trees", grow_some),
    "between file and row": (versions, "add", die),
}[point])
worker.run_once(Store.open(url, Path(home)), "to be killed")
"""


@pytest.mark.parametrize(
    ("point", "has_file"), [("in the middle of the fit", False), ("between file and row", True)]
)
def test_a_killed_worker_leaves_no_half_version_and_is_replaced(
    loop: Rehearsal, forks: Forks, point: str, has_file: bool
) -> None:
    before = blobs(loop)
    killed = forks.run(KILLED, url_of(loop.store), loop.store.home, point)
    assert killed == -signal.SIGKILL
    assert bool(blobs(loop) - before) == has_file
    assert the_retrain(loop).state == "running"
    assert loop.versions() == []
    assert_taken_over_once(loop)


TOLD_TO_END = """
import time
from pathlib import Path
from sklearn.ensemble import _forest
from mlvajra_al import worker
from mlvajra_al.store.database import Store

url, home, marker = arguments

def hesitate(*args, **kwargs):
    Path(marker).touch()
    time.sleep(600)

_forest._parallel_build_trees = hesitate
worker.run_forever(Store.open(url, Path(home)))
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_told_to_end_gives_its_job_back_at_once(
    loop: Rehearsal, forks: Forks, tmp_path: Path
) -> None:
    fitting = tmp_path / "fitting"
    process = forks.start(TOLD_TO_END, url_of(loop.store), loop.store.home, fitting)
    wait_until(fitting.exists)
    os.kill(process, signal.SIGTERM)
    assert forks.ended() == 0
    job = the_retrain(loop)
    assert (job.state, job.attempts, job.started_at) == ("queued", 0, None)
    assert loop.versions() == []
    done = loop.work_once()
    assert done is not None and (done.id, done.state, done.attempts) == (job.id, "done", 1)


DEAF = """
import time, weakref
from pathlib import Path
from sklearn.ensemble import _forest
from mlvajra_al import worker
from mlvajra_al.store.database import Store

url, home, marker = arguments

class Garbage:
    pass

def collected(_reference):
    Path(marker).touch()
    time.sleep(600)

def hesitate(*args, **kwargs):
    garbage = Garbage()
    reference = weakref.ref(garbage, collected)
    del garbage
    time.sleep(600)

_forest._parallel_build_trees = hesitate
worker.run_forever(Store.open(url, Path(home)))
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_told_to_end_while_garbage_is_collected_hears_it_all_the_same(
    loop: Rehearsal, forks: Forks, tmp_path: Path
) -> None:
    collecting = tmp_path / "collecting"
    process = forks.start(DEAF, url_of(loop.store), loop.store.home, collecting)
    wait_until(collecting.exists)
    os.kill(process, signal.SIGTERM)
    assert forks.ended() == 0
    assert the_retrain(loop).state == "queued"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_whose_workers_keep_dying_is_given_up_with_a_sentence(loop: Rehearsal) -> None:
    for death in range(job_leases.MAX_ATTEMPTS):
        now = worker.utc_now() + death * timedelta(minutes=1)
        with loop.store.begin() as connection:
            assert job_leases.claim(connection, worker=f"w{death}", now=now, lease=worker.LEASE)
    assert loop.work_once(clock=lambda: worker.utc_now() + timedelta(hours=1)) is None
    job = the_retrain(loop)
    assert job.state == "failed" and "its worker died 3 times" in (job.error or "")
