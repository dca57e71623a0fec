"""What a page says about a job, in every state it can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Job, JobKind, JobState
from mlvajra_al.services import job_words
from mlvajra_al.services.overview import AtWork
from mlvajra_al.web import watching
from mlvajra_al.web.api.models import public_job
from mlvajra_al.web.views.predictions import file_words
from tests.factories import NOW

JOB = Job(
    id=7,
    project_id=1,
    kind="retrain",
    state="running",
    payload={},
    progress=0.4,
    message="Fits 120 of 300 labels",
    result=None,
    error=None,
    attempts=1,
    person="Ada",
    created_at=NOW,
    started_at=NOW,
    finished_at=NOW + timedelta(seconds=90),
)


def test_every_kind_and_state_of_a_job_has_a_word() -> None:
    assert {*job_words.KINDS} == {*get_args(JobKind)}
    assert {*watching.STATES} == {*get_args(JobState)}
    assert {*job_words.OUTCOMES} == {*get_args(JobKind)}


def test_files_of_predictions_are_told_apart_by_what_they_are_of() -> None:
    result = {"rows": 3_000, "version": 2, "file": "a.csv"}
    pool = replace(JOB, kind="predict", payload={"pool": True, "format": "csv"}, result=result)
    assert file_words(pool) == ("The pool, CSV", "3,000 predictions of version 2")
    payload = {
        "uri": "/uploads/0f/new tickets.csv",
        "format": "parquet",
        "probabilities": True,
    }
    assert file_words(replace(pool, payload=payload)) == (
        "new tickets.csv, Parquet",
        "3,000 predictions of version 2 with all probabilities",
    )
    lacking = replace(pool, result=result | {"lacks_key": "id"})
    assert file_words(lacking)[1].endswith(
        "version 2; the file has no column 'id', so each key is the number of a row"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Fits 120 of 300 labels"),
        ({"state": "queued"}, "Waits for the worker."),
        ({"state": "failed", "error": "the file is gone"}, "The file is gone."),
        ({"state": "failed"}, "It failed without a word; see the worker's log."),
        (
            {"state": "done", "result": {"missing_labels": ["spam"], "seen_labels": ["ham"]}},
            "No fit yet: the model needs an example of: spam.",
        ),
        (
            {"state": "done", "result": {"missing_labels": ["ham", "spam"]}},
            "No fit yet: the model needs examples of at least two labels.",
        ),
        ({"state": "done", "result": {"version": 3}}, "Version 3."),
        (
            {"state": "done", "result": {"version": 3, "nothing_new": True}},
            "Nothing new to learn since version 3.",
        ),
        (
            {"kind": "ingest", "state": "done", "result": {"message": "12 samples added."}},
            "12 samples added.",
        ),
        (
            {
                "kind": "retrain",
                "state": "done",
                "result": {"version": 2, "asks": "Exploitation: it is nearly sure."},
            },
            "Version 2. Exploitation: it is nearly sure.",
        ),
        (
            {
                "kind": "prepare",
                "state": "done",
                "result": {"samples": 5_710, "features": 48_211, "because": ""},
            },
            "5,710 samples read, 48,211 features made.",
        ),
        (
            {
                "kind": "prepare",
                "state": "done",
                "result": {"samples": 1, "features": 30, "because": "the recipe was changed"},
            },
            "1 sample read, 30 features made: the recipe was changed.",
        ),
        (
            {"kind": "prepare", "state": "done", "result": {"samples": 0}},
            "The pool is empty: there was nothing to read.",
        ),
        (
            {
                "kind": "evaluate",
                "state": "done",
                "payload": {"versions": [3]},
                "result": {"verdict": None},
            },
            "Version 3 measured.",
        ),
        (
            {
                "kind": "evaluate",
                "state": "done",
                "payload": {"versions": [2, 3]},
                "result": {"verdict": {}},
            },
            "Versions 2 and 3 compared.",
        ),
        (
            {
                "kind": "explain",
                "state": "done",
                "result": {"version": 3, "sample_key": ""},
            },
            "Version 3 explained.",
        ),
        (
            {
                "kind": "explain",
                "state": "done",
                "result": {"version": 3, "sample_key": "d41d"},
            },
            "Version 3 explained for the sample d41d.",
        ),
        (
            {
                "kind": "predict",
                "state": "done",
                "result": {"file": "pool.csv", "rows": 5_710, "version": 3},
            },
            "5,710 predictions of version 3.",
        ),
        (
            {"kind": "predict", "state": "done", "result": {"version": 3, "predictions": [{}]}},
            "1 prediction of version 3.",
        ),
        (
            {"kind": "predict", "state": "done", "message": "2 predictions of version 3."},
            "2 predictions of version 3.",
        ),
        (
            {
                "kind": "examine",
                "state": "done",
                "result": {"checked": 0, "note": "the recipe was changed"},
            },
            "Not checked yet: the recipe was changed.",
        ),
        (
            {"kind": "examine", "state": "done", "result": {"checked": 0}},
            "Too few labels to check yet.",
        ),
        ({"state": "cancelled", "message": "by Ada"}, "by Ada"),
    ],
)
def test_a_job_says_in_one_line_what_became_of_it(changes: dict[str, Any], words: str) -> None:
    assert watching.job_words(replace(JOB, **changes)) == words


def test_a_job_that_waits_says_what_the_worker_is_busy_with() -> None:
    doing = (AtWork("simulate", "seed 3", True, "spam"), AtWork("ingest", "", False, "tickets"))
    assert watching.job_words(replace(JOB, state="queued"), doing) == (
        "Waits for the worker. At work now: simulate: seed 3; "
        "busy with another project: tickets, import."
    )


def test_over_http_the_message_of_a_job_that_is_done_says_what_became_of_it() -> None:
    done = replace(JOB, state="done", result={"version": 2})
    assert [public_job(job)["message"] for job in (done, JOB)] == ["Version 2.", JOB.message]


def test_a_job_took_from_its_start_to_its_end() -> None:
    assert watching.took(JOB) == 90
    assert watching.took(replace(JOB, started_at=None)) is None
    unfinished = watching.took(replace(JOB, finished_at=None))
    assert unfinished is not None


def _draws(job: object) -> None:
    from mlvajra_al.web.watching import job_line

    job_line(job)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "badge"), [("queued", "Waiting"), ("running", "Running"), ("done", "Done")]
)
def test_a_job_is_drawn_with_its_state(state: str, badge: str) -> None:
    job = replace(JOB, state=state, message="**bold** words")  # type: ignore[arg-type]

    page = AppTest.from_function(_draws, args=(job,), default_timeout=30).run()

    assert not page.exception
    shown = " ".join(element.value for element in page.markdown)
    assert badge in shown
    assert "**Retrain**" in shown
    assert "**bold**" not in shown


def _waits() -> None:
    import streamlit as st

    from mlvajra_al.web import watching

    watching.await_job("here", None)
    st.session_state["found"] = watching.watched("here")
    watching.forget_job("here")


def test_where_nothing_was_asked_for_nothing_is_watched() -> None:
    page = AppTest.from_function(_waits, default_timeout=30).run()

    assert not page.exception
    assert page.session_state["found"] is None
