"""Which of the scored samples make up the batches: the highest, spread out, or typical."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlvajra_al.learning.coldstart import (
    SAMPLED,
    Kind,
    cluster,
    compact,
    finite,
    first_batch,
    has_clusters,
    unlike,
)
from mlvajra_al.learning.rows import stack, take
from mlvajra_al.learning.scanning import chunks, scan

Positions = NDArray[np.intp]
Utilities = NDArray[np.float64]
Pick = Literal["most doubtful", "nearest", "any of the nearer half"]
"""Which row of a cluster is asked."""

SHORTLIST, FOCUS = 50, 10
"""Batches' worth of the most uncertain samples that a batch is spread over: wide and narrow."""
SHARPNESS, LEAST = 8, 1e-6
"""Power of the utility by which the most uncertain draw the centres of clusters to themselves,
and the weight up to which a row has no say."""
REMEMBERED = 2_000
"""So many of the labelled samples candidates are compared with."""
RUN = 256
"""Utilities of which the maximum stands for all, while the highest are looked for."""
DIVERSIFIED_BATCHES = 5
"""Batches of a ranking that are spread out; by then the next version has arrived."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is labelled already: its rows, and their labels where a strategy was told them."""

    rows: Any = None
    labels: NDArray[Any] | None = None

    def __len__(self) -> int:
        """Return how many rows are labelled."""
        return 0 if self.rows is None else int(np.shape(self.rows)[0])


@dataclass(frozen=True, slots=True)
class Choice:
    """What a selector chooses from: candidates are positions in `X`, utilities are theirs."""

    X: Any
    candidates: Positions
    utilities: Utilities
    batch_size: int
    known: Known = field(default_factory=Known)
    model: Any = None


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
    least = nth_highest(utilities, n)
    above, equal = np.flatnonzero(utilities > least), np.flatnonzero(utilities == least)
    drawn = rng.choice(equal, size=n - len(above), replace=False)
    chosen = rng.permutation(above) if len(np.unique(utilities[above])) < len(above) else above
    chosen = chosen[np.argsort(-utilities[chosen], kind="stable")]
    return np.concatenate([chosen, drawn])


def nth_highest(utilities: Utilities, n: int) -> float:
    """Return the `n`-th highest of at least `n` utilities.

    The `n`-th highest of the maxima of runs of utilities is not above it, so that most of a
    large pool need not be looked at twice.

    Examples
    --------
    >>> nth_highest(np.array([0.1, 0.9, 0.5]), 2)
    0.5
    """
    runs = len(utilities) // RUN
    if runs > n:
        maxima = utilities[: runs * RUN].reshape(runs, RUN).max(axis=1)
        utilities = utilities[utilities >= np.partition(maxima, runs - n)[runs - n]]
    return float(np.partition(utilities, len(utilities) - n)[len(utilities) - n])


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
    """Cluster the most uncertain and take what is nearest to each centre, batch by batch.

    A row draws its centre by the eighth power of its utility: the centres come to lie where
    doubts are greatest, and what stands for many of them is asked. Where they have no clusters,
    any of the half nearest to each centre may be: else the margins would never be.

    References
    ----------
    .. [1] F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019; there the
       power is one.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0]], dtype=np.float32)
    >>> choice = Choice(X, np.arange(3), np.array([0.9, 0.8, 0.7]), batch_size=2)
    >>> spread(choice, 2, np.random.default_rng(0)).tolist()
    [0, 2]
    """
    return _spread_over(SHORTLIST, choice, n, rng, sharp=True)


def focused(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Cluster ten batches' worth of the most uncertain and take the most uncertain of each.

    References
    ----------
    .. [1] F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019; there the
       nearest to each centre is taken.

    Examples
    --------
    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> choice = Choice(X, np.arange(40), np.linspace(0, 1, 40), batch_size=2)
    >>> bool(min(focused(choice, 2, np.random.default_rng(0))) >= 20)
    True
    """
    return _spread_over(FOCUS, choice, n, rng, sharp=False)


def _spread_over(
    batches: int, choice: Choice, n: int, rng: np.random.Generator, *, sharp: bool
) -> Positions:
    size = choice.batch_size
    rounds = min(-(-n // size), DIVERSIFIED_BATCHES) if size > 1 else 0
    near_by = batches * size
    ranked = top(choice.utilities, max(n, near_by + rounds * size), rng)
    shortlist = ranked[: near_by + rounds * size if rounds else 0]
    Z = compact(take(choice.X, choice.candidates[shortlist]), rng=rng)
    left, chosen = np.arange(len(shortlist)), []
    pick: Pick = "most doubtful"
    if sharp and rounds:
        clustered = has_clusters(Z[:near_by], size, rng=rng)
        pick = "nearest" if clustered else "any of the nearer half"
    for _ in range(rounds):
        near = left[:near_by]
        found = _one_per_cluster(
            Z[near], choice.utilities[shortlist[near]], size, rng=rng, pick=pick
        )
        picked = near[found]
        chosen.append(shortlist[picked])
        left = np.setdiff1d(left, picked)
    taken = np.concatenate([*chosen, np.empty(0, dtype=np.intp)])
    rest = ranked[~np.isin(ranked, taken)]
    return np.concatenate([taken, rest])[:n].astype(np.intp)


def _one_per_cluster(
    Z: NDArray[np.float32], utilities: Utilities, n: int, *, rng: np.random.Generator, pick: Pick
) -> Positions:
    """Return one row of each cluster; rows come sorted, the most uncertain first."""
    if len(Z) <= n:
        return np.arange(len(Z))
    weights = utilities / max(float(utilities.max()), 1e-12)
    if pick != "most doubtful":
        weights = weights**SHARPNESS
        Z = Z[: max(n, np.count_nonzero(weights > LEAST))]
    weights = np.maximum(weights[: len(Z)], LEAST)
    labels, distances = cluster(Z, n, rng=rng, weights=weights)
    order = np.lexsort((_worth(pick, labels, distances, weights, rng), labels))
    _, places = np.unique(labels[order], return_index=True)
    first = order[places]
    if len(first) < n:
        others = np.setdiff1d(np.arange(len(Z)), first)
        first = np.concatenate([first, others[: n - len(first)]])
    return np.sort(first)


def _worth(
    pick: Pick,
    labels: NDArray[np.intp],
    distances: NDArray[np.float64],
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return numbers of which the least of each cluster is picked; halves are drawn by weight.

    References
    ----------
    .. [1] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a reservoir",
       Information Processing Letters 97(5), 2006.
    """
    if pick == "most doubtful":
        return np.arange(len(labels), dtype=np.float64)
    if pick == "nearest":
        return distances
    order, sizes = np.lexsort((distances, labels)), np.bincount(labels)
    place = np.empty(len(labels))
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.where(2 * place < sizes[labels], rng.exponential(size=len(labels)) / weights, np.inf)


def dense(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take the samples of the highest utility times information density.

    The density of a sample is its mean cosine similarity to all candidates, brought to 0 to 1:
    what is unlike everything else teaches little about it.

    References
    ----------
    .. [1] B. Settles and M. Craven, "An analysis of active learning strategies for sequence
       labeling tasks", EMNLP 2008.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]])
    >>> choice = Choice(X, np.arange(3), np.array([0.5, 0.5, 0.6]), batch_size=1)
    >>> dense(choice, 1, np.random.default_rng(0)).tolist()
    [1]
    """
    if not len(choice.candidates):
        return np.empty(0, dtype=np.intp)
    total: Any = 0.0
    for rows in chunks(choice.X, choice.candidates):
        total = total + np.asarray(_directions(rows).sum(axis=0), dtype=np.float64).ravel()
    centre = total / len(choice.candidates)
    likeness = scan(lambda rows: _directions(rows) @ centre, None, choice.X, choice.candidates)
    return top(choice.utilities * (1 + likeness) / 2, n, rng)


def _directions(X: Any) -> Any:
    """Return rows of length one; rows of zeros stay as they are."""
    X = (X if sparse.issparse(X) else finite(X)).astype(np.float64)
    squares = np.asarray(X.multiply(X).sum(axis=1)).ravel() if sparse.issparse(X) else (X**2).sum(1)
    scale = 1 / np.sqrt(np.where(squares > 0, squares, 1))
    return sparse.diags_array(scale) @ X if sparse.issparse(X) else X * scale[:, None]


def ranked(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take one after another what is doubtful and unlike all that is labelled or taken before.

    The fewer labels there are, the more being different counts: its share is
    unlabelled / (unlabelled + labelled). Of a larger pool 20,000 drawn samples are compared.

    References
    ----------
    .. [1] T. N. C. Cardoso, R. M. Silva, S. Canuto, M. M. Moro and M. A. Goncalves, "Ranked
       batch-mode active learning", Information Sciences 379, 2017.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [5.0]])
    >>> choice = Choice(X, np.arange(3), np.array([0.9, 0.8, 0.7]), 2, Known(np.array([[-1.0]])))
    >>> ranked(choice, 2, np.random.default_rng(0)).tolist()
    [2, 0]
    """
    some = np.sort(rng.permutation(len(choice.candidates))[: max(SAMPLED, n)])
    Z, known = together(choice, some, rng=rng)
    nearest = np.full(len(some), np.inf)
    for row in known:
        nearest = np.minimum(nearest, _distances(Z, row))
    share = len(some) / max(len(some) + max(len(known), 1), 1)
    utilities, order = choice.utilities[some], rng.permutation(len(some))
    taken = np.empty(min(n, len(some)), dtype=np.intp)
    for place in range(len(taken)):
        likeness = 1 / (1 + nearest)
        worth = share * (1 - likeness) + (1 - share) * utilities
        worth[taken[:place]] = -np.inf
        taken[place] = order[np.argmax(worth[order])]
        nearest = np.minimum(nearest, _distances(Z, Z[taken[place]]))
    return np.asarray(some[taken])


def _distances(Z: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(Z - row, axis=1), dtype=np.float64)


def evenly(n: int, most: int) -> Positions:
    """Return at most so many of `n` places, from the first to the last.

    Examples
    --------
    >>> evenly(5, 3).tolist(), evenly(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.intp))


def together(
    choice: Choice, places: Positions, *, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return candidates and what is labelled, or some of it, in the same few dimensions.

    Examples
    --------
    >>> choice = Choice(np.eye(3), np.arange(3), np.zeros(3), 1, Known(np.ones((1, 3))))
    >>> rows, known = together(choice, np.array([2]), rng=np.random.default_rng(0))
    >>> rows.tolist(), known.tolist()
    ([[0.0, 0.0, 1.0]], [[1.0, 1.0, 1.0]])
    """
    rows = take(choice.X, choice.candidates[places])
    if not len(choice.known):
        return compact(rows, rng=rng), np.empty((0, 1), dtype=np.float32)
    known = take(choice.known.rows, evenly(len(choice.known), REMEMBERED))
    Z = compact(stack(rows, known), rng=rng)
    return Z[: len(places)], Z[len(places) :]


def cold_start(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take a varied first batch, and random samples behind it.

    Where something is labelled already and there is still no model, all labels so far are the
    same: then half of the batch is what differs most from them, and half is drawn at random.

    References
    ----------
    .. [1] J. Zhu, H. Wang, T. Yao and B. K. Tsou, "Active learning with sampling by
       uncertainty and density for word sense disambiguation and text classification",
       COLING 2008.
    .. [2] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite
       strategies suit high and low budgets", ICML 2022.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]], dtype=np.float32)
    >>> choice = Choice(X, np.arange(4), np.zeros(4), batch_size=2)
    >>> first = cold_start(choice, 4, np.random.default_rng(0))[:2]
    >>> sorted(X[first, 0] > 5)
    [np.False_, np.True_]
    """
    if not len(choice.known):
        return _clustered(choice, n, rng, kind="auto")
    order = rng.permutation(len(choice.candidates))
    some = np.sort(order[:SAMPLED])
    half = -(-min(choice.batch_size, n) // 2)
    rows = take(choice.X, choice.candidates[some])
    other = some[unlike(rows, half, rng=rng, known=choice.known.rows)]
    return np.concatenate([other, order[~np.isin(order, other)]])[:n]


def typical(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take the most typical sample of each cluster without a label, and random ones behind.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite
       strategies suit high and low budgets", ICML 2022.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0], [9.1], [9.2]], dtype=np.float32)
    >>> known = Known(X[:1])
    >>> choice = Choice(X, np.arange(1, 5), np.zeros(4), batch_size=1, known=known)
    >>> typical(choice, 1, np.random.default_rng(0)).tolist()
    [2]
    """
    return _clustered(choice, n, rng, kind="typiclust")


def _clustered(choice: Choice, n: int, rng: np.random.Generator, *, kind: Kind) -> Positions:
    size = min(choice.batch_size, n)
    some = rng.permutation(len(choice.candidates))[: max(SAMPLED, 5 * size)]
    some.sort()
    rows = take(choice.X, choice.candidates[some])
    first = some[first_batch(rows, size, rng=rng, kind=kind, known=choice.known.rows)]
    others = np.ones(len(choice.candidates), dtype=bool)
    others[first] = False
    return np.concatenate([first, rng.permutation(np.flatnonzero(others))[: n - len(first)]])
