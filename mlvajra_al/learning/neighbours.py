"""What the labelled samples nearest to one say of it, beside what the model says.

A model is sure far from its borders, also where what is labelled near by has another label: where
it has learned too little to bend. So doubts are those of both, the model's probabilities and those
of a kernel over the labelled samples, as in a committee of one that draws borders and one that
remembers.

References
----------
.. [1] E. A. Nadaraya, "On estimating regression", Theory of Probability & Its Applications 9(1),
   1964.
.. [2] H. S. Seung, M. Opper and H. Sompolinsky, "Query by committee", COLT 1992.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning.rows import take
from mlvajra_al.learning.selectors import (
    REMEMBERED,
    SHORTLIST,
    Choice,
    Positions,
    evenly,
    together,
    top,
)
from mlvajra_al.learning.utilities import bare, probabilities

SHARE = 0.3
"""What the neighbours' opinion weighs beside the model's, once there are many."""
HALF = 20
"""Labels at which it weighs half of that."""
AMONG = 2_000
"""So many of the most doubtful are compared with what is labelled."""
BLOCK = 500
"""So many rows are compared at once."""
LOOKED_AT = 500
"""So many of these tell how far apart samples lie."""

Select = Callable[[Choice, int, np.random.Generator], Positions]
Utility = Callable[[NDArray[Any]], NDArray[Any]]


def heeding(select: Select, utility: Utility) -> Select:
    """Return a selector that chooses by the doubts of model and neighbours together.

    Parameters
    ----------
    select : callable
        A selector.
    utility : callable
        What makes doubts of probabilities.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.selectors import Known, highest
    >>> from mlvajra_al.learning.utilities import margin
    >>> known = np.array([[-2.0], [-1.0], [1.0], [2.0], [3.0], [4.0]] * 9 + [[5.0]])
    >>> labels = np.array(["a", "a", "b", "b", "b", "b"] * 9 + ["a"])
    >>> model = LogisticRegression().fit(known, labels)
    >>> X = np.array([[0.9], [4.9]])
    >>> doubts = margin(model.predict_proba(X))
    >>> choice = Choice(X, np.arange(2), doubts, 1, Known(known, labels), model)
    >>> rng = np.random.default_rng(0)
    >>> highest(choice, 1, rng).tolist(), heeding(highest, margin)(choice, 1, rng).tolist()
    ([0], [1])
    """

    def chosen(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
        return select(heeded(choice, utility, rng=rng), n, rng)

    return chosen


def heeded(choice: Choice, utility: Utility, *, rng: np.random.Generator) -> Choice:
    """Return a choice whose most doubtful candidates are doubted by both, model and neighbours.

    References
    ----------
    .. [1] E. A. Nadaraya, "On estimating regression", Theory of Probability & Its Applications
       9(1), 1964.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.selectors import Known
    >>> from mlvajra_al.learning.utilities import margin
    >>> known, labels = np.array([[-1.0], [1.0], [5.0]] * 9), np.array(["a", "b", "a"] * 9)
    >>> model = LogisticRegression().fit(known[:2], labels[:2])
    >>> X = np.array([[1.1], [4.9]])
    >>> doubts = margin(model.predict_proba(X))
    >>> choice = Choice(X, np.arange(2), doubts, 1, Known(known, labels), model)
    >>> before = choice.utilities.copy()
    >>> now = heeded(choice, margin, rng=np.random.default_rng(0)).utilities
    >>> (now > before).tolist()
    [False, True]
    """
    known, labels = choice.known, choice.known.labels
    if labels is None or not len(known) or not len(choice.candidates):
        return choice
    near = top(choice.utilities, max(AMONG, SHORTLIST * choice.batch_size), rng)
    some = evenly(len(known), REMEMBERED)
    if labels.ndim == 1:
        given = labels[some][:, None] == np.asarray(bare(choice.model).classes_)[None]
        some, given = some[given.any(axis=1)], given[given.any(axis=1)]
    else:  # which of its labels the model knows each sample has, if any
        given = labels[some].astype(bool)
    if not len(some):
        return choice
    few = replace(known, rows=take(known.rows, some), labels=labels[some])
    Z, remembered = together(replace(choice, known=few), near, rng=rng)
    said = _said(Z, remembered, given)
    told = np.asarray(
        probabilities(choice.model, take(choice.X, choice.candidates[near])), dtype=np.float64
    )
    share = SHARE * len(known) / (len(known) + HALF)
    utilities = choice.utilities.copy()
    utilities[near] = utility((1 - share) * told + share * said)
    return replace(choice, utilities=utilities)


def _said(
    Z: NDArray[np.float32], remembered: NDArray[np.float32], given: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return for each row which share of what is near has each label; the nearest counts most."""
    usual = _usual(np.concatenate([Z, remembered]))
    out = np.empty((len(Z), given.shape[1]))
    for start in range(0, len(Z), BLOCK):
        apart = _squared(Z[start : start + BLOCK], remembered)
        apart -= apart.min(axis=1, keepdims=True)
        weights = np.exp(-apart / usual)
        out[start : start + BLOCK] = weights @ given / weights.sum(axis=1, keepdims=True)
    return out


def _usual(Z: NDArray[np.float32]) -> float:
    """Return the median squared distance of a row to the nearest other one; never 0."""
    chosen = evenly(len(Z), LOOKED_AT)
    nearest = np.empty(len(chosen))
    for start in range(0, len(chosen), BLOCK // 4):
        some = chosen[start : start + BLOCK // 4]
        apart = _squared(Z[some], Z)
        apart[np.arange(len(some)), some] = np.inf
        nearest[start : start + len(some)] = apart.min(axis=1)
    usual = float(np.median(nearest)) if len(Z) > 1 else 1.0
    return usual if usual > 0 else max(float(nearest.mean()), 1e-12)


def _squared(A: NDArray[np.float32], B: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return squared distances of every row of one to every row of the other."""
    lengths = (A.astype(np.float64) ** 2).sum(axis=1)[:, None] + (B.astype(np.float64) ** 2).sum(1)
    out: NDArray[Any] = np.asarray(A @ B.T, dtype=np.float64)
    return np.asarray(np.maximum(lengths - 2 * out, 0))
