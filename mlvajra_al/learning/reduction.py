"""Which label would make the model surer of the whole pool: try them out and see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.refitting import refit
from mlvajra_al.learning.rows import stack, take
from mlvajra_al.learning.selectors import Choice, Positions, top
from mlvajra_al.learning.utilities import least_confident, probabilities

TRIED = 16
"""Samples whose labels are tried out; each takes a fit per likely label."""
LIKELY = 3
JUDGED = 500
"""Samples of the pool by which the outcome is judged."""


def expected_error(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take what would leave the least error on the pool, whichever label it turns out to have.

    The most doubtful samples are tried with each of their likeliest labels: a copy of the model
    learns it and estimates its own error on a part of the pool. The others wait behind them.

    Parameters
    ----------
    choice : Choice
        With model, and what is known with its labels.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)
        Places among the candidates.

    References
    ----------
    .. [1] N. Roy and A. McCallum, "Toward optimal active learning through sampling estimation
       of error reduction", ICML 2001.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.selectors import Known
    >>> X, y = np.array([[-2.0], [2.0], [0.1], [0.2], [9.0]]), np.array(["a", "b"])
    >>> choice = Choice(X, np.array([2, 3, 4]), np.array([0.9, 0.8, 0.0]), 1,
    ...                 Known(X[:2], y), LogisticRegression().fit(X[:2], y))
    >>> len(expected_error(choice, 2, np.random.default_rng(0)))
    2
    """
    order = top(choice.utilities, max(n, TRIED), rng)
    tried, behind = order[:TRIED], order[TRIED:]
    if len(tried) < 2:
        return order[:n]
    drawn = np.sort(rng.permutation(len(choice.candidates))[:JUDGED])
    judged = take(choice.X, choice.candidates[drawn])
    known, seed = choice.known, int(rng.integers(2**31))
    left = np.zeros(len(tried))
    with threadpool_limits(1):
        for place, row, label, share in _trials(choice, tried):
            copy = refit(
                choice.model,
                stack(known.rows, row),
                np.append(np.asarray(known.labels), label),
                rng=np.random.default_rng(seed),
            )
            left[place] += share * least_confident(probabilities(copy, judged)).mean()
    return np.concatenate([tried[np.argsort(left, kind="stable")], behind])[:n]


def _trials(choice: Choice, tried: Positions) -> Iterator[tuple[int, Any, Any, float]]:
    """Yield places, rows and likely labels of the samples to try, with their probabilities."""
    rows = take(choice.X, choice.candidates[tried])
    p = np.nan_to_num(probabilities(choice.model, rows))
    labels = np.asarray(choice.model.classes_)
    for place in range(len(tried)):
        likely = np.argsort(-p[place], kind="stable")[:LIKELY]
        shares = p[place, likely] / max(p[place, likely].sum(), 1e-12)
        for label, share in zip(labels[likely], shares, strict=True):
            if share > 0.01:
                yield place, take(rows, [place]), label, float(share)
