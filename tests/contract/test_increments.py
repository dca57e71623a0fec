"""What a sequence of increments has learned, beside a full fit on what is known at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.sameness import same_bits
from mlvajra_al.learning.training import Trained, train
from mlvajra_al.records import EstimatorName

ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip
BOUND = 0.005
"""Between any probability of a warm start, of a full fit and of the best model."""
COLUMNS = 30


class History:
    """Answers that come, change and go, learned by increments as a project does."""

    def __init__(self, estimator: EstimatorName, seed: int, *, terms: bool) -> None:
        rng = np.random.default_rng(seed)
        X = rng.random((300, COLUMNS)) * (rng.random((300, COLUMNS)) < 0.3)
        rule = rng.normal(size=(COLUMNS, 3))
        self.X = sparse.csr_matrix(X, dtype=np.float32) if terms else X.astype(np.float32)
        self.truth = np.array(["a", "b", "c"])[(X @ rule).argmax(axis=1)]
        self.estimator, self.rng = estimator, rng
        self.answers: dict[int, str] = {}
        self.learned: dict[int, str] = {}
        self.trained: Trained | None = None

    def teach(self, n: int, labels: str = "ab") -> None:
        open_ = [i for i in range(300) if i not in self.answers and self.truth[i] in labels]
        for place in self.rng.permutation(open_)[:n]:
            self.answers[int(place)] = str(self.truth[place])

    def change(self, n: int) -> None:
        for place in self.rng.permutation(sorted(self.answers))[:n]:
            self.answers[int(place)] = "a" if self.answers[int(place)] == "b" else "b"

    def retract(self, n: int) -> None:
        for place in self.rng.permutation(sorted(self.answers))[:n]:
            del self.answers[int(place)]

    def known(self) -> tuple[Any, list[str]]:
        places = sorted(self.answers)
        return self.X[places], [self.answers[place] for place in places]

    def increment(self) -> None:
        changed = any(self.answers.get(at) != label for at, label in self.learned.items())
        forgets = self.estimator not in ("sgd", "complement_nb")
        previous = self.trained.model if self.trained and (forgets or not changed) else None
        X, y = self.known()
        new = np.array(
            [self.learned.get(at) != self.answers[at] for at in sorted(self.answers)]
        )  # fmt: skip
        self.trained = train(self.estimator, X, y, seed=3, previous=previous, new=new)
        self.learned = dict(self.answers)

    def apart(self) -> float:
        """Return the largest difference from a full fit, over labelled and unlabelled rows."""
        assert self.trained is not None
        full = train(self.estimator, *self.known(), seed=3).model
        assert self.trained.model.classes_.tolist() == full.classes_.tolist()
        one, other = self.trained.model.predict_proba(self.X), full.predict_proba(self.X)
        return float(np.abs(one - other).max())


def played(estimator: EstimatorName, seed: int, *, terms: bool) -> list[tuple[float, str]]:
    """Play ten random steps; return after each how far it is from a full fit, and its mode."""
    history = History(estimator, seed, terms=terms)
    history.teach(40)
    history.increment()
    found = []
    for step in range(10):
        deed = history.rng.choice(["teach", "teach", "change", "retract", "grow"])
        if deed == "grow" or step == 7:
            history.teach(10, "abc")
        else:
            getattr(history, deed)(int(history.rng.integers(1, 12)))
        history.increment()
        assert history.trained is not None
        found.append((history.apart(), history.trained.mode))
    return found


@pytest.mark.parametrize("terms", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("seed", range(4))
def test_warm_starts_end_where_full_fits_do_whatever_happens_to_labels(
    seed: int, terms: bool
) -> None:
    steps = played("logistic_regression", seed, terms=terms)
    assert max(apart for apart, _ in steps) < BOUND
    assert {mode for _, mode in steps} == {"full", "warm_start"}, "a later class is a full fit"


def many(*, terms: bool) -> tuple[Any, np.ndarray]:
    """Return 10,010 texts of two labels, or 12,010 rows of numbers with three."""
    rng = np.random.default_rng(0)
    if not terms:
        X = rng.random((12_010, 16), dtype=np.float32)
        return X, (X @ rng.normal(size=(16, 3)) + rng.gumbel(size=(len(X), 3)) / 5).argmax(axis=1)
    columns = (2**15 * rng.random(10_010 * 40) ** 4).astype(np.int32)
    values = np.full(len(columns), 40**-0.5, dtype=np.float32)
    X = sparse.csr_matrix((values, columns, np.arange(0, len(columns) + 1, 40)), (10_010, 2**15))
    X.sum_duplicates()
    told = np.asarray(X[:, :2_000] @ rng.normal(size=2_000)).ravel()
    return X, (told + rng.normal(scale=0.05, size=len(told)) > 0).astype(int)


@pytest.mark.parametrize("terms", [False, True], ids=["dense", "sparse"])
def test_so_they_do_of_many_rows_though_ten_labels_contradict_all_that_is_known(
    terms: bool,
) -> None:
    X, truth = many(terms=terms)
    y = np.array(list("abc"))[truth]
    before = train("logistic_regression", X[:-10], y[:-10], seed=0).model
    y[-10:] = before.classes_[before.predict_proba(X[-10:]).argmin(axis=1)]
    warm = train("logistic_regression", X, y, seed=0, previous=before)
    full = train("logistic_regression", X, y, seed=0).model
    asked = [model.predict_proba(X) for model in (before, warm.model, full)]
    assert warm.mode == "warm_start" and 0 < warm.model.n_iter_[0] < 10
    assert np.abs(asked[1] - asked[0]).max() > 2 * BOUND, "it had to move"
    assert np.abs(asked[1] - asked[2]).max() < BOUND
    settings = full.get_params() | {"tol": 1e-7}
    with threadpool_limits(1):
        best = LogisticRegression(**settings).fit(X.astype(np.float64), y).predict_proba(X)
    assert max(np.abs(asked[1] - best).max(), np.abs(asked[2] - best).max()) < BOUND


@pytest.mark.parametrize("terms", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("seed", range(4))
def test_naive_bayes_counts_the_same_by_increments(seed: int, terms: bool) -> None:
    assert max(apart for apart, _ in played("complement_nb", seed, terms=terms)) < 1e-5


@pytest.mark.parametrize("estimator", ["random_forest", "hist_gradient_boosting"])
def test_trees_are_what_a_full_fit_gives(estimator: EstimatorName) -> None:
    history = History(estimator, 0, terms=False)
    for _ in range(2):
        history.teach(30, "abc")
        history.increment()
    assert history.trained is not None and history.trained.mode == "full"
    assert same_bits(history.trained.model, train(estimator, *history.known(), seed=3).model)


def test_descent_by_increments_is_not_a_full_fit() -> None:
    """Why its drift is measured: were it the same, nothing would have to be."""
    steps = played("sgd", 0, terms=False)
    assert max(apart for apart, mode in steps if mode == "partial_fit") > BOUND
    assert all(apart == 0 for apart, mode in steps if mode == "full")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_was_retracted_is_not_remembered(estimator: EstimatorName) -> None:
    history = History(estimator, 5, terms=False)
    history.teach(60)
    history.increment()
    wrong = dict(history.answers)
    history.change(20)
    history.increment()
    history.answers = wrong
    history.retract(15)
    history.increment()
    assert history.apart() < BOUND


def test_columns_that_no_longer_occur_lose_their_weight_in_a_warm_start_of_many_rows() -> None:
    rng = np.random.default_rng(0)
    X = sparse.random(6_000, 400, density=0.02, random_state=0, format="csr", dtype=np.float32)
    y = np.where(X @ rng.normal(size=400) > 0, "a", "b")
    before = train("logistic_regression", X, y, seed=0).model
    kept = X.multiply(np.arange(400) < 390).tocsr()
    kept.eliminate_zeros()
    warm = train("logistic_regression", kept, y, seed=0, previous=before).model
    full = train("logistic_regression", kept, y, seed=0).model
    assert warm.coef_.shape == full.coef_.shape == (1, 400)
    assert np.abs(before.coef_[0, 390:]).max() > 0.5 > 0.05 > np.abs(warm.coef_[0, 390:]).max()
    assert np.abs(warm.predict_proba(kept) - full.predict_proba(kept)).max() < BOUND
