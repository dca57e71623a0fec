"""What pages show beside the rail, from both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import numpy as np
import pytest

from mlvajra_al.errors import NotAllowed, NotFound
from mlvajra_al.learning import borrowed
from mlvajra_al.learning.strategies import STRATEGIES
from mlvajra_al.records import EstimatorName, Job, SampleExplanation
from mlvajra_al.services import claiming, importing, labelling, overview
from mlvajra_al.store import processes
from mlvajra_al.store import projects as stored
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_draft, a_person, a_project, an_answer, rank

JOB = Job(1, 1, "predict", "done", {}, 1.0, "", None, None, 1, None, NOW, NOW, NOW)


def answered(store: Store, count: int) -> None:
    """Let one person answer `count` samples of the project spam, a minute apart."""
    person = a_person(store)
    rng = np.random.default_rng(0)
    for minute in range(count):
        at = NOW + timedelta(minutes=minute)
        (claim,) = claiming.claim(store, person, "spam", n=1, now=at, lease=LEASE, rng=rng)
        answer = replace(an_answer(claim), elapsed_ms=2_000)
        labelling.record(store, person, "spam", answers=[answer], now=at, lease=LEASE)


def test_every_strategy_that_exists_is_described_and_no_other() -> None:
    assert set(overview.STRATEGIES) == {"auto", *STRATEGIES}
    assert set(overview.EXTRA) == set(borrowed.NAMES)


def test_every_estimator_that_exists_is_described_and_no_other() -> None:
    assert set(overview.ESTIMATORS) == set(get_args(EstimatorName))


def test_a_worker_is_alive_while_its_pulse_is_fresh(store: Store) -> None:
    assert overview.worker_seen(store, now=NOW) == (False, None)
    with store.begin() as connection:
        processes.report(connection, "w1", kind="worker", started_at=NOW, now=NOW, doing="retrain")
    assert overview.worker_seen(store, now=NOW + processes.SILENT) == (True, NOW)
    late = NOW + processes.SILENT + timedelta(seconds=1)
    assert overview.worker_seen(store, now=late) == (False, NOW)


def test_answers_are_found_by_words_of_their_samples_however_long_ago(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "SEARCHED", 2)
    rank(store, a_project(store), 10)
    answered(store, 10)
    every = overview.recent_answers(store, None, "spam")
    oldest = every[-1].sample_key
    words = f" NUMBER {oldest.removeprefix('p')}"
    found = overview.recent_answers(store, None, "spam", text=words)
    assert [item.sample_key for item in found] == [oldest]
    assert overview.recent_answers(store, None, "spam", text=oldest) == found
    assert overview.recent_answers(store, None, "spam", text="text number", limit=3) == every[:3]
    assert overview.recent_answers(store, None, "spam", text="nothing of it") == ()


def test_what_people_say_of_a_sample_is_resolved_and_for_reviewers(store: Store) -> None:
    rank(store, a_project(store), 3)
    answered(store, 1)
    (said,) = overview.recent_answers(store, None, "spam")
    reviewer = a_person(store, "Rita", role="reviewer")
    assert overview.gold_of(store, reviewer, "spam", said.sample_key) == said.label
    assert overview.gold_of(store, reviewer, "spam", "p9") is None
    with pytest.raises(NotAllowed):
        overview.gold_of(store, a_person(store, "Anna"), "spam", said.sample_key)


def test_the_rate_counts_every_answer_once(store: Store) -> None:
    rank(store, a_project(store), 10)
    answered(store, 10)
    rate = overview.answer_rate(store, None, "spam", now=NOW + timedelta(minutes=90))
    assert sum(count for _, count in rate.counts) == 10
    assert rate.last_hour == 0
    assert rate.seconds == 2.0
    assert rate.period == timedelta(minutes=5)
    assert len(rate.counts) <= overview.MOST_BARS
    starts = [start for start, _ in rate.counts]
    assert starts == sorted(starts)


def test_the_rate_of_a_project_without_answers_is_nothing(store: Store) -> None:
    a_project(store)
    rate = overview.answer_rate(store, None, "spam", now=NOW)
    assert (sum(count for _, count in rate.counts), rate.seconds) == (0, None)


def test_what_is_asked_next_leaves_out_what_is_claimed(store: Store) -> None:
    keys = rank(store, a_project(store), 4)
    answered(store, 1)
    assert [item.sample_key for item in overview.next_asked(store, None, "spam")] == keys[1:]


def test_recent_answers_are_the_newest_first(store: Store) -> None:
    keys = rank(store, a_project(store), 3)
    answered(store, 3)
    recent = overview.recent_answers(store, None, "spam", limit=2)
    assert [item.sample_key for item in recent] == [keys[2], keys[1]]


def test_a_sample_is_shown_by_its_key_and_a_wrong_key_is_refused(store: Store) -> None:
    keys = rank(store, a_project(store), 2)
    sample = overview.sample(store, None, "spam", keys[1])
    assert sample.card["blocks"][0]["kind"] == "text"
    assert set(sample.row) == {"body"}
    words = overview.beginnings(store, None, "spam", [0, 1])
    assert len(words) == 2
    with pytest.raises(NotFound):
        overview.sample(store, None, "spam", "nobody")


def test_a_row_that_is_not_in_the_pool_has_a_card_too(store: Store) -> None:
    a_project(store)
    card = overview.card_of(store, None, "spam", {"body": "typed"})
    assert card["blocks"][0]["text"] == "typed"


def test_the_columns_offered_to_a_recipe_hold_no_answers(store: Store) -> None:
    draft = replace(a_draft(), gold_column="body")
    with store.begin() as connection:
        project = stored.create(connection, draft)
    rank(store, project, 1)
    assert "body" not in overview.pool_columns(store, None, "spam")
    assert sum(shard.rows for shard in overview.imports(store, None, "spam")) == 1


@pytest.mark.parametrize(
    "name", ["../mlvajra.db", "a/b.csv", "0" * 32 + "/../x", "0" * 32 + "/.hidden", ""]
)
def test_an_upload_is_found_by_its_own_id_only(store: Store, name: str) -> None:
    folder = store.home / "uploads" / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / "good.csv").write_text("a\n1\n")
    assert importing.uploaded(store, f"{'0' * 32}/good.csv") == folder / "good.csv"
    with pytest.raises(NotFound):
        importing.uploaded(store, name)


def test_answers_to_typed_rows_come_with_their_reasons() -> None:
    why = SampleExplanation(3, "", "spam", {"spam": 0.9, "ham": 0.1}, ())
    result = {
        "version": 3,
        "predictions": [
            {"label": "spam", "probabilities": {"spam": 0.9}, "explanation": dump(why)},
            {"label": "ham", "probabilities": {"ham": 1.0}, "explanation": None},
        ],
    }
    first, second = overview.answers_of(replace(JOB, result=result))
    assert first.explanation == why
    assert (second.label, second.explanation) == ("ham", None)
    assert overview.answers_of(JOB) == ()
