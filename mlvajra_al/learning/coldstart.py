"""The first batch, before there is any label: varied samples that stand for many others.

References
----------
.. [1] J. Zhu, H. Wang, T. Yao and B. K. Tsou, "Active learning with sampling by uncertainty and
   density for word sense disambiguation and text classification", COLING 2008.
.. [2] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite strategies suit
   high and low budgets", ICML 2022.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning.rows import stack

Kind = Literal["auto", "kmeans", "typiclust"]

SAMPLED = 20_000
"""Rows looked at in a larger pool; more would cost time and change little."""
CLUSTERS = 500
"""At most, unless a batch is larger: smaller clusters say little."""
DIMENSIONS = 64
NEIGHBOURS = 20
STARTS, MANY = 4, 1_000_000
"""Starts of k-means of which the best counts; one, where rows times clusters are many."""
FAR = 3.0
"""Times the median distance from the middle of the pool; no row is taken to lie farther out."""
LARGE = 1e6
"""Values of sparse rows above this are scaled down: their products could become too large."""
DENSEST = 500
"""Rows of a cluster, the nearest to its centre, that are compared with each other."""
LOOKED_AT, PARTS, SHAPELESS = 2_000, 50, 0.975
"""Rows and clusters that tell whether there are clusters, and the share of the spread within those
of rows without any from which there are none."""


def first_batch(
    X: Any, n: int, *, rng: np.random.Generator, kind: Kind = "auto", known: Any = None
) -> NDArray[np.intp]:
    """Pick varied, typical samples of a pool of which little or nothing is labelled yet.

    As many clusters are made as samples are labelled and asked for; those without a label
    give one sample each.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_pool, n_features)
    n : int
    rng : numpy.random.Generator
    kind : {"auto", "kmeans", "typiclust"}
        How to pick one sample per cluster: the nearest to its centre, or the one in the
        densest place. "auto" takes the first for sparse rows, the second for dense ones, and
        any where the pool has no clusters: then what is typical is only what is in the middle.
    known : ndarray or sparse matrix of shape (n_labelled, n_features), optional
        Rows that are labelled already.

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in `X`, from the largest cluster to the smallest.

    Raises
    ------
    PoolExhausted
        If `n` exceeds the pool.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    >>> first_batch(X, 2, rng=np.random.default_rng(0), kind="kmeans").tolist()
    [1, 3]
    """
    if n > X.shape[0]:
        raise PoolExhausted(available=X.shape[0], requested=n)
    if n <= 0:
        return np.empty(0, dtype=np.intp)
    rows = np.arange(X.shape[0])
    if len(rows) > max(SAMPLED, 5 * n):
        rows = np.sort(rng.choice(rows, size=max(SAMPLED, 5 * n), replace=False))
        X = X[rows]
    labelled = 0 if known is None else known.shape[0]
    Z = _drawn_in(compact(stack(X, known) if labelled else X, rng=rng))
    typical = kind == "typiclust" or (kind == "auto" and not sparse.issparse(X))
    wanted = min(n + labelled, max(n, CLUSTERS))
    starts = STARTS if wanted * len(Z) <= MANY else 1
    labels, distances = cluster(Z, wanted, rng=rng, starts=starts)
    if kind == "auto" and not has_clusters(Z, wanted, rng=rng):
        worth = rng.random(len(Z))
    else:
        worth = _typicality(Z, labels, distances) if typical else -distances
    covered = np.bincount(labels[len(rows) :], minlength=labels.max() + 1)
    return rows[_one_each(labels[: len(rows)], worth[: len(rows)], n, covered=covered)]


def unlike(X: Any, n: int, *, rng: np.random.Generator, known: Any) -> NDArray[np.intp]:
    """Pick what differs most from all that is labelled, and from each other.

    Where a label has no example yet, it may lie where nobody has asked.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_pool, n_features)
    n : int
    rng : numpy.random.Generator
    known : ndarray or sparse matrix of shape (n_labelled, n_features)

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in `X`.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance",
       Theoretical Computer Science 38, 1985.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> unlike(X, 2, rng=np.random.default_rng(0), known=X[:1]).tolist()
    [4, 2]
    """
    Z = _drawn_in(compact(stack(X, known), rng=rng))
    pool, labelled = Z[: X.shape[0]], Z[X.shape[0] :]
    if not len(pool):
        return np.empty(0, dtype=np.intp)
    _, nearest = pairwise_distances_argmin_min(pool, labelled)
    taken = np.empty(min(n, len(pool)), dtype=np.intp)
    for place in range(len(taken)):
        taken[place] = np.argmax(nearest)
        nearest = np.minimum(nearest, np.linalg.norm(pool - pool[taken[place]], axis=1))
        nearest[taken[: place + 1]] = -1
    return taken


def compact(X: Any, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return rows fit for clustering: few, comparable dimensions.

    Wide rows are reduced by a truncated singular value decomposition and sparse ones brought
    to unit length; columns on very different scales, as trees get them, are standardised.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n_samples, at most 128)

    Examples
    --------
    >>> compact(sparse.csr_matrix(np.eye(3)), rng=np.random.default_rng(0)).shape
    (3, 3)
    """
    if X.shape[0] == 0:
        return np.empty((0, 1), dtype=np.float32)
    wide = X.shape[1] > 2 * DIMENSIONS
    if not sparse.issparse(X):
        dense = finite(X)
        even = _standardised(dense) if np.abs(dense).max() > 50 else dense
        return _reduced(even, rng=rng) if wide else even
    if not wide:
        return _unit(X.toarray())
    largest = np.abs(X.data).max(initial=0)  # abs(X) would sort the rows it is given
    if largest > LARGE:  # directions stay the same
        X = X.astype(np.float64) / largest
    return _unit(_reduced(X, rng=rng))


def finite(X: Any) -> NDArray[np.float32]:
    """Return dense rows as float32, what is missing or infinite as the mean of its column.

    Raises
    ------
    Invalid
        If the rows are not numbers.

    Examples
    --------
    >>> finite([[1.0, np.nan], [3.0, 4.0], [5.0, np.inf]]).tolist()
    [[1.0, 4.0], [3.0, 4.0], [5.0, 4.0]]
    """
    try:
        dense = np.asarray(X, dtype=np.float32)
    except (TypeError, ValueError):
        raise Invalid(
            "this strategy compares samples and needs their features as numbers; "
            "transform the pool first, or ask by 'margin'"
        ) from None
    odd = ~np.isfinite(dense)
    if not odd.any():
        return dense
    counts = np.maximum((~odd).sum(axis=0), 1)
    means = np.where(odd, 0, dense).sum(axis=0, dtype=np.float64) / counts
    return np.asarray(np.where(odd, means, dense), dtype=np.float32)


def _reduced(X: Any, *, rng: np.random.Generator) -> NDArray[np.float32]:
    size = min(DIMENSIONS, X.shape[0])
    reduce = TruncatedSVD(size, n_iter=2, random_state=int(rng.integers(2**31)))
    with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(reduce.fit_transform(X), dtype=np.float32)


def cluster(
    Z: NDArray[np.float32],
    n: int,
    *,
    rng: np.random.Generator,
    weights: NDArray[np.float64] | None = None,
    starts: int = 1,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return each row's k-means cluster and its distance to the centre.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dimensions)
    n : int
        Clusters wanted; fewer come back where there are fewer distinct rows.
    rng : numpy.random.Generator
    weights : ndarray of shape (n_samples,), optional
    starts : int
        How often to begin; the tightest clusters count.

    Returns
    -------
    labels : ndarray of int, shape (n_samples,)
    distances : ndarray of float, shape (n_samples,)

    Examples
    --------
    >>> labels, distances = cluster(np.array([[0.0], [1.0], [8.0]], dtype=np.float32), 2,
    ...                             rng=np.random.default_rng(0))
    >>> bool(labels[0] == labels[1] != labels[2]), distances.tolist()
    (True, [0.5, 0.5, 0.0])
    """
    distinct = len(np.unique(Z, axis=0)) if len(Z) <= 5_000 else len(Z)
    means = KMeans(min(n, distinct), n_init=starts, random_state=int(rng.integers(2**31)))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near copies make fewer clusters
        labels = means.fit(Z, sample_weight=weights).labels_
    distances = np.linalg.norm(Z - means.cluster_centers_[labels], axis=1)
    return labels.astype(np.intp), distances.astype(np.float64)


def has_clusters(Z: NDArray[np.float32], n: int, *, rng: np.random.Generator) -> bool:
    """Tell whether rows lie closer together than normally distributed ones of their covariance.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dimensions)
    n : int
        Clusters looked for; at most 50 are.
    rng : numpy.random.Generator

    Returns
    -------
    bool

    References
    ----------
    .. [1] R. Tibshirani, G. Walther and T. Hastie, "Estimating the number of clusters in a data set
       via the gap statistic", Journal of the Royal Statistical Society B 63, 2001; there rows are
       compared with evenly distributed ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = rng.normal(size=(500, 2)).astype(np.float32)
    >>> two = one + 9 * (np.arange(500) % 2)[:, None].astype(np.float32)
    >>> has_clusters(one, 5, rng=rng), has_clusters(two, 5, rng=rng)
    (False, True)
    """
    rng = rng.spawn(1)[0]
    few = Z[rng.permutation(len(Z))[:LOOKED_AT]].astype(np.float64)
    if len(few) < 2:
        return True
    normal = rng.multivariate_normal(
        few.mean(axis=0), np.atleast_2d(np.cov(few.T)), size=len(few), check_valid="ignore"
    )
    within = [
        float((cluster(rows.astype(np.float32), min(n, PARTS), rng=rng, starts=2)[1] ** 2).sum())
        for rows in (few, normal)
    ]
    return within[0] < SHAPELESS * within[1]


def _standardised(X: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = X.astype(np.float64)  # squares of what single precision holds are too large for it
    spread = wide.std(axis=0)
    return np.asarray((wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1), np.float32)


def _drawn_in(Z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring rows that lie far outside nearer: else each would be a cluster of its own."""
    centre = np.median(Z, axis=0)
    apart = np.linalg.norm(Z - centre, axis=1)
    share = np.minimum(1, FAR * np.median(apart) / np.maximum(apart, 1e-9))
    return np.asarray(centre + (Z - centre) * share[:, None], dtype=np.float32)


def _unit(Z: NDArray[Any]) -> NDArray[np.float32]:
    if np.abs(Z).max() > LARGE:  # squares of what single precision holds are too large for it
        Z = Z.astype(np.float64)
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    return np.asarray(Z / np.where(length > 0, length, 1), dtype=np.float32)


def _typicality(
    Z: NDArray[np.float32], labels: NDArray[np.intp], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the inverse of the mean distance to the nearest rows of the same cluster."""
    out = np.zeros(len(Z))
    with threadpool_limits(1):  # of so few rows threads would only wait for each other
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            members = members[np.argsort(distances[members], kind="stable")][:DENSEST]
            k = min(NEIGHBOURS, len(members) - 1)
            if k > 0:
                near = NearestNeighbors(n_neighbors=k + 1, n_jobs=1).fit(Z[members])
                apart, _ = near.kneighbors(Z[members])
                out[members] = 1 / np.maximum(apart[:, 1:].mean(axis=1), 1e-9)
    return out


def _one_each(
    labels: NDArray[np.intp], worth: NDArray[np.float64], n: int, *, covered: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the worthiest of each cluster, filled up by the next worthy.

    Clusters with the fewest labels, `covered`, come first, and of those the larger.
    """
    sizes = np.bincount(labels)
    order = np.lexsort((-worth, labels))
    first = np.ones(len(order), dtype=bool)
    first[1:] = labels[order][1:] != labels[order][:-1]
    best = order[first]
    best = best[np.lexsort((-sizes[labels[best]], covered[labels[best]]))]
    if len(best) < n:  # duplicates in the pool leave fewer clusters than asked for
        others = np.setdiff1d(np.arange(len(labels)), best)
        best = np.concatenate([best, others[np.argsort(-worth[others], kind="stable")]])
    return best[:n]
