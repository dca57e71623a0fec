"""Whether a model knows anything yet, told by samples it was not taught."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_gaussian_quantiles
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from mlvajra_al.learning.guessing import MOST, Trial, try_out
from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.selectors import Known
from mlvajra_al.learning.strategies import Ranking, rank


def rings(n: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = make_gaussian_quantiles(n_samples=n, n_features=2, n_classes=3, random_state=0)
    return X, np.array(["inner", "middle", "outer"])[y]


def crowds(n: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    return np.random.default_rng(0).normal(size=(n, 2)) + 6 * y[:, None], np.array(["a", "b"])[y]


def tried(model: object, X: object, y: np.ndarray) -> Trial | None:
    return try_out(model, Known(X, y), rng=np.random.default_rng(0))


def test_a_straight_border_guesses_among_rings_and_a_tree_does_not() -> None:
    X, y = rings(200)
    straight, bent = (
        tried(model.fit(X, y), X, y)
        for model in (LogisticRegression(), DecisionTreeClassifier(random_state=0))
    )
    assert straight is not None and straight.is_a_guess
    assert straight.by_chance == pytest.approx(1 / 3)
    assert bent is not None and not bent.is_a_guess and bent.found > 0.6


def test_a_model_that_has_learned_something_does_not_guess() -> None:
    X, y = crowds(20)
    trial = tried(LogisticRegression().fit(X, y), X, y)
    assert trial is not None and trial.found == 1 and not trial.is_a_guess


@pytest.mark.parametrize("n", [1, 8, 9])
def test_too_few_examples_of_a_label_tell_nothing(n: int) -> None:
    X, y = crowds(n)
    assert tried(LogisticRegression(), X, y) is None


def test_without_labels_or_for_a_model_that_cannot_be_fitted_anew_nothing_is_told() -> None:
    X, y = crowds(20)
    model = LogisticRegression().fit(X, y)
    assert try_out(model, Known(X), rng=np.random.default_rng(0)) is None
    assert tried(object(), X, y) is None


def test_a_model_that_parts_of_what_is_labelled_cannot_teach_tells_nothing() -> None:
    X, y = crowds(12)
    assert tried(CalibratedClassifierCV(LogisticRegression(), cv=5), X, y) is None
    X[3] = np.nan
    assert tried(LogisticRegression(), X, y) is None


def test_sparse_rows_and_a_learner_of_modal_are_tried_out_too_and_stay_as_they_were() -> None:
    X, y = crowds(20)
    rows = sparse.csr_matrix(np.hstack([X, np.zeros((20, 500))]))
    learner = IncrementalLearner(
        LogisticRegression(), X_training=rows, y_training=y, random_state=0
    )
    before = learner.estimator.coef_.copy()
    trial = tried(learner, rows, y)
    assert trial is not None and not trial.is_a_guess
    assert (learner.estimator.coef_ == before).all()


def test_rows_without_any_value_are_a_guess() -> None:
    y = np.array(["a", "b"] * 10)
    trial = tried(LogisticRegression(), sparse.csr_matrix((20, 4)), y)
    assert trial is not None and trial.is_a_guess


def test_of_many_labelled_samples_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = crowds(3 * MOST)
    sizes: list[int] = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda self, X, y: (sizes.append(len(y)), fit(self, X, y))[1]
    )
    tried(LogisticRegression(), X, y)
    assert sum(sizes) == 2 * MOST


def ranked(model: LogisticRegression, X: np.ndarray, labels: np.ndarray, *, n: int) -> Ranking:
    """Rank a pool of which the first rows are labelled."""
    return rank(
        model, X, np.arange(len(X)), batch_size=n, n=n, rng=np.random.default_rng(0),
        labelled=np.arange(len(labels)), labels=labels,
    )  # fmt: skip


def test_while_the_model_guesses_the_pool_is_drawn_from_at_random() -> None:
    X, y = rings(400)
    model = LogisticRegression().fit(X[:60], y[:60])
    ranking = ranked(model, X, y[:60], n=10)
    assert ranking.strategy == "random"
    assert ranking.reason.startswith("Random: so far the model only guesses.")
    doubts = 1 - np.abs(np.subtract(*np.sort(model.predict_proba(X[60:]))[:, -2:].T))
    highest = 60 + np.argsort(-doubts)[:10]
    assert len(np.intersect1d(ranking.positions, highest)) < 4
    assert not np.isin(ranking.positions, np.arange(60)).any()


class Demanding(LogisticRegression):
    """It wants more rows than a part of what is labelled has."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Demanding:
        """Learn from twenty rows or more."""
        if len(y) < 20:
            raise RuntimeError("twenty rows at least")
        return super().fit(X, y)


def test_whatever_a_model_says_to_parts_of_the_rows_the_pool_is_ranked() -> None:
    X, y = crowds(60)
    model = Demanding().fit(X[:20], y[:20])
    ranking = ranked(model, X, y[:20], n=5)
    assert len(ranking.positions) == 5
