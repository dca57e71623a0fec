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
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.selectors import (
    Choice,
    Positions,
    Utilities,
    cold_start,
    highest,
    spread,
)
from mlvajra_al.learning.utilities import entropy, least_confident, margin, probabilities

Utility = Callable[[NDArray[Any]], NDArray[Any]]
Selector = Callable[[Choice, int, np.random.Generator], Positions]

CHUNK = 16_384


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


STRATEGIES: dict[str, Strategy] = {
    "random": Strategy(None, highest, "nothing", "drawn at random"),
    "cold_start": Strategy(
        None, cold_start, "features", "there is no model yet, and it stands for many like it"
    ),
    "least_confident": Strategy(
        least_confident, highest, "model", "the model is least sure of its answer"
    ),
    "margin": Strategy(
        margin, highest, "model", "the model hesitates between its two likeliest labels"
    ),
    "entropy": Strategy(entropy, highest, "model", "the model's answer is spread over labels"),
    "diversified_margin": Strategy(
        margin,
        spread,
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
    >>> from sklearn.linear_model import LogisticRegression
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
    >>> from sklearn.linear_model import LogisticRegression
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
