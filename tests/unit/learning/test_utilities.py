"""A number per sample, higher where its label would teach more; and where it comes from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse, stats
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

from mlvajra_al.learning.training import train
from mlvajra_al.learning.utilities import entropy, least_confident, margin, probabilities
from mlvajra_al.records import EstimatorName
from tests.unit.learning.test_training import ESTIMATORS

UTILITIES = [least_confident, margin, entropy]
TREES = ("random_forest", "hist_gradient_boosting")
FORMS = [
    (estimator, form)
    for estimator in ESTIMATORS
    for form in ("dense", "double", "sparse")
    if form != "sparse" or estimator not in TREES  # trees are given dense rows
]
weights = st.tuples(st.integers(1, 8), st.integers(2, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=32))
)


def shares(of: np.ndarray) -> np.ndarray:
    """Return rows that add up to one."""
    return (of + 1e-9) / (of + 1e-9).sum(axis=1, keepdims=True)


@given(weights)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_utilities_are_what_their_definitions_say(of: np.ndarray) -> None:
    p = shares(of)
    ordered = np.sort(p, axis=1)
    assert least_confident(p) == pytest.approx(1 - ordered[:, -1])
    assert margin(p) == pytest.approx(1 - (ordered[:, -1] - ordered[:, -2]), abs=1e-9)
    assert entropy(p) == pytest.approx(stats.entropy(p, axis=1), abs=1e-6)


@given(weights)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_utilities_lie_between_certainty_and_a_tie_of_all(of: np.ndarray) -> None:
    p = shares(of)
    k = p.shape[1]
    assert np.all((least_confident(p) >= -1e-12) & (least_confident(p) <= 1 - 1 / k + 1e-12))
    assert np.all((margin(p) >= -1e-12) & (margin(p) <= 1 + 1e-12))
    assert np.all((entropy(p) >= -1e-12) & (entropy(p) <= np.log(k) + 1e-12))


@given(weights, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_order_of_labels_does_not_matter(of: np.ndarray, random: object) -> None:
    p = shares(of)
    order = list(range(p.shape[1]))
    random.shuffle(order)
    for utility in UTILITIES:
        assert utility(p[:, order]) == pytest.approx(utility(p), abs=1e-12)


@pytest.mark.parametrize("utility", UTILITIES)
@pytest.mark.parametrize("labels", [2, 3, 10])
def test_nothing_is_to_be_learned_from_certainty_and_most_from_a_tie(utility, labels: int) -> None:
    sure, torn = np.eye(labels)[:1], np.full((1, labels), 1 / labels)
    leaning = (sure + torn) / 2
    assert utility(sure)[0] == pytest.approx(0)
    assert utility(sure)[0] < utility(leaning)[0] < utility(torn)[0]


@pytest.mark.parametrize("utility", UTILITIES)
def test_inputs_stay_as_they_are_and_precision_is_kept(utility) -> None:
    p = np.array([[0.2, 0.8], [0.5, 0.5]], dtype=np.float32)
    before = p.copy()
    assert utility(p).dtype == np.float32
    assert (p == before).all()


@pytest.mark.parametrize("utility", UTILITIES)
def test_no_samples_have_no_utilities(utility) -> None:
    assert utility(np.empty((0, 3))).shape == (0,)


def rows(labels: int, n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(labels)
    y = rng.integers(0, labels, size=n)
    X = np.clip(rng.normal(size=(n, 6)) + 3 + np.eye(labels, 6)[y] * 2, 0, None)
    return X.astype(np.float32), np.array(["a", "b", "c", "d"])[y]


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize(("estimator", "form"), FORMS)
def test_probabilities_are_the_models_own(estimator: EstimatorName, form: str, labels: int) -> None:
    X, y = rows(labels)
    given = {"dense": X, "double": X.astype(np.float64), "sparse": sparse.csr_matrix(X)}[form]
    model = train(estimator, given, y, seed=0).model
    found = probabilities(model, given)
    assert found.shape == (90, labels)
    assert found == pytest.approx(model.predict_proba(given), abs=2e-5)
    assert found.sum(axis=1) == pytest.approx(np.ones(90), abs=1e-5)
    if estimator != "sgd":  # whose probabilities of several labels are often all 0 or 1
        assert (model.classes_[found.argmax(axis=1)] == model.predict(given)).mean() > 0.98


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("model", [RidgeClassifier(), LinearSVC(), SGDClassifier(random_state=0)])
def test_decisions_keep_their_order_as_probabilities(model, labels: int) -> None:
    X, y = rows(labels)
    fitted = model.fit(X.astype(np.float64), y)
    found = probabilities(fitted, X.astype(np.float64))
    assert found.shape == (90, labels)
    assert found.sum(axis=1) == pytest.approx(np.ones(90))
    assert (fitted.classes_[found.argmax(axis=1)] == fitted.predict(X.astype(np.float64))).all()


def test_float32_is_enough_for_a_logistic_regression_and_stays_float32() -> None:
    X, y = rows(3)
    assert probabilities(LogisticRegression().fit(X, y), X).dtype == np.float32


@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_huge_values_overflow_nothing(scale: float) -> None:
    X, y = rows(3)
    model = LogisticRegression(max_iter=5_000).fit(X, y)
    found = probabilities(model, X * np.float32(scale))
    assert np.isfinite(found).all() and found.sum(axis=1) == pytest.approx(np.ones(90), abs=1e-5)


def test_rows_without_a_single_value_are_answered() -> None:
    X, y = rows(3)
    empty = sparse.csr_matrix((5, 6), dtype=np.float32)
    for model in (LogisticRegression().fit(X, y), ComplementNB().fit(X, y)):
        assert np.isfinite(probabilities(model, empty)).all()
