"""How much a sample's label would teach: one number a sample, from the model's probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression


def least_confident(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return one minus the probability of the likeliest label.

    References
    ----------
    .. [1] D. D. Lewis and W. A. Gale, "A sequential algorithm for training text classifiers",
       SIGIR 1994.

    Examples
    --------
    >>> least_confident(np.array([[0.75, 0.25, 0.0]])).tolist()
    [0.25]
    """
    return np.asarray(1 - probabilities.max(axis=1))


def margin(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return one minus the gap between the two likeliest labels.

    References
    ----------
    .. [1] T. Scheffer, C. Decomain and S. Wrobel, "Active hidden Markov models for information
       extraction", IDA 2001.

    Examples
    --------
    >>> margin(np.array([[0.75, 0.25, 0.0], [0.5, 0.5, 0.0]])).tolist()
    [0.5, 1.0]
    """
    if probabilities.shape[1] == 1:
        return np.zeros(len(probabilities))
    if probabilities.shape[1] == 2:
        return np.asarray(1 - np.abs(probabilities[:, 0] - probabilities[:, 1]))
    best, second = probabilities[:, 0], np.full(len(probabilities), -1, probabilities.dtype)
    for column in probabilities.T[1:]:  # four times as fast as a partition of each row
        second = np.maximum(second, np.minimum(best, column))
        best = np.maximum(best, column)
    return np.asarray(1 - (best - second))


def entropy(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return the entropy of the labels in nats.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", TR 1648, UW-Madison, 2009.

    Examples
    --------
    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.693, 0.0]
    """
    positive = np.where(probabilities > 0, probabilities, 1)
    return np.asarray(0 - (positive * np.log(positive)).sum(axis=1))


def probabilities(model: Any, X: Any) -> NDArray[Any]:
    """Return a probability per label, in float32 where that is quick and rows are float32.

    Models without ``predict_proba`` get a softmax of their decision values, which keeps their
    order of confidence but is not calibrated.

    Parameters
    ----------
    model : classifier
    X : ndarray or sparse matrix of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_labels)

    Examples
    --------
    >>> model = LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"])
    >>> probabilities(model, np.array([[0.0]], dtype=np.float32)).tolist()
    [[0.5, 0.5]]
    """
    return responder(model, X)(X)


def responder(model: Any, X: Any) -> Callable[[Any], NDArray[Any]]:
    """Return what answers with `probabilities` for rows like those of `X`, made ready once.

    Examples
    --------
    >>> X = np.array([[-1.0], [1.0]], dtype=np.float32)
    >>> answer = responder(LogisticRegression().fit(X, ["a", "b"]), X)
    >>> answer(X[:1]).argmax(axis=1).tolist(), answer(X[1:]).argmax(axis=1).tolist()
    ([0], [1])
    """
    model = bare(model)
    if is_quick(model, X):
        return _linear(model, sparse_rows=sparse.issparse(X))
    if hasattr(model, "predict_proba"):
        return lambda rows: np.asarray(model.predict_proba(rows))
    return lambda rows: _of_decisions(model.decision_function(rows))


def is_quick(model: Any, X: Any) -> bool:
    """Tell whether `probabilities` are one product in float32, which also takes rows with NaN.

    Examples
    --------
    >>> is_quick(LogisticRegression(), np.zeros((1, 1), dtype=np.float32))
    True
    """
    float32 = getattr(X, "dtype", None) == np.float32
    return float32 and type(bare(model)) is LogisticRegression


def _linear(model: LogisticRegression, *, sparse_rows: bool) -> Callable[[Any], NDArray[Any]]:
    weights = model.coef_.astype(np.float32)
    intercepts = model.intercept_.astype(np.float32)[:, None]
    by_term = np.ascontiguousarray(weights.T)  # else each sparse product would copy it

    def answer(rows: Any) -> NDArray[Any]:
        with np.errstate(over="ignore", invalid="ignore"):  # features near the end of float32
            product = np.asarray(rows @ by_term).T if sparse_rows else weights @ rows.T
            return _as_probabilities(product + intercepts)

    return answer


def _of_decisions(decisions: Any) -> NDArray[Any]:
    decisions = np.asarray(decisions)
    return _as_probabilities(decisions.reshape(len(decisions), -1).T)


def bare(model: Any) -> Any:
    """Return the estimator a modAL learner holds, or the model itself.

    Examples
    --------
    >>> bare(LogisticRegression(C=3.0))
    LogisticRegression(C=3.0)
    """
    learner = hasattr(model, "X_training") and hasattr(model, "estimator")
    return model.estimator if learner else model


def _as_probabilities(decision: NDArray[Any]) -> NDArray[Any]:
    """Return a row per sample of what comes as a row per label, which is quicker to compute."""
    if len(decision) == 1:
        positive = expit(decision[0])
        return np.stack([1 - positive, positive]).T
    shares = np.exp(decision - decision.max(axis=0))
    return np.asarray((shares / shares.sum(axis=0)).T)
