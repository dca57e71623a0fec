"""Measures equal scikit-learn's on any table of counts, and cope with what is empty."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from mlvajra_al.learning import metrics

tables = st.integers(2, 5).flatmap(lambda k: arrays(np.int64, (k, k), elements=st.integers(0, 12)))


def said(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and answers that a table of counts is made of."""
    k = len(confusion)
    pairs = [(t, a) for t in range(k) for a in range(k) for _ in range(confusion[t, a])]
    return tuple(np.array(pairs, dtype=int).reshape(-1, 2).T)


@given(tables)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_counts_give_what_scikit_learn_gives(confusion: np.ndarray) -> None:
    truth, answers = said(confusion)
    if not len(truth):
        assert metrics.accuracy(confusion) == 0 and metrics.macro_f1(confusion) == 0
        return
    each = {"labels": range(len(confusion)), "average": None, "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics.precision(confusion) == pytest.approx(
            reference.precision_score(truth, answers, **each)
        )
        assert metrics.recall(confusion) == pytest.approx(
            reference.recall_score(truth, answers, **each)
        )
        f1 = reference.f1_score(truth, answers, **each)
    assert metrics.f1(confusion) == pytest.approx(f1)
    assert metrics.macro_f1(confusion) == pytest.approx(f1.mean())
    assert metrics.accuracy(confusion) == pytest.approx(reference.accuracy_score(truth, answers))


@given(tables)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_all_lie_between_0_and_1_and_counts_in_units_of_ten_change_nothing(table) -> None:
    for measure in (metrics.precision, metrics.recall, metrics.f1, metrics.accuracy):
        assert np.all((measure(table) >= 0) & (measure(table) <= 1))
        assert measure(table * 10) == pytest.approx(measure(table))


@given(st.integers(2, 4), st.integers(5, 40), st.integers(0, 100))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_probabilities_give_what_scikit_learn_gives(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(k), rng.integers(0, k, size=n)])
    p = np.round(rng.dirichlet(np.ones(k), size=len(truth)), 2) + 1e-6
    p /= p.sum(axis=1, keepdims=True)
    hot, once = np.eye(k)[truth], np.ones((1, len(truth)))
    assert metrics.log_loss(hot, p, once)[0] == pytest.approx(
        reference.log_loss(truth, p, labels=range(k))
    )
    assert metrics.brier(hot, p, once)[0] == pytest.approx(((hot - p) ** 2).sum(axis=1).mean() / 2)
    columns = [metrics.rarer(hot.sum(axis=0))] if k == 2 else range(k)
    expected = np.mean([reference.average_precision_score(hot[:, c], p[:, c]) for c in columns])
    assert metrics.average_precision(hot, p, once)[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["log loss", "Brier score", "average precision"])
def test_weights_of_several_draws_are_taken_one_by_one(name: str) -> None:
    rng = np.random.default_rng(0)
    truth, p = np.eye(3)[rng.integers(0, 3, 50)], rng.dirichlet(np.ones(3), size=50)
    weights = rng.integers(0, 4, size=(6, 50)).astype(float)
    function = metrics.METRICS[name].function
    together = function(truth, p, weights)
    assert together == pytest.approx([function(truth, p, row[None, :])[0] for row in weights])


def test_a_certain_mistake_costs_much_but_not_everything() -> None:
    cost = metrics.log_loss(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.ones((1, 1)))
    assert cost[0] == pytest.approx(-np.log(metrics.EPSILON))


@pytest.mark.parametrize(
    ("support", "place"), [([1, 2], 0), ([2, 1], 1), ([2, 2], 1), ([0, 0], 1), ([0, 5], 0)]
)
def test_of_two_labels_the_rarer_is_the_one_that_is_judged(support: list[int], place: int) -> None:
    assert metrics.rarer(np.array(support)) == place


def test_a_label_nobody_gave_does_not_count_in_the_mean_of_several() -> None:
    truth = np.eye(3)[[0, 0, 1, 1]]
    p = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    assert metrics.average_precision(truth, p, np.ones((1, 4)))[0] == 1.0
