"""Every registered metric agrees with scikit-learn and obeys the same properties."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from mlvajra_al.learning.evaluation import METRICS, evaluate

OF_CONFUSION = [name for name, metric in METRICS.items() if metric.of == "confusion"]
OF_PROBABILITIES = [name for name, metric in METRICS.items() if metric.of == "probabilities"]


def answers(k: int, n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(k, size=n, p=np.arange(1, k + 1)[::-1] / np.arange(1, k + 1).sum())
    scores = rng.normal(size=(n, k)) + 2 * np.eye(k)[truth]
    return truth, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def value(name: str, truth: np.ndarray, p: np.ndarray) -> float:
    k = p.shape[1]
    if METRICS[name].of == "confusion":
        counts = reference.confusion_matrix(truth, p.argmax(axis=1), labels=range(k))
        return float(METRICS[name].function(counts))
    return float(METRICS[name].function(np.eye(k)[truth], p, np.ones((1, len(p))))[0])


def expected(name: str, truth: np.ndarray, p: np.ndarray) -> float:
    hot, guess = np.eye(p.shape[1])[truth], p.argmax(axis=1)
    rare = 1 if p.shape[1] == 2 else None
    return {
        "accuracy": lambda: reference.accuracy_score(truth, guess),
        "macro F1": lambda: reference.f1_score(truth, guess, average="macro"),
        "log loss": lambda: reference.log_loss(truth, p),
        "Brier score": lambda: ((hot - p) ** 2).sum(axis=1).mean() / 2,
        "average precision": lambda: (
            reference.average_precision_score(truth == 1, p[:, 1])
            if rare
            else reference.average_precision_score(hot, p, average="macro")
        ),
    }[name]()


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_agree_with_scikit_learn(name: str, k: int) -> None:
    truth, p = answers(k)
    assert value(name, truth, p) == pytest.approx(expected(name, truth, p), abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_model_is_at_the_good_end_and_a_wrong_one_is_worse(name: str) -> None:
    truth, _ = answers(3)
    perfect, wrong = np.eye(3)[truth], np.eye(3)[(truth + 1) % 3]
    best, worst = value(name, truth, perfect), value(name, truth, wrong)
    assert best == pytest.approx(1.0 if METRICS[name].higher_is_better else 0.0, abs=1e-9)
    assert (best > worst) == METRICS[name].higher_is_better


@pytest.mark.parametrize("name", METRICS)
def test_order_of_samples_does_not_matter(name: str) -> None:
    truth, p = answers(3)
    order = np.random.default_rng(4).permutation(len(truth))
    assert value(name, truth[order], p[order]) == pytest.approx(value(name, truth, p))


@pytest.mark.parametrize("name", OF_CONFUSION)
def test_metrics_of_confusion_take_a_stack_of_tables(name: str) -> None:
    tables = np.random.default_rng(0).integers(1, 30, size=(7, 3, 3))
    stacked = METRICS[name].function(tables)
    assert stacked.shape == (7,)
    assert stacked[3] == pytest.approx(float(METRICS[name].function(tables[3])))


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_a_weight_of_two_is_the_sample_twice(name: str) -> None:
    truth, p = answers(2, n=60)
    weights = np.ones((1, 60))
    weights[0, :20] = 2
    weighted = METRICS[name].function(np.eye(2)[truth], p, weights)[0]
    twice_truth, twice = np.concatenate([truth, truth[:20]]), np.concatenate([p, p[:20]])
    if name == "average precision":
        rare = np.argmin(np.bincount(truth))
        assert weighted == pytest.approx(
            reference.average_precision_score(twice_truth == rare, twice[:, rare])
        )
    else:
        assert weighted == pytest.approx(value(name, twice_truth, twice))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_in_every_evaluation_within_its_interval(name: str) -> None:
    truth, p = answers(3)
    evaluation = evaluate(
        truth.astype(str), p, ["0", "1", "2"], rng=np.random.default_rng(0)
    )  # fmt: skip
    measure = next(m for m in evaluation.measures if m.name == name)
    assert measure.low <= measure.value <= measure.high
    assert measure.low < measure.high
    assert measure.n == 400
