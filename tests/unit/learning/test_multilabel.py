"""One yes-or-no model a label: continuing, constants, storage, measures and comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, hamming_loss

from mlvajra_al.errors import Invalid, NotEnoughLabels
from mlvajra_al.learning import explanation, multilabel_evaluation, persistence
from mlvajra_al.learning.multilabel import OneVsRest, indicators, train_each
from mlvajra_al.learning.sameness import same_bits
from mlvajra_al.records import EstimatorName

LABELS = ["art", "money", "sport"]


def data(n: int = 240, seed: int = 0) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    rng = np.random.default_rng(seed)
    X = np.abs(rng.normal(size=(n, 6)))
    has = X[:, :3] + 0.3 * rng.normal(size=(n, 3)) > 0.9
    return X, [tuple(np.array(LABELS)[row]) for row in has]


X, ANSWERS = data()
ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_learns_each_label_and_comes_back_from_storage(
    estimator: EstimatorName,
) -> None:
    model = train_each(estimator, X[:120], ANSWERS[:120], seed=1).model
    again = persistence.loads(persistence.dumps(model))
    assert same_bits(again, model)
    truth = indicators(ANSWERS[120:], LABELS)
    right = (model.predict(X[120:]) == truth).mean()
    assert right > np.maximum(truth.mean(axis=0), 1 - truth.mean(axis=0)).mean() - 0.1
    assert (again.predict_proba(X) == model.predict_proba(X)).all()


def test_warm_start_ends_where_a_full_fit_does() -> None:
    first = train_each("logistic_regression", X[:80], ANSWERS[:80], seed=1)
    new = np.arange(100) >= 80
    warm = train_each(
        "logistic_regression", X[:100], ANSWERS[:100], seed=1, previous=first.model, new=new
    )
    full = train_each("logistic_regression", X[:100], ANSWERS[:100], seed=1)
    assert (warm.mode, full.mode) == ("warm_start", "full")
    assert np.abs(warm.model.predict_proba(X) - full.model.predict_proba(X)).max() < 0.02


def test_a_label_that_appears_later_is_learned_from_everything() -> None:
    rare = [tuple(name for name in names if name != "art") for names in ANSWERS[:80]]
    first = train_each("complement_nb", X[:80], rare, seed=1)
    grown = [*rare, *ANSWERS[80:120]]
    new = np.arange(120) >= 80
    later = train_each("complement_nb", X[:120], grown, seed=1, previous=first.model, new=new)
    full = train_each("complement_nb", X[:120], grown, seed=1)
    assert first.model.classes_.tolist() == ["money", "sport"]
    assert later.model.classes_.tolist() == LABELS and later.mode == "partial_fit"
    assert np.allclose(later.model.predict_proba(X), full.model.predict_proba(X))


def test_a_label_that_all_samples_have_is_certain_until_one_has_it_not() -> None:
    answers = [("art", *names[:1]) if names[:1] != ("art",) else names for names in ANSWERS[:50]]
    model = train_each("logistic_regression", X[:50], answers, seed=1).model
    assert (model.predict_proba(X)[:, 0] == 1).all()
    assert explanation.output_labels(model) == ["money", "sport"]


def test_without_two_different_answers_there_is_nothing_to_learn() -> None:
    with pytest.raises(NotEnoughLabels, match="sport"):
        train_each("logistic_regression", X[:4], [("art",)] * 4, seed=1, labels=LABELS)
    with pytest.raises(NotEnoughLabels, match="without some label"):
        train_each("logistic_regression", X[:4], [("art", "sport")] * 4, seed=1)


@pytest.mark.parametrize("estimator", ["logistic_regression", "random_forest"])
def test_reasons_add_up_for_each_label(estimator: EstimatorName) -> None:
    model = train_each(estimator, X[:60], ANSWERS[:60], seed=1).model
    mean = explanation.mean_features(X)
    parts = explanation.contributions(model, X[:5], mean)
    assert [part.label for part in parts] == LABELS
    for part, one in zip(parts, model.models_, strict=True):
        total = part.base + np.asarray(part.values).sum(axis=1) + part.absent
        assert np.allclose(total, part.output, atol=1e-6)
        if estimator == "logistic_regression":
            assert np.allclose(part.output, one.decision_function(X[:5]))


def answered(seed: int = 3, n: int = 400, noise: float = 0.8) -> tuple[list[Any], np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 3)) < [0.5, 0.3, 0.2]
    p = 1 / (1 + np.exp(-(4 * truth - 2 + noise * rng.normal(size=truth.shape))))
    return [tuple(np.array(LABELS)[row]) for row in truth], p


def test_measures_are_those_of_scikit_learn() -> None:
    answers, p = answered(noise=2.0)
    truth, given = indicators(answers, LABELS), p >= 0.5
    found = multilabel_evaluation.evaluate(answers, p, LABELS, rng=np.random.default_rng(0))
    values = {measure.name: measure.value for measure in found.measures}
    assert values == pytest.approx(
        {
            "micro F1": f1_score(truth, given, average="micro"),
            "macro F1": f1_score(truth, given, average="macro"),
            "exact match": accuracy_score(truth, given),
            "Hamming loss": hamming_loss(truth, given),
            "average precision": average_precision_score(truth, p, average="macro"),
        }
    )
    assert found.headline.name == "micro F1" and found.confusion == ()
    assert [item.support for item in found.per_label] == truth.sum(axis=0).tolist()
    assert all(m.low <= m.value <= m.high for m in found.measures if m.low is not None)


def test_a_label_that_no_sample_has_counts_in_no_mean_over_labels() -> None:
    answers, p = answered()
    known = multilabel_evaluation.evaluate(answers, p, LABELS, rng=np.random.default_rng(0))
    wide = np.column_stack([p, np.full(len(p), 0.1)])
    more = multilabel_evaluation.evaluate(
        answers, wide, [*LABELS, "never"], rng=np.random.default_rng(0)
    )
    one, other = (next(m for m in e.measures if m.name == "macro F1") for e in (known, more))
    assert other.value == pytest.approx(one.value) and "never does not count" in other.note


def test_labels_that_go_wrong_together_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    truth = np.repeat(rng.random(200)[:, None] < 0.5, 3, axis=1)
    together = truth ^ (rng.random(200)[:, None] < 0.2)
    apart = truth ^ (rng.random((200, 3)) < 0.2)
    answers = [tuple(np.array(LABELS)[row]) for row in truth]
    widths = []
    for given in (together, apart):
        found = multilabel_evaluation.evaluate(
            answers, given.astype(float), LABELS, rng=np.random.default_rng(0)
        )
        assert found.headline.low is not None and found.headline.high is not None
        widths.append(found.headline.high - found.headline.low)
    assert widths[0] > 1.4 * widths[1]


def test_what_is_too_few_is_said_and_how_many_are_missing() -> None:
    answers, p = answered(n=12)
    few = multilabel_evaluation.evaluate(answers, p, LABELS, rng=np.random.default_rng(0))
    assert few.headline.note == "too few to say: 8 more samples needed"
    rare = [("art",), ()] * 15
    found = multilabel_evaluation.evaluate(rare, p[:1].repeat(30, 0), LABELS,
                                           rng=np.random.default_rng(0))  # fmt: skip
    assert found.headline.value is not None
    assert found.measures[1].note == "too few to say: 5 more of money, 5 more of sport needed"
    nothing = multilabel_evaluation.evaluate([], np.empty((0, 3)), LABELS,
                                             rng=np.random.default_rng(0))  # fmt: skip
    assert nothing.n == 0 and nothing.headline.value is None


def test_what_does_not_fit_the_label_set_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(Invalid, match="align them"):
        multilabel_evaluation.evaluate([()], [[0.5, 0.5]], LABELS, rng=rng)
    with pytest.raises(Invalid, match="not in the label set: music"):
        multilabel_evaluation.evaluate([("music",)], [[0.5, 0.5, 0.5]], LABELS, rng=rng)


def test_a_better_version_is_promoted_an_equal_one_is_not() -> None:
    answers, good = answered(n=300, noise=0.5)
    _, other = answered(n=300, noise=0.5)
    poor = np.where(np.random.default_rng(2).random(good.shape) < 0.3, 1 - good, good)
    settings: dict[str, Any] = {"alpha": 0.001, "champion": 1, "challenger": 2}
    better = multilabel_evaluation.compare(
        answers, poor, good, LABELS, rng=np.random.default_rng(0), **settings
    )
    assert better.better and better.nearer and better.advice.startswith("promote version 2")
    assert better.difference.low is not None and better.difference.low > 0
    worse = multilabel_evaluation.compare(
        answers, good, poor, LABELS, rng=np.random.default_rng(0), **settings
    )
    assert not worse.better and worse.advice.startswith("keep version 1")
    same = multilabel_evaluation.compare(
        answers, good, other, LABELS, rng=np.random.default_rng(0), **settings
    )
    assert same.advice.startswith("too close to say")


def test_that_two_agree_on_a_few_samples_does_not_prove_that_they_always_do() -> None:
    answers, p = answered(n=30)
    found = multilabel_evaluation.compare(
        answers, p, p, LABELS, rng=np.random.default_rng(0), alpha=0.001, champion=1, challenger=2
    )
    assert found.difference.value == 0
    assert found.difference.low is not None and found.difference.high is not None
    assert found.difference.low < -0.002 and found.difference.high > 0.002


def test_a_modal_learner_takes_it_as_its_estimator() -> None:
    truth = indicators(ANSWERS[:40], LABELS).astype(int)
    model = OneVsRest(LogisticRegression()).fit(X[:40], truth)
    assert model.predict(X[:3]).shape == (3, 3)
    never = OneVsRest(LogisticRegression())
    with pytest.raises(ValueError, match="class"):
        never.fit(X[:4], np.zeros((4, 2)))
