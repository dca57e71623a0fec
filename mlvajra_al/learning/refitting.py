"""Fit a copy of a model on other labels: what it would believe, had it been taught them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.training import columns_that_occur, widen
from mlvajra_al.learning.utilities import bare


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough is good enough
        if type(copy) is LogisticRegression and sparse.issparse(X):
            used = columns_that_occur(X)
            return widen(copy.fit(X[:, used], y), used, X.shape[1])
        return copy.fit(X, y)
