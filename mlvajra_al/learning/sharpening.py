"""What single precision cannot tell apart at the top of a ranking is looked at again in double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.rows import take
from mlvajra_al.learning.selectors import Choice, nth_highest
from mlvajra_al.learning.utilities import bare

NEAR = 3e-5
"""Utilities that are less apart may be in the wrong order in single precision."""
MOST = 2_000
"""More than so many that near are ties, which stay for the generator to break."""


def sharpen(utility: Callable[[NDArray[Any]], NDArray[Any]], choice: Choice, n: int) -> None:
    """Put exact utilities in the place of the highest `n`, and of what may belong to them.

    Parameters
    ----------
    utility : callable
        Probabilities in, one number a row out.
    choice : Choice
        Of a logistic regression; its utilities are changed.
    n : int

    Examples
    --------
    >>> from mlvajra_al.learning.utilities import margin
    >>> X = np.array([[0.1], [2.0]], dtype=np.float32)
    >>> model = LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"])
    >>> choice = Choice(X, np.arange(2), np.array([0.95, 0.2]), 1, model=model)
    >>> sharpen(margin, choice, 1)
    >>> bool(choice.utilities[0] == margin(model.predict_proba(X[:1].astype(float)))[0])
    True
    """
    n = min(n, len(choice.utilities))
    if n == 0:
        return
    near = np.flatnonzero(choice.utilities >= nth_highest(choice.utilities, n) - NEAR)
    if len(near) <= n + MOST:
        rows = take(choice.X, choice.candidates[near])
        choice.utilities[near] = utility(exactly(bare(choice.model), rows))


def exactly(model: LogisticRegression, rows: Any) -> NDArray[np.float64]:
    """Return the probabilities of a few rows in double precision.

    Examples
    --------
    >>> rows = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    >>> model = LogisticRegression().fit(rows, ["a", "b", "c"])
    >>> bool(np.allclose(exactly(model, rows), model.predict_proba(rows), atol=1e-15))
    True
    """
    weights = model.coef_
    if sparse.issparse(rows):  # a product with all columns would copy all weights
        used, at = np.unique(rows.indices, return_inverse=True)
        parts = (rows.data.astype(np.float64), at, rows.indptr)
        rows = sparse.csr_matrix(parts, shape=(rows.shape[0], len(used)))
        weights = np.ascontiguousarray(weights[:, used])
    decisions = np.asarray(rows @ weights.T) + model.intercept_
    if decisions.shape[1] == 1:
        positive = expit(decisions[:, 0])
        return np.stack([1 - positive, positive], axis=1)
    return np.asarray(softmax(decisions, axis=1))
