"""Precision against recall, and calibration, of each label: lines to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning.intervals import FEWEST, FEWEST_OF_A_LABEL, Floats
from mlvajra_al.records import Curve

CURVE_POINTS = 200
BINS = 10
FEWEST_IN_A_BIN = 10
"""Bins with fewer samples join their neighbours: a share of one or two says nothing."""
Has = NDArray[np.bool_]
"""Which samples have which label: shape (n_samples, n_labels)."""


def precision_recall(truth: Has, p: Floats, labels: Sequence[str]) -> tuple[Curve, ...]:
    """Return a curve of each label with enough samples.

    Examples
    --------
    >>> truth, p = np.arange(20)[:, None] >= 10, np.arange(20.0)[:, None] / 20
    >>> (curve,) = precision_recall(truth, p, ["spam"])
    >>> curve.x[0], curve.y[0], curve.y[-1]
    (0.1, 1.0, 0.5)
    """
    return _of_each(_precision_recall, truth, p, labels)


def calibration(truth: Has, p: Floats, labels: Sequence[str]) -> tuple[Curve, ...]:
    """Return for each label with enough samples how often it is right, by how sure the model is.

    Examples
    --------
    >>> truth, p = np.arange(20)[:, None] >= 10, np.arange(20)[:, None] // 10 * 0.9
    >>> (curve,) = calibration(truth, p, ["spam"])
    >>> curve.x, curve.y, curve.counts
    ((0.0, 0.9), (0.0, 1.0), (10, 10))
    """
    return _of_each(_calibration, truth, p, labels)


def _of_each(
    draw: Callable[[str, Any, Floats], Curve], truth: Has, p: Floats, labels: Sequence[str]
) -> tuple[Curve, ...]:
    if len(truth) < FEWEST:
        return ()
    found = np.flatnonzero(truth.sum(axis=0) >= FEWEST_OF_A_LABEL)
    return tuple(draw(labels[at], truth[:, at], p[:, at]) for at in map(int, found))


def _precision_recall(label: str, truth: Has, score: Floats) -> Curve:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(truth[order])[ends]
    keep = np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).astype(int))
    x, y = (found / truth.sum())[keep], (found / (ends + 1))[keep]
    return Curve(label, tuple(map(float, x)), tuple(map(float, y)))


def _calibration(label: str, truth: Has, score: Floats) -> Curve:
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    starts = _starts(counts)
    n = np.add.reduceat(counts, starts)
    x = np.add.reduceat(np.bincount(bins, weights=score, minlength=BINS), starts) / n
    y = np.add.reduceat(np.bincount(bins, weights=truth, minlength=BINS), starts) / n
    return Curve(label, tuple(map(float, x)), tuple(map(float, y)), tuple(map(int, n)))


def _starts(counts: NDArray[np.intp]) -> list[int]:
    """Return where bins begin so that each has samples enough; together they have enough for one.

    >>> _starts(np.array([30, 2, 1, 0, 9, 0, 0, 0, 0, 12])), _starts(np.array([3, 8, 4]))
    ([0, 1, 5], [0])
    """
    starts, held = [0], 0
    for at, count in enumerate(counts.tolist()):
        held += count
        if held >= FEWEST_IN_A_BIN and counts[at + 1 :].sum() >= FEWEST_IN_A_BIN:
            starts.append(at + 1)
            held = 0
    return starts
