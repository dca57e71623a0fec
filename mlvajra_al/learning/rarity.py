"""Labels of which there are hardly any examples: ask for what could be another one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.learning.scanning import scan
from mlvajra_al.learning.selectors import DIVERSIFIED_BATCHES, Choice, Positions, spread, top
from mlvajra_al.learning.utilities import probabilities

ENOUGH = 10
"""Examples from which a label is no longer looked for."""
SCARCE = 5
"""Of a label that is looked for there are so many times fewer examples than of an average one."""


def scarce(labels: ArrayLike | None) -> list[Any]:
    """Return the labels of which there are far fewer examples than of the others, fewest first.

    Examples
    --------
    >>> scarce(["ham"] * 30 + ["spam"] * 2)
    ['spam']
    >>> scarce(["ham"] * 6 + ["spam"] * 2)
    []
    """
    if labels is None or not len(np.asarray(labels)):
        return []
    names, counts = np.unique(np.asarray(labels), return_counts=True)
    few = (counts < ENOUGH) & (counts * len(names) * SCARCE < counts.sum())
    order = np.argsort(counts, kind="stable")
    return [names[place].item() for place in order if few[place] and len(names) > 1]


def rare(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Fill half of each batch with what most likely has the scarcest label, half with doubts.

    Margin sampling alone asks what lies at the border, and of a label that one sample in a
    hundred has, most lie beyond it as long as few are known.

    References
    ----------
    .. [1] J. Attenberg and F. Provost, "Why label when you can search? Alternatives to active
       learning for applying human resources to build classification models under extreme class
       imbalance", KDD 2010.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.selectors import Known
    >>> X = np.linspace(0, 1, 30)[:, None]
    >>> y = np.array(["ham"] * 19 + ["spam"])
    >>> model = LogisticRegression(class_weight="balanced").fit(X[:20], y)
    >>> choice = Choice(X, np.arange(20, 30), np.ones(10), 2, Known(X[:20], y), model)
    >>> int(rare(choice, 2, np.random.default_rng(0))[0])
    9
    """
    behind = spread(choice, n, rng)
    wanted = scarce(choice.known.labels)[:1]
    sought = np.flatnonzero(np.isin(np.asarray(choice.model.classes_), wanted))
    half = -(-choice.batch_size // 2)
    if not len(sought):
        return behind
    likely = _likelihood(choice, int(sought[0]))
    first = top(likely, min(n, half * DIVERSIFIED_BATCHES), rng)
    return _alternating(first, behind[~np.isin(behind, first)], half, choice.batch_size - half)[:n]


def _likelihood(choice: Choice, label: int) -> NDArray[np.float64]:
    return scan(
        lambda rows: probabilities(choice.model, rows)[:, label],
        choice.model, choice.X, choice.candidates,
    )  # fmt: skip


def _alternating(one: Positions, other: Positions, some: int, more: int) -> Positions:
    """Return so many of the one, so many of the other, and so on; then what is left."""
    turn_of_one = np.arange(len(one)) // some
    turn_of_other = np.arange(len(other)) // more if more else np.full(len(other), len(one))
    turns = np.concatenate([turn_of_one, turn_of_other])
    return np.concatenate([one, other])[np.argsort(turns, kind="stable")]
