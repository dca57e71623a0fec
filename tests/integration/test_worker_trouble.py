"""A worker whose database goes away or whose disk is full: it says so, waits, and goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mlvajra_al import worker
from mlvajra_al.records import Column, Job, Project, Recipe
from mlvajra_al.services import importing, projects, training
from mlvajra_al.services.demo_projects import TUMOURS
from mlvajra_al.services.jobs import demo_files
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store.database import Store
from tests.forks import Forks
from tests.postgresql import Cluster
from tests.rehearsal import Rehearsal
from tests.workers import a_due_retrain, a_forked_worker, a_worker, living, wait_until

UNLIMITED = resource.RLIM_INFINITY


@contextmanager
def opened(url: str, home: Path) -> Iterator[Store]:
    store = Store.open(url, home)
    store.migrate()
    try:
        yield store
    finally:
        store.close()


def newest(store: Store, kind: str) -> Job:
    return training.jobs_of(store, None, "tumours", kinds=(kind,))[0]


def ended(store: Store, job: Job) -> bool:
    return training.job(store, None, job.id).state in ("done", "failed", "cancelled")


PAUSING = """
import logging, time
from pathlib import Path
from mlvajra_al import worker
from mlvajra_al.services.jobs import fitting as room
from mlvajra_al.store.database import Store

url, home, log, fitting, go_on = arguments
logging.basicConfig(filename=log)
train = room.train

def pause(*args, **kwargs):
    Path(fitting).touch()
    while not Path(go_on).exists():
        time.sleep(0.02)
    return train(*args, **kwargs)

room.train = pause
worker.run_forever(Store.open(url, Path(home)))
"""


def test_a_retrain_whose_database_goes_away_goes_on_when_it_is_back(
    cluster: Cluster, fragile_url: str, forks: Forks, tmp_path: Path
) -> None:
    log, fitting, go_on = (tmp_path / name for name in ("log", "fitting", "go on"))
    with opened(fragile_url, tmp_path / "home") as store:
        loop = a_due_retrain(store, tmp_path)
        with a_forked_worker(forks, PAUSING, store, log, fitting, go_on):
            wait_until(fitting.exists)
            cluster.stop()
            go_on.touch()
            wait_until(lambda: "waits: the database cannot be used right now" in log.read_text())
            cluster.start()
            store.engine.dispose()  # what rested for less than a second is not asked if it lives
            wait_until(lambda: ended(store, newest(store, "retrain")))
        job = newest(store, "retrain")
        assert (job.state, job.attempts, job.error) == ("done", 1, None)
        assert [version.number for version in loop.versions()] == [1]
    assert "Traceback" not in log.read_text()


def test_an_idle_worker_outlives_its_database(
    cluster: Cluster, fragile_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(fragile_url, tmp_path / "home") as store:
        loop = Rehearsal.begin(
            store,
            TUMOURS.project(worker.utc_now()),
            source=demo_files.write("tumours", tmp_path),
        )
        loop.work()
        with a_worker(store):
            cluster.stop()
            wait_until(lambda: "waiting: the database cannot be used right now" in caplog.text)
            cluster.start()
            loop.answer(20)
            wait_until(lambda: ended(store, newest(store, "retrain")))
        assert newest(store, "retrain").state == "done"
    assert "Traceback" not in caplog.text
    said = [record.getMessage() for record in caplog.records]
    assert sum(one.startswith("waiting: ") for one in said) == 1
    assert said.count("going on: the database answers again") == 1
    assert "could not say that this worker is alive" not in caplog.text


STARVED = """
import logging, resource
from pathlib import Path
from mlvajra_al import worker
from mlvajra_al.store.database import Store

url, home = arguments
logging.disable()
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
worker.run_forever(Store.open(url, Path(home)))
"""
"""No file can grow beyond a few bytes, as on a full disk."""


def give_room(process: psutil.Process) -> None:
    process.rlimit(psutil.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


@pytest.fixture
def on_a_server(fragile_url: str, tmp_path: Path) -> Iterator[Store]:
    """A workspace whose files may be limited while its database is not."""
    with opened(fragile_url, tmp_path / "home") as store:
        yield store


def test_a_retrain_without_room_waits_for_it_and_says_so(
    on_a_server: Store, forks: Forks, tmp_path: Path
) -> None:
    loop = a_due_retrain(on_a_server, tmp_path)
    with a_forked_worker(forks, STARVED, on_a_server) as process:
        no_room = "Waiting: there is no room left on the disk of"
        wait_until(lambda: newest(on_a_server, "retrain").message.startswith(no_room))
        assert loop.versions() == []
        give_room(process)
        wait_until(lambda: ended(on_a_server, newest(on_a_server, "retrain")))
    job = newest(on_a_server, "retrain")
    assert (job.state, job.attempts) == ("done", 1)
    assert [version.number for version in loop.versions()] == [1]
    assert not list(on_a_server.home.rglob("*.partial"))


def test_an_import_without_room_says_so_and_leaves_nothing(
    on_a_server: Store, forks: Forks, tmp_path: Path
) -> None:
    loop = Rehearsal.begin(
        on_a_server,
        TUMOURS.project(worker.utc_now()),
        source=demo_files.write("tumours", tmp_path),
    )
    with a_forked_worker(forks, STARVED, on_a_server) as process:
        wait_until(lambda: ended(on_a_server, newest(on_a_server, "ingest")))
        job = newest(on_a_server, "ingest")
        assert (job.state, job.attempts) == ("failed", 1)
        assert "there is no room left on the disk of" in (job.error or "")
        assert [path for path in on_a_server.home.rglob("*.arrow*") if path.stat().st_size] == []
        give_room(process)
        loop.import_from(tmp_path / "tumours.parquet")
        wait_until(lambda: newest(on_a_server, "ingest").state == "done")


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """A file that takes some seconds to read."""
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("id,body\n")
        file.writelines(f"s{row},words of the sample {row} and more\n" for row in range(1_500_000))
    return path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_import_holds_up_no_retrain_and_can_be_cancelled_from_elsewhere(
    store: Store, tmp_path: Path, long_file: Path
) -> None:
    loop = a_due_retrain(store, tmp_path)
    other = projects.create(store, loop.admin, a_text_project())
    with a_worker(store, "one"), a_worker(store, "other"):
        started = importing.start_import(
            store, loop.admin, other.name, uri=long_file, now=worker.utc_now()
        )
        wait_until(lambda: training.job(store, None, started.id).state == "running")
        loop.answer(20)
        wait_until(lambda: newest(store, "retrain").state == "done")
        assert training.job(store, None, started.id).state == "running"
        training.cancel(store, loop.admin, started.id, now=worker.utc_now())
        loop.answer(20)
        wait_until(lambda: len(loop.versions()) >= 2)
        wait_until(lambda: not [w for w in living(store) if w.startswith("ingest")])
    assert training.job(store, None, started.id).state == "cancelled"
    assert not list((store.home / "shards" / str(other.id)).glob("*.arrow"))


def a_text_project() -> Project:
    draft = projects.draft(
        "long",
        labels=make_labels(["a", "b"]),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=1,
    )
    return replace(draft, key_column="id")
