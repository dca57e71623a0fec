"""Samples closer to each other than single precision tells apart come in their true order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import sharpening
from mlvajra_al.learning.selectors import Choice
from mlvajra_al.learning.sharpening import exactly, sharpen
from mlvajra_al.learning.strategies import select_batch
from mlvajra_al.learning.utilities import entropy, margin

FORMS = {"dense": np.asarray, "sparse": sparse.csr_matrix}


def close(n: int = 400, labels: int = 3) -> tuple[LogisticRegression, np.ndarray]:
    """Return rows that lie so near the border that float32 sees steps and ties."""
    rng = np.random.default_rng(0)
    model = LogisticRegression()
    model.classes_ = np.arange(labels)
    model.coef_ = rng.normal(size=(1 if labels == 2 else labels, 4)) * 3
    model.intercept_ = np.zeros(len(model.coef_))
    model.n_features_in_ = 4
    return model, (rng.normal(size=(n, 4)) * 1e-6).astype(np.float32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize(("name", "utility"), [("margin", margin), ("entropy", entropy)])
def test_the_first_are_those_of_double_precision(name, utility, labels: int, form: str) -> None:
    model, X = close(labels=labels)
    true = utility(model.predict_proba(X.astype(np.float64)))
    rng = np.random.default_rng(0)
    found = select_batch(model, FORMS[form](X), strategy=name, batch_size=20, rng=rng)
    assert true[found] == pytest.approx(np.sort(true)[::-1][:20], abs=1e-15)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("labels", [2, 3, 5])
def test_exactly_is_what_the_model_says(labels: int, form: str) -> None:
    model, X = close(50, labels)
    expected = model.predict_proba(X.astype(np.float64))
    assert exactly(model, FORMS[form](X)) == pytest.approx(expected, abs=1e-15)
    assert exactly(model, FORMS[form](X * np.float32(1e9))).sum(axis=1) == pytest.approx(1.0)


def test_only_what_is_near_the_highest_is_computed_again() -> None:
    model, X = close(100, 2)
    rough = np.linspace(0, 1, 100)
    choice = Choice(X, np.arange(100), rough.copy(), 5, model=model)
    sharpen(margin, choice, 5)
    assert (choice.utilities[:95] == rough[:95]).all()
    assert (choice.utilities[95:] != rough[95:]).all()


def test_candidates_that_are_some_of_the_pool_keep_their_places() -> None:
    model, X = close(100, 3)
    candidates = np.arange(60, 100)
    choice = Choice(X, candidates, np.ones(40), 40, model=model)
    sharpen(margin, choice, 40)
    true = margin(model.predict_proba(X[60:].astype(np.float64)))
    assert choice.utilities == pytest.approx(true, abs=1e-15)


def test_a_crowd_of_ties_is_left_to_the_generator(monkeypatch) -> None:
    model, X = close(100, 2)
    monkeypatch.setattr(sharpening, "MOST", 20)
    choice = Choice(X, np.arange(100), np.ones(100), 5, model=model)
    sharpen(margin, choice, 5)
    assert (choice.utilities == 1).all()


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_is_made_of_no_candidates(n: int) -> None:
    model, X = close(5, 2)
    sharpen(margin, Choice(X, np.arange(0), np.empty(0), 5, model=model), n)
