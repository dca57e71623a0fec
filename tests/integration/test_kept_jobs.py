"""What is listed of jobs, what is kept of them, and that each waits once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from mlvajra_al import worker
from mlvajra_al.records import Job, Project
from mlvajra_al.services import overview, predicting, training
from mlvajra_al.store import job_leases, jobs, predictions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.web.watching import job_words
from tests.factories import NOW, a_person, a_project

ANSWER = {"label": "ham", "probability": 1.0, "probabilities": {"ham": 1.0}, "explanation": None}


@pytest.fixture
def project(store: Store) -> Project:
    return a_project(store)


def done(store: Store, project: Project, payload: dict[str, Any], result: dict[str, Any]) -> int:
    """Store a prediction that has ended."""
    with store.begin() as connection:
        number = jobs.enqueue(connection, project.id, "predict", payload=payload, now=NOW)
        assert number is not None
        words = "1 prediction of version 1."
        jobs.finish(connection, number, state="done", now=NOW, result=result, message=words)
    return number


def typed(store: Store, project: Project, count: int) -> list[int]:
    payload = {"rows": [{"body": "a \x00 of somebody's"}], "version": None, "format": "csv"}
    result = {"version": 1, "predictions": [ANSWER]}
    return [done(store, project, payload, result) for _ in range(count)]


def a_file(store: Store, project: Project, number: int) -> int:
    result = {"file": f"{number}.csv", "rows": 3, "version": 1, "sha256": "0" * 64}
    return done(store, project, {"pool": True, "version": None, "format": "csv"}, result)


def test_lists_leave_out_typed_rows_and_their_answers(store: Store, project: Project) -> None:
    of_rows = typed(store, project, 1)[0]
    of_pool = a_file(store, project, 1)
    asked = {"payload": {"rows": [{"body": "x"}]}, "now": NOW}
    with store.begin() as connection:
        failed = jobs.enqueue(connection, project.id, "predict", **asked)
        assert failed is not None
        jobs.finish(connection, failed, state="failed", now=NOW, result={"status": 422})
        jobs.enqueue(connection, project.id, "predict", **asked)

    waiting, broken, pool, rows = training.jobs_of(store, None, "spam")
    assert (rows.id, rows.payload, rows.result) == (of_rows, {}, None)
    assert job_words(rows) == "1 prediction of version 1."
    assert (pool.id, pool.payload["pool"], pool.result and pool.result["rows"]) == (
        of_pool, True, 3,
    )  # fmt: skip
    assert job_words(pool) == "3 predictions of version 1."
    assert (broken.payload, broken.result) == ({}, {"status": 422})
    assert (waiting.state, waiting.payload) == ("queued", {})
    whole = training.job(store, None, of_rows)
    assert whole.payload["rows"] and job_words(whole) == "1 prediction of version 1."


def test_typed_rows_and_answers_are_forgotten_but_for_the_newest(
    store: Store, project: Project
) -> None:
    other = a_project(store, "other")
    theirs = typed(store, other, 1)[0]
    numbers = typed(store, project, 5)
    of_pool = a_file(store, project, 1)
    for _ in range(2):
        with store.begin() as connection:
            predictions.forget(connection, project.id, keep=2)

    def kept(number: int) -> bool:
        found = training.job(store, None, number)
        assert bool(found.payload) == (found.result is not None)
        return found.result is not None

    assert [kept(number) for number in numbers] == [False, False, False, True, True]
    assert kept(of_pool) and kept(theirs)
    old = training.job(store, None, numbers[0])
    assert (old.state, job_words(old)) == ("done", "1 prediction of version 1.")
    assert overview.answers_of(old) == ()


def test_typed_predictions_do_not_hide_files(store: Store, project: Project) -> None:
    admin = a_person(store, role="admin")
    files = [a_file(store, project, number) for number in range(3)]
    typed(store, project, 60)
    found = predicting.with_files(store, admin, "spam", limit=2)
    assert [job.id for job in found] == [files[2], files[1]]


def once(connection: Connection, project: Project) -> tuple[Job, bool]:
    return jobs.enqueue_once(
        connection, project.id, "retrain", payload={}, now=NOW, dedupe="retrain"
    )


def test_a_job_that_waits_is_found_again_and_one_that_runs_is_followed_by_another(
    store: Store, project: Project
) -> None:
    with store.begin() as connection:
        first, is_new = once(connection, project)
        assert is_new and once(connection, project) == (first, False)
        job_leases.claim(connection, worker="w", now=NOW, lease=worker.LEASE)
        second, is_new = once(connection, project)
    assert is_new and second.id != first.id


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_job_that_is_claimed_while_it_is_asked_for_again_is_followed_by_another(
    store: Store, project: Project
) -> None:
    """A worker takes it between the insert that it refuses and the look for it."""
    with store.begin() as connection:
        first, _ = once(connection, project)
    claimed: list[Job | None] = []

    def claims(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO job") and not claimed:
            claimed.append(None)
            with store.begin() as other:
                claimed[0] = job_leases.claim(other, worker="w", now=NOW, lease=worker.LEASE)

    event.listen(store.engine, "after_cursor_execute", claims)
    with store.begin() as connection:
        second, is_new = once(connection, project)
    assert claimed[0] is not None and claimed[0].id == first.id
    assert is_new and second.id != first.id
    assert training.job(store, None, second.id).state == "queued"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_worker_claims_a_job_that_is_found_again_before_that_is_over(
    store: Store, project: Project
) -> None:
    with store.begin() as connection:
        first, _ = once(connection, project)
    with store.begin() as connection:
        assert once(connection, project) == (first, False)
        with store.begin() as other:
            assert job_leases.claim(other, worker="w", now=NOW, lease=worker.LEASE) is None
        jobs.amend(connection, first.id, payload={"mode": "full"})
    assert training.job(store, None, first.id).payload == {"mode": "full"}
