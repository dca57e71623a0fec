"""Fit copies of a model on other labels, and ask for what would make it surer of the whole pool."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.rows import stack, take
from mlvajra_al.learning.selectors import Choice, Positions, top
from mlvajra_al.learning.training import columns_that_occur, widen
from mlvajra_al.learning.utilities import bare, least_confident, probabilities


def refit(model: Any, X: Any, y: Any, *, rng: np.random.Generator) -> Any:
    """Return a copy of a classifier fitted on these rows; the model itself stays as it is.

    Logistic regression on sparse rows is fitted on the columns that occur in them: its penalty
    keeps all others at zero. Call it under ``threadpool_limits(1)``: small fits lose more by
    threads waiting for each other than they gain.

    Parameters
    ----------
    model : classifier, or modAL learner
    X : ndarray, sparse matrix or data frame of n_samples rows
    y : array_like of shape (n_samples,)
    rng : numpy.random.Generator
        Seeds whatever in the copy is random.

    Returns
    -------
    fitted classifier

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0]]), np.array(["a", "b"])
    >>> model = LogisticRegression().fit(X, y)
    >>> other = refit(model, X, y[::-1], rng=np.random.default_rng(0))
    >>> other.predict([[1.0]]).tolist(), model.predict([[1.0]]).tolist()
    (['a'], ['b'])
    """
    return fitted(blank(model, rng=rng), X, y)


def blank(model: Any, *, rng: np.random.Generator) -> Any:
    """Return an unfitted copy of a classifier, with seeds of its own for what is random in it.

    Examples
    --------
    >>> blank(LogisticRegression(C=3.0, random_state=1), rng=np.random.default_rng(0))
    LogisticRegression(C=3.0, random_state=1826701615)
    """
    copy = clone(bare(model))
    seeds = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    copy.set_params(**{name: int(rng.integers(2**31)) for name in sorted(seeds)})
    return copy


def fitted(copy: Any, X: Any, y: Any) -> Any:
    """Fit a copy on these rows, as `refit` does, and return it.

    Of one label nothing can be learned: what comes back always answers with it.

    Examples
    --------
    >>> fitted(LogisticRegression(), [[0.0], [1.0]], ["a", "b"]).predict([[5.0]]).tolist()
    ['b']
    >>> fitted(LogisticRegression(), [[0.0], [1.0]], ["a", "a"]).predict_proba([[5.0]]).tolist()
    [[1.0]]
    """
    if len(np.unique(y)) == 1:
        return DummyClassifier().fit(X, y)
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough is good enough
        if type(copy) is LogisticRegression and sparse.issparse(X):
            used = columns_that_occur(X)
            return widen(copy.fit(X[:, used], y), used, X.shape[1])
        return copy.fit(X, y)


TRIED = 16
"""Samples whose labels are tried out; each takes a fit per likely label."""
LIKELY, UNLIKELY = 3, 0.01
"""At most so many labels, and none that has so small a share of their probability."""
JUDGED = 500
"""Samples of the pool by which the outcome is judged."""


def expected_error(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take what would leave the least error on the pool, whichever label it turns out to have.

    The most doubtful samples are tried with each of their likeliest labels: a copy of the model
    learns it and estimates its own error on a part of the pool. The others wait behind them.

    Parameters
    ----------
    choice : Choice
        With model, and what is known with its labels.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        Places among the candidates.

    References
    ----------
    .. [1] N. Roy and A. McCallum, "Toward optimal active learning through sampling estimation
       of error reduction", ICML 2001.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.selectors import Known
    >>> X, y = np.array([[-2.0], [2.0], [0.1], [0.2], [9.0]]), np.array(["a", "b"])
    >>> choice = Choice(X, np.array([2, 3, 4]), np.array([0.9, 0.8, 0.0]), 1,
    ...                 Known(X[:2], y), LogisticRegression().fit(X[:2], y))
    >>> len(expected_error(choice, 2, np.random.default_rng(0)))
    2
    """
    order = top(choice.utilities, max(n, TRIED), rng)
    tried, behind = order[:TRIED], order[TRIED:]
    if len(tried) < 2:
        return order[:n]
    drawn = np.sort(rng.permutation(len(choice.candidates))[:JUDGED])
    judged = take(choice.X, choice.candidates[drawn])
    known, seed = choice.known, int(rng.integers(2**31))
    left = np.zeros(len(tried))
    with threadpool_limits(1):
        for place, row, label, share in _trials(choice, tried):
            copy = refit(
                choice.model,
                stack(known.rows, row),
                np.append(np.asarray(known.labels), label),
                rng=np.random.default_rng(seed),
            )
            left[place] += share * least_confident(probabilities(copy, judged)).mean()
    return np.concatenate([tried[np.argsort(left, kind="stable")], behind])[:n]


def _trials(choice: Choice, tried: Positions) -> Iterator[tuple[int, Any, Any, float]]:
    """Yield places, rows and likely labels of the samples to try, with their probabilities."""
    rows = take(choice.X, choice.candidates[tried])
    p = np.nan_to_num(probabilities(choice.model, rows))
    labels = np.asarray(bare(choice.model).classes_)
    for place in range(len(tried)):
        likely = np.argsort(-p[place], kind="stable")[:LIKELY]
        likely = likely[p[place, likely] > UNLIKELY * p[place, likely].sum()]
        shares = p[place, likely] / p[place, likely].sum()
        for label, share in zip(labels[likely], shares, strict=True):
            yield place, take(rows, [place]), label, float(share)
