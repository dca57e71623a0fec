"""A model has settled exactly where scikit-learn's own warm start would not move it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.pipeline import build_estimator
from mlvajra_al.learning.settling import settled
from mlvajra_al.learning.training import train


def rows(labels: int, n: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(labels)
    X = rng.normal(size=(n, 8)).astype(np.float32)
    scores = X @ rng.normal(size=(8, labels)) + 2 * rng.gumbel(size=(n, labels))
    return X, scores.argmax(axis=1)


def warm(model: LogisticRegression, X: np.ndarray, codes: np.ndarray) -> int:
    """Return how many steps scikit-learn's warm start takes."""
    again = build_estimator("logistic_regression", seed=0).set_params(warm_start=True)
    again.classes_, again.coef_, again.intercept_ = model.classes_, model.coef_, model.intercept_
    return int(again.fit(X.astype(np.float64), codes).n_iter_[0])


@pytest.mark.parametrize("new", [0, 1, 10, 300, 3_000])
@pytest.mark.parametrize("labels", [2, 3, 6])
def test_it_says_what_scikit_learn_finds(labels: int, new: int) -> None:
    X, codes = rows(labels)
    known = len(codes) - new
    model = build_estimator("logistic_regression", seed=0).fit(X[:known], codes[:known])
    still = settled(model, X, codes)
    assert still == (warm(model, X, codes) == 0)
    assert still == settled(model, sparse.csr_matrix(X), codes)


def test_a_settled_model_is_kept_to_the_bit_and_an_unsettled_one_moves() -> None:
    X, codes = rows(3)
    y = np.array(["a", "b", "c"])[codes]
    first = train("logistic_regression", X, y, seed=0).model
    same = train("logistic_regression", X, y, seed=0, previous=first)
    assert same.mode == "warm_start" and same.model is not first
    assert (same.model.coef_ == first.coef_).all() and same.model.n_iter_.tolist() == [0]
    y[-400:] = "a"
    moved = train("logistic_regression", X, y, seed=0, previous=first).model
    assert not np.allclose(moved.coef_, first.coef_) and moved.n_iter_[0] > 0


def test_a_model_as_it_was_stored_with_other_columns_empty_is_judged_alike() -> None:
    X, codes = rows(2)
    wide = sparse.hstack([sparse.csr_matrix((len(codes), 50)), X], format="csr", dtype=np.float32)
    y = np.array(["ham", "spam"])[codes]
    model = train("logistic_regression", wide, y, seed=0).model
    assert settled(model, wide, codes) and not settled(model, wide, 1 - codes)
