"""The closed loop through real services and the real worker, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from mlvajra_al import worker
from mlvajra_al.errors import Conflict, NotAllowed, NotFound
from mlvajra_al.records import Answer, Column, Job, Policy, Project, Recipe, TrainingMode
from mlvajra_al.services import champions, labelling, predicting, resolving, training, versions
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.demo_projects import TUMOURS
from mlvajra_al.services.jobs import demo_files, fitting, revising, snapshots, warm
from mlvajra_al.services.jobs import predicting as predicting_job
from mlvajra_al.services.jobs.performing import handler_of
from mlvajra_al.services.jobs.snapshots import Fit
from mlvajra_al.services.jobs.telling import Cancelled, Tell
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.progress import progress
from mlvajra_al.store import annotations as events
from mlvajra_al.store import job_leases, jobs, projects, ranking
from mlvajra_al.store import versions as stored_versions
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.database import Store
from tests.factories import a_person
from tests.rehearsal import Rehearsal

POLICY = Policy(retrain_every=10, holdout_rate=0.2, full_every=10)
WORDS = {"ham": ("meeting", "report", "lunch", "train"), "spam": ("pills", "win", "free", "loan")}
PADDING = ("the", "a", "of", "and", "today", "please", "we", "you", "it", "soon")


def texts(rows: int, *, seed: int = 0, first: int = 0) -> pa.Table:
    """Return short texts whose words mostly give away what they are."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(["ham", "spam"], size=rows, p=[0.6, 0.4])
    bodies = [
        " ".join([*rng.choice(WORDS[label], 2), *rng.choice(PADDING, 8), str(first + place)])
        for place, label in enumerate(labels)
    ]
    keys = [f"t{first + place}" for place in range(rows)]
    return pa.table({"id": keys, "body": bodies, "label": labels.tolist()})


def a_text_project(policy: Policy = POLICY) -> Project:
    drafted = project_services.draft(
        "texts",
        labels=make_labels(["ham", "spam"]),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=3,
    )
    return replace(drafted, policy=policy, key_column="id", gold_column="label")


def begin(store: Store, folder: Path, *, rows: int = 300, policy: Policy = POLICY) -> Rehearsal:
    source = folder / "texts.parquet"
    pq.write_table(texts(rows), source)
    return Rehearsal.begin(store, a_text_project(policy), source=source)


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Store]:
    """A workspace on SQLite, for what has nothing to do with the database."""
    opened = Store.open(f"sqlite:///{tmp_path / 'light.db'}", tmp_path / "light")
    opened.migrate()
    yield opened
    opened.close()


def kinds(done: list) -> list[str]:
    return [job.kind for job in done]


def queued(rehearsal: Rehearsal, kind: str) -> int:
    found = training.jobs_of(rehearsal.store, None, rehearsal.project.name, kinds=(kind,))
    return sum(job.state == "queued" for job in found)


def said(rehearsal: Rehearsal) -> int:
    with rehearsal.store.read() as connection:
        return events.total(connection, rehearsal.project.id)


def test_the_whole_loop_from_import_to_roll_back(store: Store, tmp_path: Path) -> None:
    loop = begin(store, tmp_path)

    imported = loop.work_once()
    assert imported is not None and imported.kind == "ingest" and imported.state == "done"
    assert {claim.why.strategy for claim in loop.claim(2)} <= {"random", "holdout"}

    prepared = loop.work_once()
    assert prepared is not None and prepared.kind == "prepare" and prepared.state == "done"
    assert "cold_start" in {claim.why.strategy for claim in loop.claim(6)}

    loop.answer(9)
    assert queued(loop, "retrain") == 0
    loop.answer(6)
    assert queued(loop, "retrain") == 1

    assert kinds(loop.work()) == ["retrain", "explain"]
    (first,) = loop.versions()
    assert (first.number, first.parent, first.mode) == (1, None, "full")
    assert [(p.version, p.previous) for p in champions.promotions(store, None, "texts")] == [
        (1, None)
    ]
    assert {c.why.version for c in loop.claim(6) if not c.why.holdout} == {1}

    loop.answer(10)
    loop.work()
    second = loop.versions()[-1]
    assert (second.number, second.parent, second.mode) == (2, 1, "warm_start")
    assert second.label_seq > first.label_seq and second.n_labels > first.n_labels

    now = worker.utc_now()
    champions.promote(store, loop.admin, "texts", number=2, expected=1, reason="better", now=now)
    before = said(loop)
    with pytest.raises(Conflict, match="the champion is version 2 now, not version 1"):
        champions.rollback(store, loop.admin, "texts", reason="", now=now, expected=1)
    assert champions.rollback(store, loop.admin, "texts", reason="worse", now=now, expected=2) == 1
    assert said(loop) == before

    loop.answer(10)
    loop.work()
    third = loop.versions()[-1]
    assert (third.number, third.parent, third.mode) == (3, None, "full")
    assert third.n_labels > second.n_labels

    loop.answer(10)
    loop.work()
    fourth = loop.versions()[-1]
    assert (fourth.number, fourth.parent, fourth.mode) == (4, 3, "warm_start")


def test_each_retrain_measures_the_champion_on_the_same_holdout(
    light: Store, tmp_path: Path
) -> None:
    loop = begin(light, tmp_path)
    loop.work()
    for _ in range(3):
        loop.answer(10)
        loop.work()
    reports = {number: versions.report(light, None, "texts", number) for number in (1, 2, 3)}
    assert reports[1] is not None and reports[3] is not None
    assert reports[1].holdout_seq == reports[3].holdout_seq
    assert reports[1].evaluation.n == reports[3].evaluation.n


def test_tumours_are_learned_through_the_loop(store: Store, tmp_path: Path) -> None:
    loop = Rehearsal.begin(
        store, TUMOURS.project(worker.utc_now()), source=demo_files.write("tumours", tmp_path)
    )
    loop.work()
    for _ in range(4):
        loop.answer(10)
        loop.work()
    assert [version.mode for version in loop.versions()] == ["full"] + ["warm_start"] * 3
    assert loop.true_f1("malignant")[0] > 0.85
    report = versions.report(store, None, "tumours", 4)
    assert report is not None and report.answered == report.evaluation.n > 0


@pytest.mark.parametrize(
    ("estimator", "modes"),
    [
        ("sgd", ["full", "partial_fit"]),
        ("complement_nb", ["full", "partial_fit"]),
        ("random_forest", ["full", "full"]),
        ("hist_gradient_boosting", ["full", "full"]),
    ],
)
def test_every_estimator_goes_round_the_loop(
    light: Store, tmp_path: Path, estimator: str, modes: list[TrainingMode]
) -> None:
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(120), source)
    drafted = a_text_project()
    drafted = replace(drafted, recipe=replace(drafted.recipe, estimator=estimator))
    loop = Rehearsal.begin(light, drafted, source=source)
    loop.work()
    for _ in range(2):
        loop.answer(12)
        loop.work()
    assert [version.mode for version in loop.versions()] == modes


def test_with_one_label_seen_the_rail_names_the_other(light: Store, tmp_path: Path) -> None:
    loop = begin(light, tmp_path)
    loop.work()
    loop.answer(10, label="ham")
    (job,) = loop.work()
    found = job.result or {}
    assert (found["missing_labels"], found["seen_labels"]) == (["spam"], ["ham"])
    assert training.asks(light, None, "texts") == found["asks"]
    assert found["asks"].startswith("Cold start: there is no model yet")
    assert loop.versions() == []
    worker.Worker(light, "rehearsal").report()
    seen = progress(light, loop.admin, "texts", now=worker.utc_now())
    assert seen.loop_state == "needs_labels"
    assert seen.loop_message == "The model needs an example of: spam"


def test_while_all_answers_are_one_label_others_are_looked_for(
    light: Store, tmp_path: Path
) -> None:
    loop = begin(light, tmp_path)
    loop.work()
    with light.read() as connection:
        before = ranking.front(connection, loop.project.id, limit=40)
    loop.answer(10, label="ham")
    loop.work()
    with light.read() as connection:
        after = ranking.front(connection, loop.project.id, limit=40)
    asked_anew = [item for item in after if item.why.strategy == "cold_start"]
    assert len(asked_anew) == POLICY.retrain_every
    assert {item.why.rank for item in asked_anew} == set(range(POLICY.retrain_every))
    assert {item.sample_key for item in asked_anew} != {item.sample_key for item in before}


def a_model(store: Store, folder: Path, *, policy: Policy = POLICY, answers: int = 20) -> Rehearsal:
    """Return a loop that has gone round once."""
    loop = begin(store, folder, policy=policy)
    loop.work()
    loop.answer(answers)
    loop.work()
    return loop


def retrain(loop: Rehearsal, mode: training.Mode = "incremental") -> dict:
    """Ask for a retrain and return its result."""
    training.request_retrain(
        loop.store, loop.admin, loop.project.name, mode=mode, now=worker.utc_now()
    )
    done = next(job for job in loop.work() if job.kind == "retrain")
    return done.result or {}


def test_without_anything_new_no_version_is_made_and_the_job_says_so(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    result = retrain(loop)
    assert (result["version"], result["nothing_new"]) == (1, True)
    assert len(loop.versions()) == 1


def choose_strategy(loop: Rehearsal, strategy: str) -> None:
    changes = {"strategy": strategy}
    loop.project = project_services.change_policy(
        loop.store, loop.admin, "texts", changes=changes, now=worker.utc_now()
    )


def asked_by(loop: Rehearsal, limit: int = 10) -> set[str]:
    with loop.store.read() as connection:
        front = ranking.front(connection, loop.project.id, limit=limit)
    return {item.why.strategy for item in front}


def test_another_strategy_ranks_anew_though_there_is_nothing_to_learn(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    retrain(loop)
    choose_strategy(loop, "entropy")
    (job,) = [job for job in loop.work() if job.kind == "retrain"]
    assert (job.result or {})["nothing_new"] and len(loop.versions()) == 1
    assert asked_by(loop) == {"entropy"}
    assert training.asks(light, None, "texts") == "By entropy, as the project wants it."
    with light.read() as connection:
        assert {i.why.version for i in ranking.front(connection, loop.project.id, limit=9)} == {1}
    choose_strategy(loop, "entropy")
    assert queued(loop, "retrain") == 0


def test_before_there_is_a_model_the_strategy_of_the_project_asks_if_it_needs_none(
    light: Store, tmp_path: Path
) -> None:
    loop = begin(light, tmp_path, policy=replace(POLICY, strategy="typiclust"))
    choose_strategy(loop, "random")
    assert kinds(loop.work()) == ["ingest", "prepare"]
    assert asked_by(loop) == {"random"}
    for strategy, asks in (("typiclust", "typiclust"), ("entropy", "cold_start")):
        choose_strategy(loop, strategy)
        assert kinds(loop.work()) == ["prepare"]
        assert asked_by(loop) == {asks}


def test_a_full_fit_on_request_keeps_its_parent(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    result = retrain(loop, "full")
    assert result["because"] == "a full fit was asked for"
    assert "the model hesitates about" in result["asks"] == loop.versions()[-1].asks
    assert (loop.versions()[-1].parent, loop.versions()[-1].mode) == (1, "full")


def test_every_third_fit_is_a_full_one_if_the_policy_says_so(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path, policy=replace(POLICY, full_every=3))
    for _ in range(4):
        loop.answer(10)
        loop.work()
    modes = [version.mode for version in loop.versions()]
    assert modes == ["full", "warm_start", "warm_start", "full", "warm_start"]


def test_two_requests_make_one_retrain_and_the_fuller_one_wins(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    now = worker.utc_now()
    ids = {
        training.request_retrain(light, loop.admin, "texts", mode=mode, now=now).id
        for mode in ("incremental", "full", "incremental")
    }
    assert len(ids) == 1
    assert training.job(light, None, ids.pop()).payload["mode"] == "full"


def test_a_changed_recipe_starts_a_new_line(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    recipe = replace(loop.project.recipe, estimator="complement_nb")
    project_services.set_recipe(light, loop.admin, "texts", recipe=recipe, now=worker.utc_now())
    assert kinds(loop.work()) == ["prepare", "retrain", "explain"]
    newest = loop.versions()[-1]
    assert (newest.parent, newest.mode, newest.recipe) == (None, "full", recipe)
    assert newest.revision_id != loop.versions()[0].revision_id


def test_a_few_new_samples_are_added_to_the_features_and_many_refit_them(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    few = tmp_path / "few.parquet"
    pq.write_table(texts(30, seed=1, first=1_000), few)
    loop.import_from(few)
    assert kinds(loop.work()) == ["ingest", "prepare"]
    loop.answer(10)
    loop.work()
    first, second = loop.versions()
    assert second.revision_id == first.revision_id and len(second.shards) == 2

    many = tmp_path / "many.parquet"
    pq.write_table(texts(200, seed=2, first=2_000), many)
    loop.import_from(many)
    assert kinds(loop.work()) == ["ingest", "prepare", "retrain", "explain"]
    third = loop.versions()[-1]
    assert third.revision_id != first.revision_id
    assert (third.parent, third.mode) == (None, "full")


def import_more(loop: Rehearsal, folder: Path, table: pa.Table) -> list[str]:
    """Import samples, do what follows, and return what was done."""
    source = folder / "more.parquet"
    pq.write_table(table, source)
    loop.import_from(source)
    return kinds(loop.work())


def test_a_few_samples_in_a_strange_language_refit_the_features(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    strange = pa.array(
        [f"{word} perro gato casa mesa silla sol luna mar rio" for word in "abc" * 15]
    )
    table = texts(45, seed=5, first=2_000).set_column(1, "body", strange)
    assert import_more(loop, tmp_path, table) == ["ingest", "prepare", "retrain", "explain"]
    first, second = loop.versions()
    assert second.revision_id != first.revision_id
    assert (second.parent, second.mode) == (None, "full")
    assert second.trigger.startswith("unknown words rose from ")


def test_holdout_samples_are_never_trained_on_and_never_ranked_by_the_model(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path, policy=replace(POLICY, holdout_rate=0.5), answers=40)
    with light.read() as connection:
        answers = list(events.current_answers(connection, loop.project.id))
    pool_answers = sum(not row.holdout for row in answers)
    report = versions.report(light, None, "texts", 1)
    assert loop.versions()[-1].n_labels == pool_answers < len(answers)
    assert report is not None and report.evaluation.n == len(answers) - pool_answers
    for claim in loop.claim(20):
        assert claim.why.holdout is (claim.why.strategy == "holdout")


def test_a_cancelled_retrain_writes_nothing(store: Store, tmp_path: Path) -> None:
    loop = begin(store, tmp_path)
    loop.work()
    loop.answer(10)
    now = worker.utc_now()
    with store.begin() as connection:
        job = job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
    assert job is not None and job.kind == "retrain"
    training.cancel(store, loop.admin, job.id, now=now)
    tell = Tell(store, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Cancelled):
        handler_of("retrain")(store, job, tell)
    assert loop.versions() == []
    assert training.job(store, None, job.id).state == "cancelled"


def test_a_worker_that_was_taken_over_writes_nothing(store: Store, tmp_path: Path) -> None:
    loop = begin(store, tmp_path)
    loop.work()
    loop.answer(10)
    with store.begin() as connection:
        job = job_leases.claim(connection, worker="slow", now=worker.utc_now(), lease=worker.LEASE)
    assert job is not None
    later = loop.work_once(clock=lambda: worker.utc_now() + worker.LEASE + timedelta(seconds=1))
    assert later is not None and (later.id, later.state) == (job.id, "done")
    slow = Tell(store, job, worker="slow", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Cancelled), store.begin() as connection:
        slow.settle(connection, {"version": 99})
    assert len(loop.versions()) == 1
    assert training.job(store, None, job.id).result == later.result


def test_a_job_that_fails_says_why_in_a_sentence(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    recipe = Recipe((Column("boddy", "text"),))
    project_services.set_recipe(light, loop.admin, "texts", recipe=recipe, now=worker.utc_now())
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    assert job.error is not None and "no column 'boddy'" in job.error
    worker.Worker(light, "rehearsal").report()
    seen = progress(light, loop.admin, "texts", now=worker.utc_now())
    assert seen.loop_state == "unread"
    assert seen.loop_message == f"Reading the pool failed: {job.error}"


def test_an_unexpected_error_ends_the_job_calmly_and_not_the_worker(
    light: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = a_model(light, tmp_path)
    with light.begin() as connection:
        broken = {"versions": ["one"]}
        jobs.enqueue(connection, loop.project.id, "evaluate", payload=broken, now=worker.utc_now())
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    assert job.error is not None and job.error.startswith("an unexpected problem ended this")
    assert "Traceback" in caplog.text and "TypeError" in caplog.text
    assert loop.work_once() is None


def test_the_same_labels_give_the_same_bits(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    loop.answer(10)
    loop.work()
    first, second = loop.versions()
    with light.read() as connection:
        seen = snapshots.snapshot(light, connection, loop.project.id)
        job = jobs.listed(connection, loop.project.id, limit=1)[0]
    tell = Tell(light, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    prepared = revising.ready(
        light, seen.project, seen.pool, revision=seen.past.revision, tell=tell
    )
    before = [item for item in seen.gold if item.seq <= first.label_seq]
    replayed = replace(seen, before=tuple(before))
    again = fitting.train(light, replayed, prepared, fit=Fit(1, first, ""), seed=second.seed)
    stored = warm.estimator(light.home, second.estimator)
    assert np.array_equal(again.model.coef_, stored.coef_)
    assert np.array_equal(again.model.intercept_, stored.intercept_)


def test_two_versions_are_compared_on_the_same_holdout(store: Store, tmp_path: Path) -> None:
    loop = a_model(store, tmp_path, policy=replace(POLICY, holdout_rate=0.5), answers=30)
    loop.answer(40)
    loop.work()
    newest = loop.versions()[-1].number
    asked = versions.request_evaluation(
        store, loop.admin, "texts", numbers=(1, newest), now=worker.utc_now()
    )
    loop.work()
    verdict = versions.verdict(training.job(store, None, asked.id))
    assert verdict is not None and (verdict.champion, verdict.challenger) == (1, newest)
    reports = [versions.report(store, None, "texts", n) for n in (1, newest)]
    assert reports[0] is not None and reports[1] is not None
    assert reports[0].holdout_seq == reports[1].holdout_seq
    assert reports[0].evaluation.n == verdict.n == reports[1].answered


def test_explanations_are_computed_once_and_add_up(store: Store, tmp_path: Path) -> None:
    loop = a_model(store, tmp_path)
    now = worker.utc_now()
    whole = versions.global_explanation(store, None, "texts", 1)
    assert whole is not None and whole.importances["spam"]
    assert versions.request_explanation(store, loop.admin, "texts", number=1, now=now) is None
    asked = versions.request_explanation(
        store, loop.admin, "texts", number=1, sample_key="t7", now=now
    )
    assert asked is not None
    loop.work()
    one = versions.sample_explanation(store, None, "texts", 1, "t7")
    assert one is not None and one.sample_key == "t7"
    (why,) = one.attributions
    assert why.base + sum(why.values) + why.other == pytest.approx(why.output)
    assert "".join(word for word, _ in one.words).endswith(" 7")
    assert one.label == max(one.probabilities, key=one.probabilities.__getitem__)


def test_rows_typed_in_are_answered_with_reasons(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path, answers=60)
    rows = [{"body": "win free pills"}, {"body": "the meeting report"}]
    asked = predicting.request(
        light, loop.admin, "texts", question=predicting.Question(rows=rows), now=worker.utc_now()
    )
    loop.work()
    job = predicting.wait(light, asked.id, seconds=1)
    assert job.result is not None
    found = job.result["predictions"]
    assert [item["label"] for item in found] == ["spam", "ham"]
    assert found[0]["probability"] == found[0]["probabilities"]["spam"]
    assert dict(found[0]["explanation"]["words"])["pills"] > 0


def test_rows_are_answered_alike_without_reasons(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    rows = [{"body": "win free pills"}, {"body": "the meeting report"}]
    asked = [
        predicting.request(light, loop.admin, "texts", question=question, now=worker.utc_now()).id
        for question in (
            predicting.Question(rows=rows),
            predicting.Question(rows=rows, explain=False),
        )
    ]
    loop.work()
    reasoned, bare = ((training.job(light, None, of).result or {})["predictions"] for of in asked)
    assert all(item["explanation"] for item in reasoned)
    assert bare == [item | {"explanation": None} for item in reasoned]


def test_a_row_without_a_column_is_refused_with_its_name(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    asked = predicting.request(
        light,
        loop.admin,
        "texts",
        question=predicting.Question(rows=[{"text": "win"}]),
        now=worker.utc_now(),
    )
    loop.work_once()
    assert "row 1 has no 'body'" in (training.job(light, None, asked.id).error or "")


def test_what_is_no_number_is_predicted_as_left_empty(store: Store, tmp_path: Path) -> None:
    loop = a_model(store, tmp_path)
    rows = [{"body": float("nan"), "more": float("inf")}, {"body": None}]
    asked = predicting.request(
        store,
        loop.admin,
        "texts",
        question=predicting.Question(rows=rows),
        now=worker.utc_now(),
    )
    loop.work_once()
    odd, empty = (training.job(store, None, asked.id).result or {})["predictions"]
    assert odd == empty


def test_the_whole_pool_is_predicted_into_a_file(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    asked = predicting.request(
        light,
        loop.admin,
        "texts",
        question=predicting.Question(pool=True, file_format="parquet"),
        now=worker.utc_now(),
    )
    loop.work()
    job = training.job(light, None, asked.id)
    table = pq.read_table(predicting.result_path(light, job))
    assert table.num_rows == 300 and set(table["version"].to_pylist()) == {1}
    assert sorted(table["key"].to_pylist()) == sorted(f"t{n}" for n in range(300))
    assert min(table["probability"].to_pylist()) >= 0.5


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_of_the_pool_tells_all_probabilities_gold_labels_and_what_is_held_out(
    light: Store, tmp_path: Path, kind: predicting.Format
) -> None:
    loop = a_model(light, tmp_path)
    question = predicting.Question(pool=True, file_format=kind, probabilities=True)
    asked = predicting.request(light, loop.admin, "texts", question=question, now=worker.utc_now())
    loop.work()
    path = predicting.result_path(light, training.job(light, None, asked.id))
    read = pq.read_table if kind == "parquet" else csv.read_csv
    rows = {row["key"]: row for row in read(path).to_pylist()}
    with light.read() as connection:
        project = projects.by_name(connection, "texts")
        pool, held = resolving.gold(connection, project)
        drawn = labelling.project_pool(light, connection, project).holdout(
            project.holdout_threshold
        )
    names = [f"p:{label.name}" for label in project.labels]
    assert [*rows["t0"]] == ["key", "label", "probability", "version", "holdout", "gold", *names]
    assert sum(row["holdout"] for row in rows.values()) == drawn.sum() > 0
    assert all(rows[item.sample_key]["holdout"] for item in held)
    known = {item.sample_key: item.label for item in (*pool, *held)}
    assert {key: row["gold"] or None for key, row in rows.items()} == {
        key: known.get(key) for key in rows
    }
    for row in rows.values():
        assert sum(row[name] for name in names) == pytest.approx(1)
        assert row["probability"] == pytest.approx(row[f"p:{row['label']}"])


def test_who_may_not_know_what_is_held_out_reads_no_predictions_of_a_pool(
    light: Store, tmp_path: Path
) -> None:
    loop = a_model(light, tmp_path)
    asked = predicting.request(
        light, loop.admin, "texts", question=predicting.Question(pool=True), now=worker.utc_now()
    )
    loop.work()
    job = training.job(light, None, asked.id)
    with pytest.raises(NotAllowed, match="read the predictions of a pool"):
        predicting.file_for(light, a_person(light, "Rita", role="reviewer"), job)
    assert predicting.file_for(light, loop.admin, job).is_file()


def test_the_newest_files_of_predictions_stay(
    light: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting_job, "KEPT", 2)
    loop = a_model(light, tmp_path)

    def predict(**what: Any) -> Job:
        question = predicting.Question(**what)
        asked = predicting.request(
            light, loop.admin, "texts", question=question, now=worker.utc_now()
        )
        loop.work()
        return training.job(light, None, asked.id)

    first, second = predict(pool=True), predict(pool=True)
    predict(rows=[{"body": "free loan"}])
    assert predicting.result_path(light, first).is_file()
    third = predict(pool=True)
    with pytest.raises(NotFound):
        predicting.result_path(light, first)
    assert all(predicting.result_path(light, job).is_file() for job in (second, third))


def test_answers_to_typed_rows_stay_with_the_newest_predictions(
    light: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting_job, "TYPED_KEPT", 1)
    loop = a_model(light, tmp_path)
    question = predicting.Question(rows=[{"body": "free loan"}])
    asked = []
    for _ in range(2):
        now = worker.utc_now()
        asked.append(predicting.request(light, loop.admin, "texts", question=question, now=now))
        loop.work()
    old, new = (training.job(light, None, job.id) for job in asked)
    assert (old.state, old.result, old.message) == ("done", None, "1 prediction of version 1.")
    assert new.result is not None and new.message == old.message


def test_an_upload_is_predicted_and_no_key_becomes_a_formula(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    folder = light.home / "uploads" / ("1" * 32)
    folder.mkdir(parents=True)
    (folder / "new.csv").write_text("id,body\n=1+1,free loan\nk2,lunch of today\n")
    asked = predicting.request(
        light,
        loop.admin,
        "texts",
        question=predicting.Question(upload=f"{'1' * 32}/new.csv"),
        now=worker.utc_now(),
    )
    loop.work()
    job = training.job(light, None, asked.id)
    name = f"predictions-{job.id}-version-1.csv"
    digest = sha256_of(predicting.result_path(light, job))
    assert job.result == {"file": name, "rows": 2, "version": 1, "sha256": digest}
    lines = predicting.result_path(light, job).read_text().splitlines()
    assert lines[0].replace('"', "") == "key,label,probability,version"
    assert lines[1].startswith('"\'=1+1"') and lines[2].startswith('"k2"')


def test_nothing_but_an_upload_can_be_named_as_one(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    question = predicting.Question(upload="../light.db")
    with pytest.raises(NotFound, match=r"there is no upload '\.\./light\.db'"):
        predicting.request(light, loop.admin, "texts", question=question, now=worker.utc_now())


def test_a_stale_promotion_is_a_conflict(store: Store, tmp_path: Path) -> None:
    loop = a_model(store, tmp_path)
    loop.answer(10)
    loop.work()
    now = worker.utc_now()
    with pytest.raises(Conflict, match="the champion is version 1 now, not none"):
        champions.promote(store, loop.admin, "texts", number=2, expected=None, reason="", now=now)
    champions.promote(store, loop.admin, "texts", number=2, expected=1, reason="", now=now)
    with pytest.raises(Conflict, match="champion already"):
        champions.promote(store, loop.admin, "texts", number=2, expected=2, reason="", now=now)


def test_annotators_may_neither_retrain_nor_promote_nor_roll_back(
    light: Store, tmp_path: Path
) -> None:
    loop, now = a_model(light, tmp_path), worker.utc_now()
    ada = a_person(light)
    with pytest.raises(NotAllowed):
        training.request_retrain(light, ada, "texts", mode="full", now=now)
    with pytest.raises(NotAllowed):
        champions.promote(light, ada, "texts", number=1, expected=1, reason="", now=now)
    with pytest.raises(NotAllowed):
        champions.rollback(light, ada, "texts", reason="", now=now)
    with pytest.raises(NotAllowed):
        predicting.request(light, ada, "texts", question=predicting.Question(pool=True), now=now)
    assert stored_champion(loop) == 1


def stored_champion(loop: Rehearsal) -> int | None:
    return project_services.get(loop.store, None, loop.project.name).champion


def test_a_damaged_model_does_not_stop_the_loop(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    (first,) = loop.versions()
    file = light.home / "artefacts" / first.estimator[:2] / first.estimator
    file.write_bytes(b"damaged")
    warm.estimator.cache_clear()

    loop.answer(10)
    loop.work()

    assert [version.mode for version in loop.versions()] == ["full", "full"]
    assert said(loop) >= 30


def change_an_answer(loop: Rehearsal) -> None:
    """Let a person change their mind about a sample that is learned from."""
    with loop.store.read() as connection:
        row = next(
            row for row in events.current_answers(connection, loop.project.id) if not row.holdout
        )
        (event,) = events.of_sample(connection, loop.project.id, row.sample_key)
    other = {"ham": "spam", "spam": "ham"}[row.label]
    changed = Answer(str(uuid4()), row.sample_key, "answer", other, supersedes=event.event_id)
    loop.record([changed])


def test_an_answer_that_was_changed_is_learned_anew(light: Store, tmp_path: Path) -> None:
    loop = a_model(light, tmp_path)
    change_an_answer(loop)
    assert retrain(loop)["version"] == 2
    first, second = loop.versions()
    assert first.n_labels == second.n_labels
    assert first.label_fingerprint != second.label_fingerprint


def test_the_ranking_behind_the_model_is_random(light: Store, tmp_path: Path) -> None:
    loop = begin(light, tmp_path, rows=900)
    loop.work()
    loop.answer(20)
    loop.work()
    with light.read() as connection:
        waiting = ranking.waiting(connection, loop.project.id)
        newest = stored_versions.latest(connection, loop.project.id)
    assert newest is not None and waiting > 500


@pytest.mark.parametrize(("estimator", "within"), [("sgd", 0.2), ("logistic_regression", 0.01)])
def test_a_full_fit_tells_how_far_continuing_would_have_led_away(
    light: Store, tmp_path: Path, estimator: str, within: float
) -> None:
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(300), source)
    drafted = a_text_project(replace(POLICY, full_every=3))
    recipe = replace(drafted.recipe, estimator=estimator)  # type: ignore[arg-type]
    loop = Rehearsal.begin(light, replace(drafted, recipe=recipe), source=source)
    loop.work()
    while len(loop.versions()) < 4:
        loop.answer(10)
        loop.work()
    first, *between, fourth = loop.versions()
    assert [one.drift for one in (first, *between)] == [None] * 3
    assert (fourth.mode, fourth.because) == ("full", "every 3th fit is a full one")
    assert fourth.drift is not None
    assert fourth.drift.samples == 300
    assert 0 < fourth.drift.mean <= fourth.drift.largest
    assert fourth.drift.differing <= within


def test_what_going_on_would_not_have_been_allowed_to_do_is_no_drift(
    light: Store, tmp_path: Path
) -> None:
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(200), source)
    drafted = a_text_project(POLICY)
    recipe = replace(drafted.recipe, estimator="sgd")
    loop = Rehearsal.begin(light, replace(drafted, recipe=recipe), source=source)
    loop.work()
    while not loop.versions():
        loop.answer(10)
        loop.work()
    change_an_answer(loop)
    retrain(loop)
    newest = loop.versions()[-1]
    assert (newest.mode, newest.because) == ("full", "answers were changed")
    assert newest.drift is None


def test_naive_bayes_has_no_drift_to_tell(light: Store, tmp_path: Path) -> None:
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(200), source)
    drafted = a_text_project(replace(POLICY, full_every=2))
    recipe = replace(drafted.recipe, estimator="complement_nb")
    loop = Rehearsal.begin(light, replace(drafted, recipe=recipe), source=source)
    loop.work()
    while len(loop.versions()) < 3:
        loop.answer(10)
        loop.work()
    assert [one.mode for one in loop.versions()] == ["full", "partial_fit", "full"]
    assert [one.drift for one in loop.versions()] == [None] * 3
