"""Newton's steps lead where scikit-learn's own fit would end much later, or nowhere at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.curving import FINE, Loss, brought_near, parameters
from mlvajra_al.learning.pipeline import build_estimator


def rows(labels: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(labels)
    X = rng.normal(size=(n, 6))
    scores = X @ rng.normal(size=(6, labels)) + rng.gumbel(size=(n, labels))
    return X, scores.argmax(axis=1)


def fitted(X: Any, codes: np.ndarray, tol: float) -> LogisticRegression:
    return build_estimator("logistic_regression", seed=0).set_params(tol=tol).fit(X, codes)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("labels", [2, 4])
def test_the_curve_is_how_the_slope_changes(labels: int, form: Any) -> None:
    X, codes = rows(labels)
    model = fitted(X, codes, 0.1)
    loss, at = Loss.of(model, form(X), codes), parameters(model, X)
    answers = loss.answers(at)
    assert np.allclose(answers[-1], model.predict_proba(X)[:, -1])
    along = np.random.default_rng(0).normal(size=at.shape)
    slopes = [loss.slope(loss.answers(at + h * along), at + h * along) for h in (-1e-5, 1e-5)]
    bent = loss.bend(answers, along)
    assert np.allclose(bent, (slopes[1] - slopes[0]) / 2e-5, atol=1e-8)
    bends = loss.bends(answers, form(X**2))
    for place in np.ndindex(at.shape):
        alone = np.zeros_like(at)
        alone[place] = 1
        assert np.isclose(loss.bend(answers, alone)[place], bends[place])


def test_a_part_of_the_rows_has_its_share_of_every_label_and_weighs_as_much() -> None:
    X, _ = rows(3, n=900)
    codes = np.repeat([0, 1, 2], [30, 270, 600])
    loss = Loss.of(fitted(X, codes, 1e-2), X, codes)
    chosen, part = loss.part(150)
    assert np.bincount(codes[chosen]).tolist() == [30, 50, 50]
    for label in range(3):
        assert np.isclose(part.weights[part.codes == label].sum(), 1 / 3)
    assert loss.part(900)[1] is loss


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("labels", [2, 5])
def test_a_few_steps_lead_to_what_a_tight_fit_finds(labels: int, kind: Any) -> None:
    X, codes = rows(labels)
    X = X.astype(kind)
    model, best = fitted(X.astype(float), codes, 1e-2), fitted(X.astype(float), codes, 1e-9)
    steps = brought_near(model, X, codes)
    assert steps is not None and 0 < steps <= 5
    assert np.abs(model.predict_proba(X) - best.predict_proba(X)).max() < 1e-3
    assert model.coef_.dtype == model.intercept_.dtype == np.float64
    assert brought_near(model, X, codes) == 0


def test_where_steps_lead_nowhere_the_model_stays_as_it_was() -> None:
    X, codes = rows(3)
    model = fitted(X, codes, 1e-2)
    before = model.coef_.copy()
    wide = (X * 1e20).astype(np.float32)
    assert brought_near(model, wide, codes) is None
    assert (model.coef_ == before).all()


def test_where_there_is_nothing_to_learn_no_step_is_taken() -> None:
    X, codes = rows(2)
    model = fitted(X, codes, FINE / 10)
    before = model.coef_.copy()
    assert brought_near(model, X, codes) == 0 and (model.coef_ == before).all()
