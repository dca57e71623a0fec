"""Which samples to ask about: a utility per sample, higher = ask first, and a selector.

To add a strategy, write a utility (probabilities in, one number a sample out) or a selector,
and put both into `STRATEGIES`; the contract tests run over every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning.coldstart import SAMPLED, cluster, compact, first_batch
from mlvajra_al.learning.rows import take

Positions = NDArray[np.intp]
Utilities = NDArray[np.float64]
Utility = Callable[[NDArray[Any]], NDArray[Any]]

CHUNK = 16_384
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


Selector = Callable[[Choice, int, np.random.Generator], Positions]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One utility and one selector, what they need, and why a sample is asked, in words."""

    utility: Utility | None
    selector: Selector
    needs: Literal["nothing", "features", "model"]
    why: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order they should be asked, as successive batches."""

    positions: Positions
    utilities: Utilities
    strategy: str
    why: str


def least_confident(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return one minus the probability of the likeliest label.

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
    return np.asarray(-(positive * np.log(positive)).sum(axis=1))


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


def _highest(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    return top(choice.utilities, n, rng)


def _spread(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Cluster the most uncertain and take the most uncertain of each cluster, batch by batch.

    After F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019, who takes
    the one nearest to the centre.
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


def _cold_start(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    size = min(choice.batch_size, n)
    some = rng.permutation(len(choice.candidates))[: max(SAMPLED, 5 * size)]
    some.sort()
    first = some[first_batch(take(choice.X, choice.candidates[some]), size, rng=rng)]
    others = np.setdiff1d(np.arange(len(choice.candidates)), first)
    return np.concatenate([first, rng.permutation(others)[: n - len(first)]])


STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(None, _highest, "nothing", "drawn at random"),
    "cold_start": Strategy(
        None, _cold_start, "features", "there is no model yet, and it stands for many like it"
    ),
    "least_confident": Strategy(
        least_confident, _highest, "model", "the model is least sure of its answer"
    ),
    "margin": Strategy(
        margin, _highest, "model", "the model hesitates between its two likeliest labels"
    ),
    "entropy": Strategy(entropy, _highest, "model", "the model's answer is spread over labels"),
    "diversified_margin": Strategy(
        margin,
        _spread,
        "model",
        "the model hesitates between its two likeliest labels, and it differs from the others",
    ),
}


def choose(model: Any) -> str:
    """Return the strategy that `auto` stands for.

    Diversified margin needed the fewest labels on spam and digits and was within noise of the
    best on breast cancer (benchmarks/label_efficiency.py); without a model, a cold start.

    Examples
    --------
    >>> choose(None)
    'cold_start'
    """
    return "cold_start" if model is None else "diversified_margin"


def select_batch(
    model: Any,
    X_pool: Any,
    *,
    strategy: str = "auto",
    batch_size: int = 10,
    rng: np.random.Generator,
    labelled: ArrayLike | None = None,
) -> Positions:
    """Pick the samples of the pool whose labels would teach the model most.

    Parameters
    ----------
    model : classifier with ``predict_proba`` or ``decision_function``, or None
        Without a model, `auto` picks a first batch.
    X_pool : ndarray or sparse matrix of shape (n_pool, n_features)
        Or whatever the model's ``predict_proba`` takes.
    strategy : str
        A key of `STRATEGIES`, or "auto".
    batch_size : int
    rng : numpy.random.Generator
        Breaks ties; seed it to reproduce a batch.
    labelled : array-like of int, optional
        Positions in `X_pool` that are not to be picked.

    Returns
    -------
    ndarray of int, shape (batch_size,)
        Positions in `X_pool`, most informative first.

    Raises
    ------
    PoolExhausted
        If `batch_size` exceeds the pool.
    Invalid
        If there is no such strategy, or it needs a model and there is none.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", TR 1648, UW-Madison, 2009.

    Examples
    --------
    >>> X = np.array([[-3.0], [-0.1], [0.2], [4.0]])
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> select_batch(model, X, strategy="margin", batch_size=2, rng=np.random.default_rng(0),
    ...              labelled=[3]).tolist()
    [2, 1]
    """
    return rank(
        model,
        X_pool,
        np.arange(_length(X_pool)),
        strategy=strategy,
        batch_size=batch_size,
        n=batch_size,
        rng=rng,
        labelled=labelled,
    ).positions


def rank(
    model: Any,
    X: Any,
    candidates: Positions,
    *,
    strategy: str = "auto",
    batch_size: int,
    n: int,
    rng: np.random.Generator,
    labelled: ArrayLike | None = None,
) -> Ranking:
    """Put the best `n` candidates in the order they should be asked, as successive batches.

    Parameters
    ----------
    model : classifier or None
    X : ndarray, sparse matrix or data frame of n_pool rows
    candidates : ndarray of int
        Positions in `X` that may be asked.
    strategy : str
        A key of `STRATEGIES`, or "auto".
    batch_size : int
        Answers until the next retrain: within a batch samples are spread out.
    n : int
    rng : numpy.random.Generator
    labelled : array-like of int, optional
        Positions that are not to be asked.

    Returns
    -------
    Ranking

    Raises
    ------
    PoolExhausted
        If fewer than `n` candidates are left.
    Invalid
        If there is no such strategy, or it needs a model and there is none.

    Examples
    --------
    >>> X = np.array([[-3.0], [-0.1], [0.3], [4.0]])
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> ranking = rank(model, X, np.array([0, 1, 3]), batch_size=1, n=2,
    ...                rng=np.random.default_rng(0))
    >>> ranking.positions.tolist(), ranking.strategy
    ([1, 0], 'diversified_margin')
    """
    name = choose(model) if strategy == "auto" else strategy
    plan = _plan(name, model)
    candidates = np.asarray(candidates, dtype=np.intp)
    if labelled is not None:
        candidates = candidates[~np.isin(candidates, np.asarray(labelled))]
    if n > len(candidates):
        raise PoolExhausted(available=len(candidates), requested=n)
    utilities = _utilities(plan, model, X, candidates, rng=rng)
    places = plan.selector(Choice(X, candidates, utilities, max(batch_size, 1)), n, rng)
    return Ranking(candidates[places], utilities[places], name, plan.why)


def _plan(name: str, model: Any) -> Strategy:
    if name not in STRATEGIES:
        known = ", ".join(["auto", *STRATEGIES])
        raise Invalid(f"there is no strategy {name!r}; choose one of: {known}")
    if STRATEGIES[name].needs == "model" and model is None:
        raise Invalid(f"strategy {name!r} needs a fitted model; use 'auto' or 'random' before")
    return STRATEGIES[name]


def _utilities(
    plan: Strategy, model: Any, X: Any, candidates: Positions, *, rng: np.random.Generator
) -> Utilities:
    if plan.utility is None:
        return rng.random(len(candidates))
    out = np.empty(len(candidates), dtype=np.float64)
    # the threads of boosted trees wait for each other busily, which starves whoever labels
    with threadpool_limits(None if hasattr(model, "coef_") else 1):
        for start, rows in _chunks(X, candidates):
            scores = plan.utility(probabilities(model, rows))
            out[start : start + len(scores)] = scores
    return np.nan_to_num(out, nan=0.0)


def _chunks(X: Any, candidates: Positions) -> Iterator[tuple[int, Any]]:
    """Yield runs of candidate rows, as views where the candidates are all rows."""
    everything = len(candidates) == _length(X) and not hasattr(X, "iloc")
    for start in range(0, len(candidates), CHUNK):
        stop = min(start + CHUNK, len(candidates))
        rows = X[start:stop] if everything else take(X, candidates[start:stop])
        yield start, rows


def _length(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def probabilities(model: Any, X: Any) -> NDArray[Any]:
    """Return a probability per label, in float32 where the model is a logistic regression.

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
    if type(model) is LogisticRegression and getattr(X, "dtype", None) == np.float32:
        weights, intercepts = (part.astype(np.float32) for part in (model.coef_, model.intercept_))
        by_label = np.asarray(X @ weights.T).T if sparse.issparse(X) else weights @ X.T
        return _as_probabilities(by_label + intercepts[:, None])
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X))
    decision = np.asarray(model.decision_function(X))
    return _as_probabilities(decision.reshape(len(decision), -1).T)


def _as_probabilities(decision: NDArray[Any]) -> NDArray[Any]:
    """Return a row per sample of what comes as a row per label, which is quicker to compute."""
    if len(decision) == 1:
        positive = expit(decision[0])
        return np.stack([1 - positive, positive]).T
    shares = np.exp(decision - decision.max(axis=0))
    return np.asarray((shares / shares.sum(axis=0)).T)
