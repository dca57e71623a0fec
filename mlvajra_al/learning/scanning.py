"""Score a large pool piece by piece, so that memory holds a piece of it and not a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.rows import take

CHUNK = 16_384


def scan(
    score: Callable[[Any], NDArray[Any]], model: Any, X: Any, candidates: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the score of every candidate, computed in chunks; what is no number scores 0.

    Parameters
    ----------
    score : callable
        Rows in, one number a row out.
    model : classifier
        What `score` asks; says how many threads pay.
    X : ndarray, sparse matrix or data frame
    candidates : ndarray of int, shape (n_candidates,)

    Returns
    -------
    ndarray of shape (n_candidates,)

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [np.nan]])
    >>> scan(lambda rows: rows[:, 0], None, X, np.array([2, 1])).tolist()
    [0.0, 2.0]
    """
    out = np.empty(len(candidates), dtype=np.float64)
    # the threads of boosted trees wait for each other busily, which starves whoever labels
    with threadpool_limits(None if hasattr(model, "coef_") else 1):
        for start, rows in _chunks(X, candidates):
            found = score(rows)
            out[start : start + len(found)] = found
    return np.nan_to_num(out, nan=0.0)


def length(X: Any) -> int:
    """Return how many rows there are, whatever holds them.

    Examples
    --------
    >>> length(np.ones((3, 2))), length(["a", "b"])
    (3, 2)
    """
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _chunks(X: Any, candidates: NDArray[np.intp]) -> Iterator[tuple[int, Any]]:
    """Yield runs of candidate rows, as views where the candidates are all rows."""
    everything = len(candidates) == length(X) and not hasattr(X, "iloc")
    for start in range(0, len(candidates), CHUNK):
        stop = min(start + CHUNK, len(candidates))
        rows = X[start:stop] if everything else take(X, candidates[start:stop])
        yield start, rows
