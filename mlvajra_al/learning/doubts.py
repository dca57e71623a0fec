"""How much a sample would teach where it may have several labels.

Probabilities come in a column per label and do not add up to one: a label is in doubt as far as
its probability is near a half.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.scanning import scan
from mlvajra_al.learning.selectors import Choice, Positions, top
from mlvajra_al.learning.utilities import probabilities

EVEN = 0.5
"""How much the doubt about labels counts beside how many of them there are."""


def binary_doubt(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return the doubt about the label that is most in doubt: one minus its margin.

    References
    ----------
    .. [1] K. Brinker, "On active learning in multi-label classification", GfKl 2006.

    Examples
    --------
    >>> binary_doubt(np.array([[0.5, 1.0], [0.25, 0.0]])).tolist()
    [1.0, 0.5]
    """
    return np.asarray(_doubts(probabilities).max(axis=1))


def mean_doubt(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return the mean doubt over the labels.

    References
    ----------
    .. [1] A. Esuli and F. Sebastiani, "Active learning strategies for multi-label text
       classification", ECIR 2009.

    Examples
    --------
    >>> mean_doubt(np.array([[0.5, 1.0], [0.25, 0.0]])).tolist()
    [0.5, 0.25]
    """
    return np.asarray(_doubts(probabilities).mean(axis=1))


def _doubts(probabilities: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 - np.abs(2 * probabilities - 1))


def loss_reduction(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take what would lower the loss most if it had as many labels as such samples have (MMC).

    How many labels a sample has is learned from its sorted probabilities; its likeliest labels are
    taken for right, all others for wrong, and the loss of saying so is what its answer would save.

    References
    ----------
    .. [1] B. Yang, J.-T. Sun, T. Wang and Z. Chen, "Effective multi-label active learning for
       text classification", KDD 2009.

    Examples
    --------
    >>> from mlvajra_al.learning.multilabel import OneVsRest
    >>> from mlvajra_al.learning.selectors import Known
    >>> X, Y = np.array([[-2.0], [-1.0], [1.0], [2.0], [0.1], [9.0]]), np.array([[1, 0], [1, 0],
    ...                                                                          [0, 1], [0, 1]])
    >>> model = OneVsRest(LogisticRegression()).fit(X[:4], Y)
    >>> choice = Choice(X, np.array([4, 5]), np.zeros(2), 1, Known(X[:4], Y), model)
    >>> loss_reduction(choice, 1, np.random.default_rng(0)).tolist()
    [0]
    """
    counter = _counter(choice)

    def saved(rows: Any) -> NDArray[Any]:
        p = probabilities(choice.model, rows)
        ordered = -np.sort(-p, axis=1)
        given = np.arange(p.shape[1]) < _counts(counter, ordered)[:, None]
        return np.asarray(np.where(given, 1 - ordered, ordered).sum(axis=1))

    return top(scan(saved, choice.model, choice.X, choice.candidates), n, rng)


def _counter(choice: Choice) -> Any:
    """Return what tells from sorted probabilities how many labels there are, or their number."""
    counts = np.asarray(choice.known.labels).sum(axis=1)
    if len(np.unique(counts)) < 2:
        return int(counts[0])
    p = probabilities(choice.model, choice.known.rows)
    return LogisticRegression(max_iter=1_000).fit(-np.sort(-p, axis=1), counts)


def _counts(counter: Any, ordered: NDArray[Any]) -> NDArray[Any]:
    if isinstance(counter, int):
        return np.full(len(ordered), counter)
    return np.asarray(counter.predict(ordered))


def unusual_count(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Take what gets another number of labels than samples have, and whose labels are in doubt.

    The difference to the mean number of labels, times the inverse of the gap that separates the
    labels given from all others.

    References
    ----------
    .. [1] X. Li and Y. Guo, "Active learning with multi-label SVM classification", IJCAI 2013.

    Examples
    --------
    >>> from mlvajra_al.learning.multilabel import OneVsRest
    >>> from mlvajra_al.learning.selectors import Known
    >>> X, Y = np.array([[-2.0], [-1.0], [1.0], [2.0], [0.0], [9.0]]), np.array([[1, 0], [1, 0],
    ...                                                                          [0, 1], [0, 1]])
    >>> model = OneVsRest(LogisticRegression()).fit(X[:4], Y)
    >>> choice = Choice(X, np.array([4, 5]), np.zeros(2), 1, Known(X[:4], Y), model)
    >>> unusual_count(choice, 1, np.random.default_rng(0)).tolist()
    [0]
    """
    usual = float(np.asarray(choice.known.labels).sum(axis=1).mean())

    def score(rows: Any) -> NDArray[Any]:
        p = probabilities(choice.model, rows)
        margins, given = np.abs(2 * p - 1), p >= 0.5
        inner = np.where(given, margins, 1).min(axis=1)
        outer = np.where(given, 1, margins).min(axis=1)
        gap = np.maximum(inner + outer, 1e-6)
        strange = np.abs(given.sum(axis=1) - usual) + 1e-6
        return np.asarray(strange ** (1 - EVEN) / gap**EVEN)

    return top(scan(score, choice.model, choice.X, choice.candidates), n, rng)
