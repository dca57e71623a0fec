"""A played oracle: every round adds a batch nobody asked before, and is judged elsewhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

from mlvajra_al.learning.simulation import (
    Split,
    Turn,
    by_estimator,
    by_strategy,
    full_score,
    labels_to,
    micro_f1,
    rounds,
    sets,
    split,
)
from mlvajra_al.learning.strategies import MULTILABEL, STRATEGIES, Ranking

FIT = by_estimator("logistic_regression", seed=0)


def parts(seed: int = 0, form=np.asarray) -> Split:
    rng = np.random.default_rng(seed)
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    X = rng.normal(size=(90, 4)) + np.eye(3, 4)[np.arange(90) % 3] * 4
    return split(form(X.astype(np.float32)), y, pool=0.7, rng=rng)


def curve(strategy: str, seed: int = 0, given: Split | None = None, batch: int = 8) -> list:
    rng = np.random.default_rng(seed)
    played = rounds(given or parts(), by_strategy(strategy), fit=FIT, batch_size=batch, rng=rng)
    return list(itertools.islice(played, 3))


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_every_strategy_can_be_played_from_zero_labels_and_again_the_same(strategy: str) -> None:
    one, other = curve(strategy), curve(strategy)
    assert one == other
    assert [each.labels for each in one] == [8, 16, 24]
    assert one[-1].score > 0.6


@pytest.mark.parametrize("strategy", ["auto", *MULTILABEL])
def test_strategies_for_several_labels_are_played_from_zero_too(strategy: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    given = sets([np.array(["a", "b", "c"])[row[:3] > 0].tolist() for row in X])
    drawn = split(X, given, pool=0.7, rng=rng)
    fit = by_estimator("logistic_regression", seed=0, multilabel=True)
    full = full_score(drawn, fit, micro_f1)

    def play() -> list:
        played = rounds(
            drawn, by_strategy(strategy), fit=fit, batch_size=8,
            rng=np.random.default_rng(1), score=micro_f1,
        )  # fmt: skip
        return list(itertools.islice(played, 5))

    one = play()
    assert one == play()
    assert full > 0.9 and 0.7 * full < one[-1].score <= 1


@pytest.mark.parametrize(
    ("strategy", "first"), [("margin", "cold_start"), ("typiclust", "typiclust")]
)
def test_a_game_starts_as_a_project_does(strategy: str, first: str) -> None:
    assert [one.strategy for one in curve(strategy)[:2]] == [first, strategy]


def test_micro_f1_counts_labels_and_not_samples() -> None:
    truth = sets([("a", "b"), (), ("c",)])
    assert micro_f1(truth, truth) == 1
    assert micro_f1(sets([(), ()]), sets([(), ()])) == 1
    assert micro_f1(truth, sets([("a",), ("c",), ()])) == pytest.approx(2 * 1 / (2 * 1 + 1 + 2))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_pool_and_test_rows_have_nothing_in_common(form) -> None:
    numbered = split(form(np.arange(40.0)[:, None]), np.arange(40), pool=0.7, rng=_rng())
    assert sorted([*numbered.y_pool, *numbered.y_test]) == list(range(40))
    assert len(numbered.y_pool) == 28


def test_a_round_ends_with_the_last_of_the_pool_and_asks_each_once() -> None:
    asked: list[int] = []

    def ask(turn: Turn) -> Ranking:
        ranking = by_strategy("auto")(turn)
        asked.extend(ranking.positions.tolist())
        assert turn.labels.tolist() == given.y_pool[turn.labelled].tolist()
        return ranking

    given = parts()
    played = list(rounds(given, ask, fit=FIT, batch_size=20, rng=_rng()))
    assert [one.labels for one in played] == [20, 40, 60, 63]
    assert sorted(asked) == list(range(63))
    assert played[-1].score == pytest.approx(full_score(given, FIT))


def test_without_two_labels_there_is_no_model_and_no_score_yet() -> None:
    given = parts()
    one_label = Split(given.X_pool, np.array(["a"] * 63), given.X_test, given.y_test)
    played = curve("margin", given=one_label)
    assert [(one.score, one.strategy) for one in played] == [(0.0, "cold_start")] * 3
    assert {one.strategy for one in curve("auto", given=one_label)} == {"cold_start"}


@pytest.mark.parametrize(("wanted", "expected"), [(0.0, 8), (2.0, None)])
def test_labels_to_a_score(wanted: float, expected: int | None) -> None:
    assert labels_to(curve("random"), wanted) == expected


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)
