"""Whether a logistic regression has anything to learn from rows that were added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

TIGHT, LOOSE = 1e-6, 1e-4
"""Gradient at which a fit stops, on few rows and on many."""
FEW, MANY = 2_000, 10_000
"""Up to so many rows a fit is quick at the tight end, and from so many on only at the loose one."""


def tolerance(rows: int) -> float:
    """Return at which gradient a fit on so many rows stops.

    The fewer the rows, the flatter the way to the best model and the farther from it a gradient
    of the same size: at scikit-learn's 1e-4 two fits on 300 rows answer up to 0.1 apart.

    Examples
    --------
    >>> [round(tolerance(rows) * 1e6, 1) for rows in (10, 2_000, 5_000, 10_000, 1_000_000)]
    [1.0, 1.0, 13.8, 100.0, 100.0]
    """
    share = np.log(np.clip(rows / FEW, 1, MANY / FEW)) / np.log(MANY / FEW)
    return float(TIGHT * (LOOSE / TIGHT) ** share)


def settled(model: LogisticRegression, X: Any, codes: NDArray[np.intp]) -> bool:
    """Tell whether a full fit on these rows would stop at once if it began at this model.

    L-BFGS stops where no part of the gradient, over all rows, exceeds `tol`. That is asked here
    once, in the precision the rows come in: a tenth of what it takes to set out.

    Parameters
    ----------
    model : LogisticRegression
        Fitted, with an L2 penalty and balanced class weights.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    codes : ndarray of int, shape (n_samples,)
        The place of each row's label in ``model.classes_``; each occurs.

    Returns
    -------
    bool

    References
    ----------
    .. [1] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
       optimization", Mathematical Programming 45, 1989.

    Examples
    --------
    >>> X, codes = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> model = LogisticRegression(class_weight="balanced").fit(X, codes)
    >>> settled(model, X, codes), settled(model, X, codes[::-1])
    (True, False)
    """
    if len(codes) < MANY:  # single precision is too coarse for a tight end
        X = X.astype(np.float64)
    residuals = _residuals(model, X, codes)
    strength = 1 / (model.C * len(codes))
    slope = np.asarray(X.T @ residuals.T).T / len(codes) + strength * model.coef_
    level = residuals.mean(axis=1)
    return bool(max(np.abs(slope).max(), np.abs(level).max()) <= model.tol)


def _residuals(model: LogisticRegression, X: Any, codes: NDArray[np.intp]) -> NDArray[Any]:
    """Return how far each row's probabilities are from its label, weighted: a row per label."""
    weights = np.ascontiguousarray(model.coef_.T, dtype=X.dtype)
    scores = np.ascontiguousarray(np.asarray(X @ weights).T)
    scores += model.intercept_.astype(X.dtype)[:, None]
    counts = np.bincount(codes, minlength=len(model.classes_))
    if len(counts) == 2:
        residuals = expit(scores) - codes.astype(X.dtype)
    else:
        residuals = np.exp(scores - scores.max(axis=0))
        residuals /= residuals.sum(axis=0)
        residuals[codes, np.arange(len(codes))] -= 1
    balance = (len(codes) / (len(counts) * counts)).astype(X.dtype)
    residuals *= balance[codes]
    return np.asarray(residuals)
