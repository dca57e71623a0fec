"""Full fits, warm starts and real increments, all repeatable to the bit."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.pipeline import build_estimator
from mlvajra_al.learning.training import drift, train
from mlvajra_al.records import EstimatorName

ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip


def samples(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 6)).astype(np.float32)
    return X, np.where(X[:, 0] + X[:, 1] > 1, "spam", "ham")


def wide(n: int = 80, columns: int = 500) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(1)
    X = sparse.random(n, columns, density=0.02, format="csr", dtype=np.float32, rng=rng)
    return X, np.where(np.asarray(X[:, :250].sum(axis=1)).ravel() > X.sum() / n / 2, "a", "b")


@pytest.mark.parametrize("estimator", ["logistic_regression", "sgd", "complement_nb"])
def test_the_same_input_and_seed_give_the_same_bits(estimator: EstimatorName) -> None:
    X, y = samples()
    new = np.arange(60) >= 40
    blobs = set()
    for _ in range(2):
        first = train(estimator, X[:40], y[:40], seed=7).model
        second = train(estimator, X, y, seed=7, previous=first, new=new).model
        blobs.add(second.predict_proba(X).tobytes())
    assert len(blobs) == 1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_says_how_it_learned(estimator: EstimatorName) -> None:
    X, y = samples(30)
    model = build_and_train(estimator, X, y)
    again = train(estimator, X, y, seed=0, previous=model, new=np.arange(30) >= 25)
    expected = {"logistic_regression": "warm_start", "sgd": "partial_fit",
                "complement_nb": "partial_fit"}  # fmt: skip
    assert again.mode == expected.get(estimator, "full")
    assert again.model.score(X, y) > 0.6


def build_and_train(estimator: EstimatorName, X: np.ndarray, y: np.ndarray) -> object:
    return train(estimator, X, y, seed=0).model


def test_fitting_on_the_columns_that_occur_is_exact_and_leaves_a_plain_model() -> None:
    X, y = wide()
    found = train("logistic_regression", X, y, seed=0).model
    full = build_estimator("logistic_regression", seed=0).set_params(tol=found.tol)
    full.fit(X.astype(np.float64), y)
    assert type(found) is LogisticRegression and not found.warm_start
    assert np.abs(found.coef_ - full.coef_).max() < 1e-12
    assert found.n_features_in_ == 500
    assert np.allclose(found.predict_proba(X), full.predict_proba(X))


def test_a_warm_start_ends_where_a_full_fit_does() -> None:
    X, y = wide()
    first = train("logistic_regression", X[:50], y[:50], seed=0).model
    warm = train("logistic_regression", X, y, seed=0, previous=first)
    full = train("logistic_regression", X, y, seed=0)
    assert warm.mode == "warm_start"
    assert np.abs(warm.model.predict_proba(X) - full.model.predict_proba(X)).max() < 5e-3


def test_the_previous_model_is_left_as_it_was() -> None:
    X, y = samples()
    first = train("sgd", X[:40], y[:40], seed=0).model
    before = first.coef_.copy()
    train("sgd", X, y, seed=0, previous=first, new=np.arange(60) >= 40)
    assert (first.coef_ == before).all()


def test_sgd_with_replay_keeps_what_it_knew() -> None:
    X, y = samples(400)
    first = train("sgd", X[:380], y[:380], seed=0).model
    order = np.argsort(y == "spam", kind="stable")
    one_sided = np.setdiff1d(order[-20:], np.arange(380))
    new = np.isin(np.arange(400), one_sided)
    later = train("sgd", X, y, seed=0, previous=first, new=new).model
    assert later.score(X, y) > first.score(X, y) - 0.1


def test_naive_bayes_by_increments_equals_naive_bayes_at_once() -> None:
    X, y = samples()
    first = train("complement_nb", X[:40], y[:40], seed=0).model
    later = train("complement_nb", X, y, seed=0, previous=first, new=np.arange(60) >= 40).model
    full = train("complement_nb", X, y, seed=0).model
    assert isinstance(later, ComplementNB)
    assert np.allclose(later.feature_log_prob_, full.feature_log_prob_, rtol=1e-5)


@pytest.mark.parametrize("estimator", ["logistic_regression", "sgd", "complement_nb"])
def test_a_label_that_appears_later_means_a_full_fit(estimator: EstimatorName) -> None:
    X, y = samples()
    first = train(estimator, X, y, seed=0).model
    y = y.astype(object)
    y[:15] = "maybe"
    later = train(estimator, X, y.astype(str), seed=0, previous=first)
    assert later.mode == "full"
    assert later.model.classes_.tolist() == ["ham", "maybe", "spam"]


def test_other_features_mean_a_full_fit() -> None:
    X, y = samples()
    first = train("sgd", X[:, :4], y, seed=0).model
    assert train("sgd", X, y, seed=0, previous=first).mode == "full"


def test_nothing_new_changes_nothing() -> None:
    X, y = samples()
    first = train("complement_nb", X, y, seed=0).model
    again = train("complement_nb", X, y, seed=0, previous=first, new=np.zeros(60, dtype=bool))
    assert (again.model.feature_log_prob_ == first.feature_log_prob_).all()


def test_one_label_is_not_enough_and_the_missing_ones_are_named() -> None:
    X, _ = samples(3)
    with pytest.raises(NotEnoughLabels, match="needs an example of: spam") as caught:
        train("logistic_regression", X, ["ham"] * 3, seed=0, labels=["ham", "spam"])
    assert caught.value.seen == ("ham",)
    with pytest.raises(NotEnoughLabels):
        train("logistic_regression", X[:0], [], seed=0, labels=["ham", "spam"])


def test_a_forest_of_ten_labels_is_quick_enough() -> None:
    digits = load_digits()
    X, y = digits.data / 16, digits.target.astype(str)
    order = np.random.default_rng(0).permutation(len(y))
    started = time.process_time()
    model = train("random_forest", X[order[:300]], y[order[:300]], seed=0).model
    assert time.process_time() - started < 3
    assert model.score(X[order[300:]], y[order[300:]]) > 0.9


def test_drift_is_what_two_models_say_differently_of_the_same_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = np.where(X[:, 0] + 0.3 * rng.normal(size=400) > 0, "ham", "spam")
    one = train("sgd", X[:200], y[:200], seed=0).model
    other = train("sgd", X, y, seed=0).model
    found = drift(one, other, X)

    said = one.predict(X) != other.predict(X)
    assert found.samples == 400
    assert found.differing == pytest.approx(said.mean())
    assert 0 < found.mean < found.largest <= 1
    assert drift(other, one, X) == found
    assert drift(one, one, X).largest == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_whatever_was_learned_in_whatever_steps_the_warm_model_is_the_full_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 6))
    y = rng.choice(["ham", "spam"], 300)
    y[X[:, 0] > 0.2] = "ham"
    known = 40
    model = train("logistic_regression", X[:known], y[:known], seed=seed).model
    while known < 300:
        known = min(300, known + int(rng.integers(1, 60)))
        changed = rng.integers(0, known, 3)
        y[changed] = rng.choice(["ham", "spam"], 3)
        model = train("logistic_regression", X[:known], y[:known], seed=seed, previous=model).model
        whole = train("logistic_regression", X[:known], y[:known], seed=seed).model
        assert drift(model, whole, X).largest < 2e-3
        assert model.classes_.tolist() == whole.classes_.tolist() == ["ham", "spam"]


@pytest.mark.parametrize("seed", range(5))
def test_naive_bayes_in_whatever_steps_is_naive_bayes_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = sparse.csr_matrix(rng.poisson(0.5, size=(200, 30)).astype(float))
    y = rng.choice(["a", "b", "c"], 200)
    known = 50
    model = train("complement_nb", X[:known], y[:known], seed=seed).model
    while known < 200:
        before, known = known, min(200, known + int(rng.integers(1, 40)))
        fresh = np.arange(known) >= before
        model = train(
            "complement_nb", X[:known], y[:known], seed=seed, previous=model, new=fresh
        ).model
        whole = train("complement_nb", X[:known], y[:known], seed=seed).model
        assert drift(model, whole, X).largest < 1e-12
