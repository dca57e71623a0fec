"""Give work to whatever joblib is set to: nobody unless a caller has said so.

Rows are never sent: what lies in a file is opened there by whoever does a part of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlvajra_al.learning.mapped import Mapped, place_of

PAYS = 200_000
"""Fewer candidates are scored sooner here than asked about elsewhere."""
PARTS = 4
"""Parts for each that works, so that a quick one does more of them."""

T = TypeVar("T")
Positions = NDArray[np.intp]
Scan = Callable[[Any, Any, Any, Positions], NDArray[np.float64]]


def others() -> int:
    """Return how many others would do work; 0 where nobody was asked.

    Examples
    --------
    >>> others()
    0
    """
    count = int(joblib.effective_n_jobs(None))
    return count if count > 1 else 0


def each(act: Callable[..., T], tasks: Sequence[tuple[Any, ...]]) -> list[T]:
    """Do something with each of some arguments, in order, here or by others.

    Examples
    --------
    >>> each(max, [(1, 2), (4, 3)])
    [2, 4]
    """
    if not others():
        return [act(*task) for task in tasks]
    return list(joblib.Parallel()(joblib.delayed(_alone)(act, task) for task in tasks))


def _alone(act: Callable[..., T], task: tuple[Any, ...]) -> T:
    """Do something without asking others in turn.

    Arrays may arrive at odd addresses, where libraries sum in another order: the last bits differ.
    """
    here = (np.require(it, requirements="A") if isinstance(it, np.ndarray) else it for it in task)
    with joblib.parallel_config(backend="sequential"):
        return act(*here)


def pieces(n: int, *, of: int = 1) -> list[slice]:
    """Cut `n` rows into runs for those who work, each of whole chunks of `of` rows.

    Equal chunks give equal bits, whoever computes them.

    Examples
    --------
    >>> pieces(10, of=4)
    [slice(0, 10, None)]
    """
    chunks = -(-n // of)
    size = max(1, -(-chunks // max(1, others() * PARTS))) * of
    return [slice(start, min(start + size, n)) for start in range(0, max(n, 1), size)]


def fanned(
    scan: Scan, score: Any, model: Any, X: Any, candidates: Positions, *, chunk: int
) -> NDArray[np.float64] | None:
    """Let others scan the candidates, each a part; None where that does not pay, or cannot be.

    Parameters
    ----------
    scan : callable
        What scans a part.
    score, model, X, candidates
        What it is called with.
    chunk : int
        Rows it looks at together.

    Returns
    -------
    ndarray of shape (n_candidates,) or None

    Examples
    --------
    >>> fanned(None, None, None, np.eye(2), np.arange(2), chunk=1) is None
    True
    """
    if len(candidates) < PAYS or not others():
        return None
    place = located(X)
    if place is None:
        return None
    tasks = [(scan, score, model, place, candidates[part])
             for part in pieces(len(candidates), of=chunk)]  # fmt: skip
    return np.concatenate(each(_part, tasks))


def _part(
    scan: Scan, score: Any, model: Any, place: Place, candidates: Positions
) -> NDArray[np.float64]:
    return scan(score, model, place.open(), candidates)


@dataclass(frozen=True, slots=True)
class MappedRows:
    """Where the parts of a sparse matrix lie."""

    parts: tuple[Mapped, ...]
    shape: tuple[int, int]

    def open(self) -> sparse.csr_matrix:
        """Return the matrix, memory-mapped."""
        arrays = tuple(part.open() for part in self.parts)
        matrix = sparse.csr_matrix(arrays, shape=self.shape, copy=False)
        matrix.has_sorted_indices = True
        return matrix


Place = Mapped | MappedRows


def located(X: Any) -> Place | None:
    """Return where rows lie; None for those that are not in files, or not as they are.

    Examples
    --------
    >>> located(np.eye(3)) is None
    True
    """
    if not sparse.issparse(X):
        return place_of(X) if isinstance(X, np.ndarray) else None
    if X.format != "csr":
        return None
    parts = [place_of(array) for array in (X.data, X.indices, X.indptr)]
    found = tuple(part for part in parts if part is not None)
    return MappedRows(found, X.shape) if len(found) == len(parts) else None
