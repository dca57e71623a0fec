"""Score a large pool piece by piece, so that memory holds a piece of it and not a copy."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.fanning import fanned
from mlvajra_al.learning.mapped import Mapping
from mlvajra_al.learning.rows import cut, take
from mlvajra_al.learning.utilities import bare, is_quick

CHUNK = 16_384
THREADS = 2
"""That compute at once; where rows are read from a file, one more waits for the disk."""
GAPS = 1.5
"""A run of rows with gaps is scored whole if it has at most so many rows for each wanted one."""

Score = Callable[[Any], NDArray[Any]]
Positions = NDArray[np.intp]


def scan(score: Score, model: Any, X: Any, candidates: Positions) -> NDArray[np.float64]:
    """Return the score of every candidate, computed in chunks; what is no number scores 0.

    Parameters
    ----------
    score : callable
        Rows in, one number a row out.
    model : classifier
        What `score` asks; says whether threads may share it, and whether rows that are no
        candidates may be scored along, which is quicker than leaving them out.
    X : ndarray, sparse matrix or data frame
        A large memory-mapped one is read piece by piece, so that memory stays bounded.
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
    elsewhere = fanned(scan, score, model, X, candidates, chunk=CHUNK)
    if elsewhere is not None:
        return elsewhere
    out = np.empty(len(candidates), dtype=np.float64)
    reader = Reader(X, gaps=GAPS if is_quick(model, X) else 1.0)

    def one(start: int) -> None:
        wanted = candidates[start : start + CHUNK]
        with reader.lent(wanted) as (rows, places):
            out[start : start + len(wanted)] = np.nan_to_num(score(rows), nan=0.0)[places]

    starts = range(0, len(candidates), CHUNK)
    waiting = int(reader.mapping is not None)
    threads = min(THREADS + waiting, (os.cpu_count() or 1) + waiting, len(starts))
    # One thread each: those of a library wait for each other busily, which starves who labels.
    with threadpool_limits(1):
        if threads > 1 and isinstance(bare(model), BaseEstimator):
            with ThreadPoolExecutor(threads, initializer=threadpool_limits, initargs=(1,)) as pool:
                for _ in pool.map(one, starts):
                    pass
        else:
            for start in starts:
                one(start)
    return out


class Reader:
    """Some rows of a pool at a time, as views wherever they follow one another.

    What a thread has lent from a file is written over when it lends again.

    Examples
    --------
    >>> with Reader(np.arange(6.0)[:, None], gaps=1.5).lent(np.array([1, 3, 4])) as (rows, wanted):
    ...     rows[:, 0].tolist(), rows[wanted, 0].tolist()
    ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 4.0])
    """

    def __init__(self, X: Any, *, gaps: float = 1.0) -> None:
        self.X = X.tocsr() if sparse.issparse(X) else X
        self.gaps = gaps
        self.mapping = Mapping.of(self.X)
        self.own = threading.local()

    @contextmanager
    def lent(self, wanted: Positions) -> Iterator[tuple[Any, Any]]:
        """Lend rows among which the wanted ones are, and say where."""
        first, last = (int(wanted[0]), int(wanted[-1]) + 1) if len(wanted) else (0, 0)
        together = len(wanted) <= last - first <= self.gaps * len(wanted)
        if not (together and np.all(wanted[1:] > wanted[:-1])):
            yield take(self.X, wanted), slice(None)
            return
        whole = last - first == len(wanted)
        yield self._between(first, last), slice(None) if whole else wanted - first

    def _between(self, first: int, last: int) -> Any:
        if self.mapping is None:
            return cut(self.X, first, last)
        return self.mapping.read(first, last, spare=self.own.__dict__)


def chunks(X: Any, candidates: Positions) -> Iterator[Any]:
    """Yield the candidates' rows, some at a time.

    Examples
    --------
    >>> [rows.tolist() for rows in chunks(np.eye(2), np.array([1]))]
    [[[0.0, 1.0]]]
    """
    reader = Reader(X)
    for start in range(0, len(candidates), CHUNK):
        with reader.lent(candidates[start : start + CHUNK]) as (rows, _):
            yield rows


def length(X: Any) -> int:
    """Return how many rows there are, whatever holds them.

    Examples
    --------
    >>> length(np.ones((3, 2))), length(["a", "b"])
    (3, 2)
    """
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
