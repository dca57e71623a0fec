"""A job meets trouble: it waits, ends with a sentence, or goes back to the queue."""

from __future__ import annotations

import errno
import logging
import os
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mlvajra_al.errors import Invalid, NotFound
from mlvajra_al.records import Job, JobKind
from mlvajra_al.services.jobs import performing
from mlvajra_al.services.jobs.performing import Stop, every, run_once, utc_now
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import jobs
from mlvajra_al.store.database import Store
from tests.factories import a_project
from tests.postgresql import Cluster

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Handler:
    """Does a job by failing as it is told, once for each failure, and then succeeds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *failures: Any) -> None:
        self.failures, self.seen = list(failures), list[str]()
        monkeypatch.setattr(performing, "handler_of", lambda kind: self)

    def __call__(self, store: Store, job: Job, tell: Tell) -> dict[str, Any]:
        if self.failures:
            self.failures.pop(0)(tell)
        with store.read() as connection:
            self.seen.append(jobs.get(connection, job.id).message)
        return {"well": True}


def fail(error: BaseException) -> Any:
    def failing(tell: Tell) -> None:
        raise error

    return failing


def no_room(tell: Tell) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "time", SimpleNamespace(sleep=lambda seconds: None))


def queued(store: Store, kind: JobKind = "retrain") -> int:
    project = a_project(store)
    with store.begin() as connection:
        job_id = jobs.enqueue(connection, project.id, kind, payload={}, now=utc_now())
    assert job_id is not None
    return job_id


def test_a_job_of_the_loop_waits_for_room_and_says_so_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Handler(monkeypatch, no_room, no_room)
    queued(store)
    job = run_once(store, "w")
    assert job is not None
    assert (job.state, job.attempts, job.result) == ("done", 1, {"well": True})
    (said,) = handler.seen
    assert said.startswith("Waiting: there is no room left on the disk of")


@on_sqlite
@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (no_room, "there is no room left on the disk of"),
        (fail(Invalid("the file has no rows")), "the file has no rows"),
        (fail(KeyError("secret")), "an unexpected problem ended this (KeyError). What was"),
    ],
)
def test_an_import_that_cannot_be_done_ends_with_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, failure: Any, sentence: str
) -> None:
    handler = Handler(monkeypatch, failure)
    queued(store, "ingest")
    job = run_once(store, "w")
    assert job is not None and job.state == "failed" and handler.seen == []
    assert job.error is not None and job.error.startswith(sentence)
    assert "secret" not in job.error


@on_sqlite
def test_what_a_file_says_makes_one_line_of_the_log_which_a_terminal_obeys_nothing_of(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Handler(monkeypatch, fail(Invalid("no label: \x1b[2J\nworker | all is well")))
    job_id = queued(store, "ingest")
    run_once(store, "w")
    assert f"ingest {job_id}: no label: \\x1b[2J\\x0aworker | all is well" in caplog.messages


@on_sqlite
def test_a_job_that_was_cancelled_meanwhile_stays_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queued(store)

    def cancelled(tell: Tell) -> None:
        with store.begin() as connection:
            jobs.finish(connection, job_id, state="cancelled", now=utc_now())
        tell(0.5, "going on")

    Handler(monkeypatch, cancelled)
    job = run_once(store, "w")
    assert job is not None and (job.state, job.result) == ("cancelled", None)


def test_a_worker_told_to_stop_gives_its_job_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    Handler(monkeypatch, fail(Stop()))
    job_id = queued(store)
    with pytest.raises(Stop):
        run_once(store, "w")
    with store.read() as connection:
        job = jobs.get(connection, job_id)
    assert (job.state, job.attempts) == ("queued", 0)


@pytest.fixture
def fragile(fragile_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store whose server may be stopped."""
    opened = Store.open(fragile_url, tmp_path_factory.mktemp("home"))
    opened.migrate()
    yield opened
    opened.close()


def test_the_end_of_a_job_is_written_when_the_database_is_back(
    fragile: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(fragile)
    handler = Handler(monkeypatch)
    naps: list[float] = []

    def rest(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            cluster.start()

    def work(store: Store, job: Job, tell: Tell) -> dict[str, Any]:
        done = handler(store, job, tell)
        cluster.stop()
        return done

    monkeypatch.setattr(performing, "handler_of", lambda kind: work)
    monkeypatch.setattr(performing, "time", SimpleNamespace(sleep=rest))
    job = run_once(fragile, "w")
    assert job is not None and (job.state, job.result) == ("done", {"well": True})
    assert naps == [performing.TROUBLE_S] * 2


def test_a_job_waits_for_the_database_and_is_done_when_it_is_back(
    fragile: Store,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queued(fragile)

    def away(tell: Tell) -> None:
        cluster.stop()
        tell(0.5, "half done")

    handler = Handler(monkeypatch, away)
    naps: list[float] = []

    def rest(seconds: float) -> None:
        naps.append(seconds)
        if not cluster.running:
            cluster.start()

    monkeypatch.setattr(performing, "time", SimpleNamespace(sleep=rest))
    job = run_once(fragile, "w")
    assert job is not None and (job.state, job.attempts) == ("done", 1)
    assert len(naps) == 2 and len(handler.seen) == 1
    assert "waits: the database cannot be used right now" in caplog.text


def test_a_job_that_cannot_be_given_back_waits_for_its_lease(
    fragile: Store,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = queued(fragile)

    def stopped(tell: Tell) -> None:
        cluster.stop()
        raise Stop

    Handler(monkeypatch, stopped)
    with pytest.raises(Stop):
        run_once(fragile, "w")
    assert f"retrain {job_id} could not be given back" in caplog.text
    cluster.start()
    with fragile.read() as connection:
        assert jobs.get(connection, job_id).state == "running"


@pytest.mark.parametrize(
    ("error", "level"), [(NotFound("job", "1"), logging.WARNING), (KeyError(1), logging.ERROR)]
)
def test_trouble_in_saying_that_a_worker_lives_is_logged_and_it_goes_on(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    again = threading.Event()
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        if len(calls) > 1:
            again.set()
        raise error

    with every(0.001, act):
        assert again.wait(timeout=60)
    assert {record.levelno for record in caplog.records} == {level}
    assert "could not say that this worker is alive" in caplog.text
