"""Measures of a classifier as plain functions: of confusion counts, or of probabilities.

To add a measure, write the function and put it into `METRICS`; the contract tests run over
every entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPSILON = 1e-15


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure, what it is computed from, and whether more is better.

    `function` takes confusion counts of shape (..., n_labels, n_labels) and keeps the leading
    shape; or indicators of the true label, probabilities and row weights, the first two of
    shape (n, n_labels), the last (n_draws, n), and returns n_draws values.
    """

    function: Callable[..., Floats]
    of: Literal["confusion", "probabilities"]
    higher_is_better: bool = True


def precision(confusion: NDArray[Any]) -> Floats:
    """Return the share of each label's predictions that are right.

    Examples
    --------
    >>> precision(np.array([[8, 2], [1, 9]])).round(2).tolist()
    [0.89, 0.82]
    """
    return _ratio(_right(confusion), confusion.sum(axis=-2))


def recall(confusion: NDArray[Any]) -> Floats:
    """Return the share of each label's samples that are found.

    Examples
    --------
    >>> recall(np.array([[8, 2], [1, 9]])).tolist()
    [0.8, 0.9]
    """
    return _ratio(_right(confusion), confusion.sum(axis=-1))


def f1(confusion: NDArray[Any]) -> Floats:
    """Return each label's harmonic mean of precision and recall.

    Columns beyond the rows are answers that are right of no sample.

    Examples
    --------
    >>> f1(np.array([[8, 2], [1, 9]])).round(3).tolist()
    [0.842, 0.857]
    """
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)[..., : confusion.shape[-2]]
    return _ratio(2 * _right(confusion), total)


def accuracy(confusion: NDArray[Any]) -> Floats:
    """Return the share of right answers.

    Examples
    --------
    >>> float(accuracy(np.array([[8, 2], [1, 9]])))
    0.85
    """
    return _ratio(_right(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def macro_f1(confusion: NDArray[Any]) -> Floats:
    """Return the mean of the labels' F1.

    Examples
    --------
    >>> float(macro_f1(np.array([[8, 2], [1, 9]])).round(3))
    0.85
    """
    return np.asarray(f1(confusion).mean(axis=-1))


def gathered(confusion: NDArray[Any], used: NDArray[np.intp]) -> NDArray[Any]:
    """Return the confusion of some labels, with other answers about their samples in one column.

    Examples
    --------
    >>> gathered(np.array([[8, 1, 1], [0, 0, 0], [2, 0, 7]]), np.array([0, 2])).tolist()
    [[8, 1, 1], [2, 7, 0]]
    """
    rows, part = confusion[used], confusion[np.ix_(used, used)]
    others = rows.sum(axis=1) - part.sum(axis=1)
    return np.column_stack([part, others]) if others.any() else part


def log_loss(truth: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """Return the mean negative logarithm of the true label's probability.

    Examples
    --------
    >>> truth, probabilities = np.eye(2), np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> log_loss(truth, probabilities, np.ones((1, 2))).round(3).tolist()
    [0.693]
    """
    likelihood = np.clip((truth * probabilities).sum(axis=1), EPSILON, 1)
    return _mean(-np.log(likelihood), weights)


def brier(truth: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """Return half the mean squared distance of probabilities from the truth.

    For two labels this is the mean squared error of either label's probability.

    References
    ----------
    .. [1] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
       Weather Review 78(1), 1950.

    Examples
    --------
    >>> brier(np.eye(2), np.array([[0.5, 0.5], [0.0, 1.0]]), np.ones((1, 2))).tolist()
    [0.125]
    """
    return _mean(((truth - probabilities) ** 2).sum(axis=1) / 2, weights)


def average_precision(truth: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """Return the precision averaged over recall; of the rarer label, or the mean of several.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 0], [0, 1]])
    >>> average_precision(truth, np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
    ...                   np.ones((1, 3))).tolist()
    [0.5]
    """
    support = truth.sum(axis=0)
    if len(support) == 2:
        chosen = [rarer(support)]
        return mean_average_precision(truth[:, chosen], probabilities[:, chosen], weights)
    return mean_average_precision(truth, probabilities, weights)


def mean_average_precision(truth: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """Return the precision averaged over recall, as the mean of all labels that occur.

    Where none does it is 0.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 0], [0, 1]])
    >>> mean_average_precision(truth, np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
    ...                        np.ones((1, 3))).round(3).tolist()
    [0.667]
    """
    found = np.flatnonzero(truth.sum(axis=0))
    if not len(found):
        return np.zeros(len(weights))
    each = [_average_precision(truth[:, c], probabilities[:, c], weights) for c in found]
    return np.asarray(np.mean(each, axis=0))


def rarer(support: NDArray[Any]) -> int:
    """Return which of two labels has fewer samples; the second if neither has.

    Examples
    --------
    >>> rarer(np.array([30, 70])), rarer(np.array([50, 50]))
    (0, 1)
    """
    return 0 if support[0] < support[1] else 1


def _average_precision(truth: Floats, score: Floats, weights: Floats) -> Floats:
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(weights[:, order] * truth[order], axis=1)[:, last_of_tie]
    asked = np.cumsum(weights[:, order], axis=1)[:, last_of_tie]
    steps = np.diff(found, axis=1, prepend=0)
    return _ratio((steps * _ratio(found, asked)).sum(axis=1), found[:, -1])


def _mean(losses: Floats, weights: Floats) -> Floats:
    return np.asarray(weights @ losses / weights.sum(axis=1))


def _right(confusion: NDArray[Any]) -> Floats:
    return np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return the quotient, 0 where there is nothing to divide by."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.asarray(np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0))


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "confusion"),
    "macro F1": Metric(macro_f1, "confusion"),
    "log loss": Metric(log_loss, "probabilities", higher_is_better=False),
    "Brier score": Metric(brier, "probabilities", higher_is_better=False),
    "average precision": Metric(average_precision, "probabilities"),
}
