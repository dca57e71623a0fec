"""Which of the scored samples make up the batches: the highest, spread out, or to start with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning.coldstart import SAMPLED, cluster, compact, first_batch
from mlvajra_al.learning.rows import take

Positions = NDArray[np.intp]
Utilities = NDArray[np.float64]

SHORTLIST = 50
DIVERSIFIED_BATCHES = 5
"""Batches of a ranking that are spread out; by then the next version has arrived."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a selector chooses from: candidates are positions in `X`, utilities are theirs."""

    X: Any
    candidates: Positions
    utilities: Utilities
    batch_size: int


def top(utilities: Utilities, n: int, rng: np.random.Generator) -> Positions:
    """Return the places of the `n` highest utilities, highest first, ties drawn by `rng`.

    Examples
    --------
    >>> top(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    n = min(n, len(utilities))
    if n == 0:
        return np.empty(0, dtype=np.intp)
    least = np.partition(utilities, len(utilities) - n)[len(utilities) - n]
    above, equal = np.flatnonzero(utilities > least), np.flatnonzero(utilities == least)
    drawn = rng.choice(equal, size=n - len(above), replace=False)
    chosen = rng.permutation(above) if len(np.unique(utilities[above])) < len(above) else above
    chosen = chosen[np.argsort(-utilities[chosen], kind="stable")]
    return np.concatenate([chosen, drawn])


def highest(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take the samples of the highest utility.

    Examples
    --------
    >>> choice = Choice(np.eye(3), np.arange(3), np.array([0.2, 0.9, 0.5]), batch_size=2)
    >>> highest(choice, 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    return top(choice.utilities, n, rng)


def spread(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Cluster the most uncertain and take the most uncertain of each cluster, batch by batch.

    After F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019, who takes
    the one nearest to the centre.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0]], dtype=np.float32)
    >>> choice = Choice(X, np.arange(3), np.array([0.9, 0.8, 0.1]), batch_size=2)
    >>> spread(choice, 2, np.random.default_rng(0)).tolist()
    [0, 2]
    """
    size = choice.batch_size
    rounds = min(-(-n // size), DIVERSIFIED_BATCHES) if size > 1 else 0
    ranked = top(choice.utilities, max(n, (SHORTLIST + rounds) * size), rng)
    shortlist = ranked[: (SHORTLIST + rounds) * size if rounds else 0]
    Z = compact(take(choice.X, choice.candidates[shortlist]), rng=rng)
    left, chosen = np.arange(len(shortlist)), []
    for _ in range(rounds):
        near = left[: SHORTLIST * size]
        picked = near[_one_per_cluster(Z[near], choice.utilities[shortlist[near]], size, rng=rng)]
        chosen.append(shortlist[picked])
        left = np.setdiff1d(left, picked)
    taken = np.concatenate([*chosen, np.empty(0, dtype=np.intp)])
    rest = ranked[~np.isin(ranked, taken)]
    return np.concatenate([taken, rest])[:n].astype(np.intp)


def _one_per_cluster(
    Z: NDArray[np.float32], utilities: Utilities, n: int, *, rng: np.random.Generator
) -> Positions:
    """Return the first row, the most uncertain, of each cluster; rows come sorted."""
    if len(Z) <= n:
        return np.arange(len(Z))
    labels, _ = cluster(Z, n, rng=rng, weights=np.maximum(utilities, 1e-6))
    _, first = np.unique(labels, return_index=True)
    if len(first) < n:
        others = np.setdiff1d(np.arange(len(Z)), first)
        first = np.concatenate([first, others[: n - len(first)]])
    return np.sort(first)


def cold_start(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take a varied first batch, and random samples behind it.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]], dtype=np.float32)
    >>> choice = Choice(X, np.arange(4), np.zeros(4), batch_size=2)
    >>> first = cold_start(choice, 4, np.random.default_rng(0))[:2]
    >>> sorted(X[first, 0] > 5)
    [np.False_, np.True_]
    """
    size = min(choice.batch_size, n)
    some = rng.permutation(len(choice.candidates))[: max(SAMPLED, 5 * size)]
    some.sort()
    first = some[first_batch(take(choice.X, choice.candidates[some]), size, rng=rng)]
    others = np.setdiff1d(np.arange(len(choice.candidates)), first)
    return np.concatenate([first, rng.permutation(others)[: n - len(first)]])
