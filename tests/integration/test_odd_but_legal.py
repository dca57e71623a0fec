"""What seldom happens and is allowed: other answers count, columns disagree, the pool runs out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al import worker
from mlvajra_al.learning.agreement import agreement
from mlvajra_al.records import NOTHING_LEFT, Answer, Column, Person, Policy, Progress, Recipe
from mlvajra_al.services import advice, claiming, importing, labelling, reviewing, training
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.jobs import examining, ingesting, warm
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.progress import progress
from mlvajra_al.services.resolving import gold
from mlvajra_al.services.reviewing import Decision
from mlvajra_al.store import projects
from mlvajra_al.store.database import Store
from tests.factories import a_person
from tests.rehearsal import LEASE, Rehearsal

WORDS = {"ham": "meeting lunch", "spam": "pills loan"}
OTHER = {"ham": "spam", "spam": "ham"}
ALONE = Policy(retrain_every=1_000, holdout_share=0.0, holdout_rate=0.0)


def rows(n: int) -> dict[str, list[str]]:
    labels = ["ham" if place % 2 else "spam" for place in range(n)]
    return {
        "id": [f"k{place}" for place in range(n)],
        "body": [f"{WORDS[label]} w{place % 7}" for place, label in enumerate(labels)],
        "label": labels,
        "other": [OTHER[label] for label in labels],
    }


def begin(
    store: Store, folder: Path, content: dict[str, list[Any]], policy: Policy, **recipe: Any
) -> Rehearsal:
    """Import a pool and do what that brings."""
    loop = draft(store, folder, content, policy, **recipe)
    loop.work()
    return loop


def draft(
    store: Store, folder: Path, content: dict[str, list[Any]], policy: Policy, **recipe: Any
) -> Rehearsal:
    source = folder / "texts.parquet"
    pq.write_table(pa.table(content), source)
    drafted = project_services.draft(
        "texts",
        labels=make_labels(["ham", "spam"]),
        recipe=Recipe((Column("body", "text"),), **recipe),
        now=worker.utc_now(),
        seed=3,
    )
    project = replace(drafted, policy=policy, key_column="id")
    return Rehearsal.begin(store, project, source=source)


def say(loop: Rehearsal, person: Person, place: int, label: str) -> None:
    answer = Answer(str(uuid4()), f"k{place}", "answer", label)
    labelling.record(
        loop.store, person, "texts", answers=[answer], now=worker.utc_now(), lease=LEASE
    )


def ask_for_labels(loop: Rehearsal, folder: Path, column: str) -> None:
    importing.start_import(
        loop.store, loop.admin, "texts", uri=folder / "texts.parquet", labels_from=column,
        now=worker.utc_now(),
    )  # fmt: skip


def import_labels(loop: Rehearsal, folder: Path, column: str) -> None:
    ask_for_labels(loop, folder, column)
    loop.work()


def retrained(loop: Rehearsal) -> Any:
    training.request_retrain(
        loop.store, loop.admin, "texts", mode="incremental", now=worker.utc_now()
    )
    loop.work()
    return loop.versions()[-1]


def test_answers_that_count_since_the_overlap_was_lowered_are_learned(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(60), replace(ALONE, overlap=3), estimator="complement_nb")
    bob = a_person(store, "Bob")
    for place in range(40):
        label = "ham" if place % 2 else "spam"
        say(loop, loop.admin, place, label)
        say(loop, bob, place, label if place < 10 else OTHER[label])
    assert retrained(loop).n_labels == 10
    project_services.change_policy(
        store, loop.admin, "texts", changes={"overlap": 1}, now=worker.utc_now()
    )
    say(loop, loop.admin, 45, "ham")
    newest = retrained(loop)
    model = warm.estimator(store.home, newest.estimator)
    assert (newest.n_labels, newest.mode) == (41, "full")
    assert sum(model.class_count_) == 41


def test_a_held_out_sample_that_is_asked_about_again_stays_held_out(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(60), replace(ALONE, holdout_share=0.3))
    for column in ("label", "other"):
        import_labels(loop, tmp_path, column)
    with store.read() as connection:
        project = projects.get(connection, loop.project.id)
        pool = labelling.project_pool(store, connection, project)
    [held] = np.flatnonzero(pool.holdout(project.holdout_threshold))[:1]
    (key,) = pool.keys([held])
    reviewing.decide(
        store, loop.admin, "texts", decision=Decision(key, "ask_again"), now=worker.utc_now(),
        lease=LEASE,
    )  # fmt: skip
    bob = a_person(store, "Bob")
    while True:
        claims = claiming.claim(
            store, bob, "texts", n=20, now=worker.utc_now(), lease=LEASE, rng=loop.rng
        )
        mine = [claim for claim in claims if claim.sample_key == key]
        if mine or not claims:
            break
    assert mine and mine[0].why.holdout
    answer = Answer(str(uuid4()), key, "answer", "ham", claim_id=mine[0].id)
    labelling.record(store, bob, "texts", answers=[answer], now=worker.utc_now(), lease=LEASE)
    with store.read() as connection:
        learned, judged = gold(connection, project)
    assert key not in {item.sample_key for item in learned}
    assert key in {item.sample_key for item in judged}


def test_two_columns_of_one_file_are_two_people_who_may_disagree(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(40), ALONE)
    for column in ("label", "other"):
        import_labels(loop, tmp_path, column)
    with store.read() as connection:
        seen = examining._seen(store, connection, loop.project.id, now=worker.utc_now())
    found = agreement(examining._independent(seen), rng=np.random.default_rng(0))
    assert found.people == 2
    [pair] = found.pairs
    assert {pair.one, pair.other} == {"import: label", "import: other"} and pair.same == 0


def test_labelled_texts_without_a_known_word_make_a_model_all_the_same(
    store: Store, tmp_path: Path
) -> None:
    content = rows(40)
    content["body"][:2] = ["unheard", "unseen"]
    loop = begin(store, tmp_path, content, replace(ALONE, retrain_every=2))
    say(loop, loop.admin, 0, "spam")
    say(loop, loop.admin, 1, "ham")
    jobs = loop.work()
    assert {job.state for job in jobs} == {"done"}
    assert [version.n_labels for version in loop.versions()] == [2]


def test_the_last_answers_of_a_pool_are_learned_and_the_rail_says_so(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(15), replace(ALONE, retrain_every=6))
    for place in range(15):
        say(loop, loop.admin, place, "ham" if place % 2 else "spam")
        loop.work()
    assert [version.n_labels for version in loop.versions()] == [6, 12, 15]
    assert loop.versions()[-1].trigger == "the last answers"
    state = progress(store, loop.admin, "texts", now=worker.utc_now())
    assert (state.left, state.loop_state) == (0, "done")
    assert state.loop_message == "All 15 samples are answered: import more to go on."
    told = advice.newest(store, loop.admin, "texts")
    assert told is not None and told.action == "stop"


def test_a_pool_smaller_than_a_retrain_takes_promises_no_more_answers_than_it_has(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(8), replace(ALONE, retrain_every=20))

    def rail() -> Progress:
        return progress(store, loop.admin, "texts", now=worker.utc_now())

    assert (rail().until_retrain, rail().retrain_every) == (8, 8)
    for place in range(7):
        say(loop, loop.admin, place, "ham" if place % 2 else "spam")
    assert (rail().until_retrain, rail().retrain_every) == (1, 8)
    assert rail().loop_message == "1 answer until the next retrain."
    say(loop, loop.admin, 7, "ham")
    loop.work()
    assert rail().until_retrain == 0
    assert rail().loop_message == "All 8 samples are answered: import more to go on."
    assert loop.versions()[-1].asks == "Nothing is left to ask."


def test_a_finished_pool_of_one_label_says_how_a_model_becomes_possible(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(3), ALONE)
    for place in range(3):
        say(loop, loop.admin, place, "ham")
    loop.work()
    state = progress(store, loop.admin, "texts", now=worker.utc_now())
    assert (state.loop_state, state.until_retrain) == ("needs_labels", 0)
    assert state.loop_message == (
        "All 3 samples are answered, but the model needs an example of: spam. "
        "Import more samples, or change an answer."
    )
    say(loop, loop.admin, 0, "spam")
    loop.work()
    assert len(loop.versions()) == 1, "an answer that is changed is a way on"


def test_a_finished_pool_in_which_nobody_agrees_sends_to_the_review(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(2), replace(ALONE, overlap=2))
    other = a_person(store, "Bob")
    for place in range(2):
        say(loop, loop.admin, place, "ham")
        say(loop, other, place, "spam")
    loop.work()
    state = progress(store, loop.admin, "texts", now=worker.utc_now())
    assert state.loop_message == (
        "All 2 samples are answered, but the model needs examples of at least two labels. "
        "Import more samples, or decide what waits for review."
    )


def test_advice_to_go_on_ends_with_the_pool(store: Store, tmp_path: Path) -> None:
    loop = begin(store, tmp_path, rows(12), replace(ALONE, retrain_every=6))
    for place in range(6):
        say(loop, loop.admin, place, "ham" if place % 2 else "spam")
    loop.work()
    told = advice.newest(store, loop.admin, "texts")
    assert told is not None
    assert told.words == "Too little is left to say when to stop: label the last 6 samples."
    for place in range(6, 12):
        last = Answer(str(uuid4()), f"k{place}", "flag", comment="?")
        labelling.record(
            store, loop.admin, "texts", answers=[last], now=worker.utc_now(), lease=LEASE
        )
    told = advice.newest(store, loop.admin, "texts")
    assert told is not None and (told.version, told.action) == (1, "stop")
    assert told.words == NOTHING_LEFT


def test_a_skip_may_be_the_last_of_a_pool(store: Store, tmp_path: Path) -> None:
    loop = begin(store, tmp_path, rows(6), ALONE)
    for place in range(5):
        say(loop, loop.admin, place, "ham" if place % 2 else "spam")
    assert not loop.work()
    last = Answer(str(uuid4()), "k5", "flag", comment="?")
    labelling.record(store, loop.admin, "texts", answers=[last], now=worker.utc_now(), lease=LEASE)
    loop.work()
    assert [version.n_labels for version in loop.versions()] == [5]


def test_where_three_answers_are_wanted_one_of_each_is_no_reason_to_stop(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(15), replace(ALONE, overlap=3, retrain_every=5))
    for place in range(15):
        say(loop, loop.admin, place, "ham" if place % 2 else "spam")
    loop.work()
    told = advice.newest(store, loop.admin, "texts")
    assert told is not None and "nothing left to ask" not in told.words
    assert progress(store, loop.admin, "texts", now=worker.utc_now()).loop_state == "waiting"


def test_a_pool_that_would_be_held_out_whole_is_refused(store: Store, tmp_path: Path) -> None:
    loop = draft(store, tmp_path, rows(1), replace(ALONE, holdout_share=0.9))
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    assert "all of 1 samples would be held out for tests" in (job.error or "")


def test_a_label_that_is_waited_for_counts_while_another_retrain_runs(
    store: Store, tmp_path: Path
) -> None:
    loop = begin(store, tmp_path, rows(60), replace(ALONE, retrain_every=5))
    for place in range(1, 12, 2):
        say(loop, loop.admin, place, "ham")
    loop.work()
    assert not loop.versions()
    for place in range(13, 23, 2):
        say(loop, loop.admin, place, "ham")
    queued = training.jobs_of(store, loop.admin, "texts", kinds=("retrain",))[0]
    assert queued.state == "queued"
    say(loop, loop.admin, 0, "spam")
    with store.read() as connection:
        assert projects.outlook(connection, loop.project.id).answers == 0
    loop.work()
    assert [version.n_labels for version in loop.versions()] == [12]


def test_labels_that_were_stored_before_an_import_was_repeated_are_learned(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = begin(store, tmp_path, rows(60), replace(ALONE, retrain_every=20))
    settle = ingesting._settle

    def lost(*_: Any) -> None:
        monkeypatch.setattr(ingesting, "_settle", settle)
        raise RuntimeError("the machine has gone")

    monkeypatch.setattr(ingesting, "LABELS_AT_ONCE", 10)
    monkeypatch.setattr(ingesting, "_settle", lost)
    ask_for_labels(loop, tmp_path, "label")
    job = loop.work_once()
    assert job is not None and job.state == "failed"
    state = progress(store, loop.admin, "texts", now=worker.utc_now())
    assert (state.answered, state.version) == (60, None)
    import_labels(loop, tmp_path, "label")
    assert loop.versions()[-1].n_labels == 60
