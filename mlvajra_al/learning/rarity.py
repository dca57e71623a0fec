"""Labels of which there are no or hardly any examples: ask for what could be another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.learning.coldstart import SAMPLED, unlike
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.scanning import scan
from mlvajra_al.learning.selectors import (
    DIVERSIFIED_BATCHES,
    REMEMBERED,
    Choice,
    Positions,
    evenly,
    spread,
    top,
)
from mlvajra_al.learning.utilities import bare, probabilities

ENOUGH = 10
"""Examples from which a label is no longer looked for."""
SCARCE = 5
"""Of a label that is looked for there are so many times fewer examples than of an average one."""
EXPECTED = 3
"""Answers a label of the set after which one without an example is missed: most come by then."""
PATIENCE, AT_LEAST = 20, 100
"""Answers a label of the set, and at least, after which one without an example is given up."""

Select = Callable[[Choice, int, np.random.Generator], Positions]


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


def unseen(seen: Sequence[Any], label_set: Sequence[Any], *, answers: int) -> list[Any]:
    """Return the labels of the set that have no example yet and are worth looking for.

    With three answers a label most have come by themselves. With 20 a label, and at least 100,
    what still has no example is rare or not there: half of all questions would be too much for it.

    Parameters
    ----------
    seen : sequence
        Labels with examples.
    label_set : sequence
    answers : int
        How many samples are labelled.

    Examples
    --------
    >>> unseen(["ham", "spam"], ["ham", "spam", "scam"], answers=40)
    ['scam']
    >>> [unseen(["ham", "spam"], ["ham", "spam", "scam"], answers=n) for n in (8, 100)]
    [[], []]
    """
    if not EXPECTED * len(label_set) <= answers < given_up_after(label_set):
        return []
    return [label for label in label_set if label not in seen]


def given_up_after(label_set: Sequence[Any]) -> int:
    """Return after how many answers a label without an example is no longer looked for.

    Examples
    --------
    >>> given_up_after(["ham", "spam", "scam"]), given_up_after("0123456789")
    (100, 200)
    """
    return max(AT_LEAST, PATIENCE * len(label_set))


def searching(select: Select) -> Select:
    """Return a selector that fills half of each batch with what is unlike everything labelled.

    A model doubts between labels it knows; where a label lies that it has never seen, it may be
    as sure as anywhere.

    Parameters
    ----------
    select : callable
        A selector, for the other half.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance",
       Theoretical Computer Science 38, 1985.

    Examples
    --------
    >>> from mlvajra_al.learning.selectors import Known, highest
    >>> X = np.array([[0.0], [1.0], [0.1], [0.9], [3.0]])
    >>> choice = Choice(X, np.arange(2, 5), np.array([0.8, 0.9, 0.0]), 2, Known(X[:2]))
    >>> searching(highest)(choice, 2, np.random.default_rng(0)).tolist()
    [2, 1]
    """

    def chosen(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
        behind = select(choice, n, rng)
        if not len(choice.known) or not n:
            return behind
        half = -(-choice.batch_size // 2)
        some = np.sort(rng.permutation(len(choice.candidates))[:SAMPLED])
        known = take(choice.known.rows, evenly(len(choice.known), REMEMBERED))
        rows = take(choice.X, choice.candidates[some])
        first = some[unlike(rows, min(n, half * DIVERSIFIED_BATCHES), rng=rng, known=known)]
        left = behind[~np.isin(behind, first)]
        return _alternating(first, left, half, choice.batch_size - half)[:n]

    return chosen


def rare(choice: Choice, n: int, rng: np.random.Generator) -> Positions:
    """Ask what most likely has the scarcest label; of more than two, in half of each batch.

    Margin sampling alone asks what lies at the border, and of a label that one sample in a
    hundred has, most lie beyond it as long as few are known. The other half is doubts between
    the others, of which there are none where there is only one other.

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
    names = np.asarray(bare(choice.model).classes_)
    sought = np.flatnonzero(np.isin(names, scarce(choice.known.labels)[:1]))
    if not len(sought):
        return behind
    likely = _likelihood(choice, int(sought[0]))
    part = choice.batch_size if len(names) == 2 else -(-choice.batch_size // 2)
    first = top(likely, min(n, part * DIVERSIFIED_BATCHES), rng)
    return _alternating(first, behind[~np.isin(behind, first)], part, choice.batch_size - part)[:n]


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
