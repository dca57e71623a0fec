"""What may be asked of models, in which words it is refused, and what a stopped retrain leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest

from mlvajra_al import worker
from mlvajra_al.errors import Conflict, Invalid, NotAllowed, NotFound, QueueFull
from mlvajra_al.records import Answer, Column, Job, Recipe, SampleExplanation
from mlvajra_al.services import champions, labelling, predicting, progress, training, versions
from mlvajra_al.services.jobs import explaining, machine, mending, preparing, revising, scoring
from mlvajra_al.services.jobs.performing import handler_of
from mlvajra_al.services.jobs.telling import Cancelled, Tell
from mlvajra_al.store import job_leases, jobs
from mlvajra_al.store import versions as stored
from mlvajra_al.store.database import Store
from mlvajra_al.store.shards import Pool
from tests.factories import NOW, a_person, a_pool, a_project
from tests.integration.chains import a_template, copied, opened
from tests.integration.test_loop import a_text_project, texts
from tests.rehearsal import Rehearsal

STAGES = [
    "Reading the labels",
    "Learning from",
    "Evaluating on the holdout",
    "Choosing what to ask next",
    "Writing the new version",
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Two versions; the store is closed."""
    with a_template(tmp_path_factory, fits=2) as loop:
        return loop


@pytest.fixture
def loop(template: Rehearsal, workspace: Path) -> Iterator[Rehearsal]:
    """The template, in a workspace of one's own."""
    with copied(template, workspace) as loop:
        yield loop


def ask(loop: Rehearsal, **what: Any) -> Job:
    now = worker.utc_now()
    question = predicting.Question(**what)
    return predicting.request(loop.store, loop.admin, "texts", question=question, now=now)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({}, "predict exactly one of: some rows, an uploaded file, the whole pool"),
        ({"rows": [{"body": "x"}], "pool": True}, "exactly one of"),
        ({"upload": "a.csv", "pool": True}, "exactly one of"),
        ({"pool": True, "file_format": "xlsx"}, "'xlsx' cannot be written; use 'csv' or 'parquet'"),
        ({"rows": []}, "got 0 rows to predict; send 1 to 1000, or upload them as a file"),
        ({"rows": [{}] * 1_001}, "got 1001 rows to predict"),
        ({"rows": [{"body": "x"}, "body"]}, "row 2 is a str; send an object of columns"),
        ({"rows": [None]}, "row 1 is a NoneType"),
    ],
)
def test_predictions_that_cannot_be_asked_for(loop: Rehearsal, what: dict, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        ask(loop, **what)


def test_a_version_that_is_not_there_cannot_predict(loop: Rehearsal) -> None:
    with pytest.raises(NotFound, match="there is no version 9"):
        ask(loop, rows=[{"body": "x"}], version=9)


def test_without_a_model_nothing_is_predicted(store: Store) -> None:
    admin = a_person(store, role="admin")
    a_project(store)
    with pytest.raises(Conflict, match="'spam' has no model yet; label some samples first"):
        predicting.request(
            store, admin, "spam", question=predicting.Question(rows=[{"body": "x"}]), now=NOW
        )


def test_without_a_champion_the_newest_version_answers(loop: Rehearsal) -> None:
    with loop.store.read() as connection:
        nobody = replace(loop.project, champion=None)
        assert predicting.chosen(connection, nobody, None) == 2
        assert predicting.chosen(connection, nobody, 1) == 1


def test_a_job_is_waited_for_no_longer_than_asked(loop: Rehearsal) -> None:
    asked = ask(loop, rows=[{"body": "x"}])
    assert predicting.wait(loop.store, asked.id, seconds=0.1).state == "queued"
    with pytest.raises(NotFound, match="file of predictions of job"):
        predicting.result_path(loop.store, asked)
    loop.work()
    assert predicting.wait(loop.store, asked.id, seconds=60).state == "done"


def test_only_so_many_predictions_wait_and_the_loop_does_not_look_at_them(loop: Rehearsal) -> None:
    for _ in range(predicting.MOST_WAITING):
        last = ask(loop, rows=[{"body": "x"}])
    with pytest.raises(QueueFull, match="20 predictions of 'texts' wait already, and at most 20"):
        ask(loop, pool=True)
    rail = progress.progress(loop.store, loop.admin, "texts", now=worker.utc_now())
    assert rail.loop_state == "waiting"
    training.cancel(loop.store, loop.admin, last.id, now=worker.utc_now())
    assert ask(loop, pool=True).state == "queued"


def test_a_file_of_predictions_that_was_removed_is_missed_by_name(loop: Rehearsal) -> None:
    asked = ask(loop, pool=True)
    loop.work()
    done = training.job(loop.store, loop.admin, asked.id)
    predicting.result_path(loop.store, done).unlink()
    with pytest.raises(NotFound, match=f"file of predictions of job {asked.id}"):
        predicting.result_path(loop.store, done)


def test_ways_to_retrain_that_do_not_exist_are_refused(loop: Rehearsal) -> None:
    with pytest.raises(Invalid, match="'quick' is no way to retrain; use 'incremental' or 'full'"):
        training.request_retrain(
            loop.store, loop.admin, "texts", mode="quick", now=worker.utc_now()
        )


def test_a_job_that_has_ended_cannot_be_cancelled(loop: Rehearsal) -> None:
    (last, *_) = training.jobs_of(loop.store, None, "texts", limit=1)
    with pytest.raises(Conflict, match=f"job {last.id} is done already; there is nothing to"):
        training.cancel(loop.store, loop.admin, last.id, now=worker.utc_now())


def test_only_an_admin_cancels_what_somebody_else_asked_for(loop: Rehearsal) -> None:
    asked = ask(loop, rows=[{"body": "x"}])
    ada = a_person(loop.store, "Ada", role="reviewer")
    with pytest.raises(NotAllowed, match="may cancel somebody else's job"):
        training.cancel(loop.store, ada, asked.id, now=worker.utc_now())
    assert training.job(loop.store, loop.admin, asked.id).state == "queued"


@pytest.mark.parametrize("numbers", [(), (1, 1), (1, 2, 1), (1, 2, 3)])
def test_one_or_two_different_versions_are_evaluated(
    loop: Rehearsal, numbers: tuple[int, ...]
) -> None:
    with pytest.raises(Invalid, match="evaluate one version, or two different ones, not"):
        versions.request_evaluation(
            loop.store, loop.admin, "texts", numbers=numbers, now=worker.utc_now()
        )


def test_the_same_evaluation_waits_once(loop: Rehearsal) -> None:
    now = worker.utc_now()
    ids = {
        versions.request_evaluation(loop.store, loop.admin, "texts", numbers=(1,), now=now).id
        for _ in range(3)
    }
    assert len(ids) == 1


def test_the_champion_is_measured_anew_where_only_held_out_samples_were_answered(
    loop: Rehearsal,
) -> None:
    held = [claim for claim in loop.claim(20) if claim.why.holdout]
    gold = loop.gold([claim.position for claim in held])
    loop.record(
        [
            Answer(str(uuid4()), claim.sample_key, "answer", said, claim.id)
            for claim, said in zip(held, gold, strict=True)
        ]
    )
    ask = training.request_retrain
    ask(loop.store, loop.admin, "texts", mode="incremental", now=worker.utc_now())
    assert any((job.result or {}).get("nothing_new") for job in loop.work())
    of_champion, of_newest = (versions.report(loop.store, None, "texts", n) for n in (1, 2))
    assert of_champion is not None and of_newest is not None
    assert of_champion.answered == of_newest.answered >= len(held) > 0


def test_the_first_champion_has_none_to_roll_back_to(loop: Rehearsal) -> None:
    with pytest.raises(Conflict, match="no earlier champion to roll back to; promote a version"):
        champions.rollback(loop.store, loop.admin, "texts", reason="", now=worker.utc_now())


def test_a_sample_that_is_not_there_is_not_explained(loop: Rehearsal) -> None:
    now = worker.utc_now()
    with pytest.raises(NotFound, match="there is no sample 'nowhere'"):
        versions.request_explanation(
            loop.store, loop.admin, "texts", number=1, sample_key="nowhere", now=now
        )
    with loop.store.read() as connection:
        ready = explaining.explainer(loop.store, connection, loop.project, 1)
        pool = labelling.project_pool(loop.store, connection, loop.project)
    with pytest.raises(NotFound, match="there is no sample 'nowhere'"):
        explaining.of_sample(ready, pool, "nowhere")


def test_a_revision_that_is_not_there_is_named(store: Store) -> None:
    with store.read() as connection, pytest.raises(NotFound, match="there is no revision 3"):
        stored.get_revision(connection, 3)


def test_no_samples_have_no_probabilities(loop: Rehearsal) -> None:
    with loop.store.read() as connection:
        ready = scoring.scorer(loop.store.home, connection, loop.project, 1)
        pool = labelling.project_pool(loop.store, connection, loop.project)
    assert ready.probabilities([]).shape == (0, 2)
    assert ready.at(pool, []).shape == (0, 2)


def test_two_texts_are_explained_below_one_another(tmp_path: Path) -> None:
    table = texts(80)
    table = table.append_column("subject", table["body"])
    source = tmp_path / "texts.parquet"
    pq.write_table(table, source)
    both = Recipe((Column("subject", "text"), Column("body", "text")))
    store = opened(tmp_path)
    loop = Rehearsal.begin(store, replace(a_text_project(), recipe=both), source=source)
    loop.work()
    loop.answer(20)
    loop.work()
    now = worker.utc_now()
    versions.request_explanation(store, loop.admin, "texts", number=1, sample_key="t3", now=now)
    loop.work()
    found = versions.sample_explanation(store, None, "texts", 1, "t3")
    store.close()
    assert isinstance(found, SampleExplanation)
    whole = "".join(word for word, _ in found.words)
    body = table["body"][3].as_py()
    assert whole == f"{body}\n\n{body}"


def test_a_processor_that_is_described_nowhere_has_a_kind_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("there is no /proc here")

    monkeypatch.setattr(Path, "read_text", refuse)
    machine.cpu.cache_clear()
    told = machine.cpu()
    machine.cpu.cache_clear()
    assert 0 < len(told) <= 200


def pool_of(store: Store, count: int) -> tuple[Any, Pool]:
    project = a_project(store)
    a_pool(store, project, count)
    with store.read() as connection:
        return project, labelling.project_pool(store, connection, project)


def test_where_everything_was_asked_there_is_no_first_ranking(store: Store) -> None:
    project, pool = pool_of(store, 4)
    rng = np.random.default_rng(0)
    none, _ = preparing.first_ranking(project, pool, np.eye(4), touched=np.arange(4), rng=rng)
    assert none == []


def test_a_project_without_samples_is_prepared_at_once(store: Store) -> None:
    project = a_project(store)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "prepare", payload={}, now=worker.utc_now())
    job = worker.run_once(store, "w")
    assert job is not None and (job.state, job.result) == ("done", {"samples": 0})


def test_a_large_pool_is_read_in_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revising, "FIT_ROWS", 20)
    project, pool = pool_of(store, 60)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "prepare", payload={}, now=worker.utc_now())
    job = worker.run_once(store, "w")
    assert job is not None and job.state == "done"
    with store.read() as connection:
        revision = stored.latest_revision(connection, project.id)
    assert revision is not None and revision.samples == len(pool) == 60
    assert revision.features < 25


@pytest.mark.parametrize("read", [5, 2_000])
def test_unknown_words_are_counted_in_a_part_of_a_large_pool(
    store: Store, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    project, pool = pool_of(store, 100)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "prepare", payload={}, now=worker.utc_now())
    worker.run_once(store, "w")
    with store.read() as connection:
        revision = stored.latest_revision(connection, project.id)
    assert revision is not None
    monkeypatch.setattr(revising, "READ_ROWS", read)
    earlier, free = replace(revision, samples=90), np.arange(len(pool))
    assert revising.outdated(store, project, pool, revision=earlier, free=free) == ""
    early = replace(revision, samples=70)
    said = revising.outdated(store, project, pool, revision=early, free=free)
    assert said == "30 of 100 samples are new"
    assert revising.outdated(store, project, pool, revision=revision, free=free) == ""


def test_a_project_without_a_champion_has_none_to_replace(store: Store) -> None:
    project = a_project(store)
    with store.begin() as connection:
        mending.replace_lost(store.home, connection, project.id, to=1, now=NOW)
        assert stored.promotions(connection, project.id) == ()


@pytest.fixture
def due(store: Store, tmp_path: Path) -> Rehearsal:
    """A project whose first retrain waits."""
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(120), source)
    loop = Rehearsal.begin(store, a_text_project(), source=source)
    loop.work()
    loop.answer(12)
    return loop


def claimed(loop: Rehearsal) -> Job:
    with loop.store.begin() as connection:
        job = job_leases.claim(connection, worker="w", now=worker.utc_now(), lease=worker.LEASE)
    assert job is not None and job.kind == "retrain"
    return job


def waiting(loop: Rehearsal) -> list[str]:
    """Return why samples wait, and thereby which ranking they are of."""
    return sorted({claim.why.strategy for claim in loop.claim(6)} - {"holdout"})


def assert_nothing_was_written(loop: Rehearsal) -> None:
    assert loop.versions() == []
    with loop.store.read() as connection:
        assert stored.promotions(connection, loop.project.id) == ()
        assert stored.summaries(connection, loop.project.id, range(1, 9)) == {}
    assert "diversified_margin" not in waiting(loop)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_retrain_cancelled_at_any_stage_writes_nothing(due: Rehearsal, stage: str) -> None:
    job = claimed(due)

    class Watched(Tell):
        def __call__(self, progress: float, message: str = "") -> None:
            super().__call__(progress, message)
            if message.startswith(stage):
                training.cancel(due.store, due.admin, job.id, now=worker.utc_now())

    tell = Watched(due.store, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Cancelled):
        handler_of("retrain")(due.store, job, tell)
    assert_nothing_was_written(due)
    assert training.job(due.store, due.admin, job.id).state == "cancelled"


def test_a_database_that_fails_while_the_version_is_written_leaves_all_or_nothing(
    due: Rehearsal,
) -> None:
    """The connection breaks after version, report and ranking, before the job is settled."""
    job = claimed(due)

    class Broken(Tell):
        def settle(self, connection: Any, result: dict[str, Any]) -> None:
            assert stored.latest(connection, job.project_id) is not None, "the row is there"
            raise OSError("the disk is gone")

    tell = Broken(due.store, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(OSError, match="the disk is gone"):
        handler_of("retrain")(due.store, job, tell)
    assert_nothing_was_written(due)

    def after_the_lease() -> datetime:
        return worker.utc_now() + 2 * worker.LEASE

    again = due.work_once(clock=after_the_lease)
    assert again is not None and (again.id, again.state) == (job.id, "done")
    assert [version.number for version in due.versions()] == [1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_workers_at_one_job_make_one_version(due: Rehearsal) -> None:
    """The first is slow, its lease ends, a second does the job; then the first wants to write."""
    job = claimed(due)

    class Slow(Tell):
        def __call__(self, progress: float, message: str = "") -> None:
            if message.startswith("Writing"):
                other = due.work_once(clock=lambda: worker.utc_now() + 2 * worker.LEASE)
                assert other is not None and (other.id, other.state) == (job.id, "done")
            super().__call__(progress, message)

    tell = Slow(due.store, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Cancelled):
        handler_of("retrain")(due.store, job, tell)
    assert [version.number for version in due.versions()] == [1]
    with due.store.read() as connection:
        assert len(stored.promotions(connection, due.project.id)) == 1
