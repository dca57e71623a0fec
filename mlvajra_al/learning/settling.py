"""Whether a logistic regression has anything to learn from rows that were added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.curving import Loss, parameters

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
    once: a tenth of what it takes to set out.

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
    loss = Loss.of(model, X.astype(np.float64), codes)  # single precision is too coarse
    at = parameters(model, loss.X)
    return bool(np.abs(loss.slope(loss.answers(at), at)).max() <= model.tol)
