"""What is needed before anything is said, and how sure one can be: the posterior.

References
----------
.. [1] C. Goutte and E. Gaussier, "A probabilistic interpretation of precision, recall and
   F-score, with implication for evaluation", ECIR 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.errors import MOST_NAMED, Invalid
from mlvajra_al.records import Measure
from mlvajra_al.words import plural

Floats = NDArray[np.float64]

FEWEST = 20
"""Samples below which nothing is said."""
FEWEST_OF_A_LABEL = 5
DRAWS = 4_000


def posterior(
    cells: ArrayLike, prior: float, *, rng: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Draw shares of cells from the posterior under a symmetric Dirichlet prior.

    Parameters
    ----------
    cells : array_like of counts, any shape
    prior : float
        Pseudo-count of each cell.
    rng : numpy.random.Generator
    draws : int

    Returns
    -------
    ndarray of shape (draws, *cells.shape)

    Examples
    --------
    >>> shares = posterior([[90, 5], [5, 100]], 0.5, rng=np.random.default_rng(0))
    >>> shares.shape, float(shares[0].sum().round(6))
    ((4000, 2, 2), 1.0)
    """
    counts = np.asarray(cells, dtype=np.float64)
    drawn = rng.standard_gamma(counts + prior, size=(draws, *counts.shape))
    axes = tuple(range(1, drawn.ndim))
    return np.asarray(drawn / drawn.sum(axis=axes, keepdims=True))


def checked(
    y_true: ArrayLike, proba: ArrayLike, labels: Sequence[str]
) -> tuple[NDArray[np.intp], Floats]:
    """Return true labels as places in the label set, and probabilities of the right shape.

    Examples
    --------
    >>> checked(["spam"], [[0.25, 0.75]], ["ham", "spam"])
    (array([1]), array([[0.25, 0.75]]))
    """
    names = [str(name) for name in np.asarray(y_true, dtype=object)]
    p = np.asarray(proba, dtype=np.float64)
    if names and p.shape != (len(names), len(labels)):
        raise Invalid(
            f"probabilities of shape {p.shape} for {len(names)} samples and {len(labels)} labels; "
            "align them to the label set"
        )
    places = {label: place for place, label in enumerate(labels)}
    strange = sorted(set(names) - set(places))
    if strange:
        raise Invalid(f"{len(strange)} labels are not in the label set: {', '.join(strange)}")
    return np.array([places[name] for name in names], dtype=np.intp), p.reshape(-1, len(labels))


def too_few(
    support: NDArray[Any], labels: Sequence[str], *, of: Sequence[int], n: int | None = None
) -> str:
    """Return what is missing before the labels `of` can be judged, or nothing.

    `n` is the number of samples where a sample may have several labels. Of many labels they are
    counted, not named: the measures of each label say how many it takes.

    Examples
    --------
    >>> too_few(np.array([30, 2]), ["ham", "spam"], of=[0, 1])
    'too few to say: 3 more of spam needed'
    >>> too_few(np.array([30, 2, 1, 0, 4, 3]), list("abcdef"), of=range(6))
    'too few to say: 5 of 6 labels have fewer than 5 holdout answers'
    """
    missing = [f"{FEWEST_OF_A_LABEL - support[i]} more of {labels[i]}" for i in of]
    missing = [text for i, text in zip(of, missing, strict=True) if support[i] < FEWEST_OF_A_LABEL]
    samples = int(support.sum()) if n is None else n
    if samples < FEWEST:
        missing.insert(0, plural(FEWEST - samples, "more sample"))
        missing = missing[:1]
    if len(missing) > MOST_NAMED:
        few = f"have fewer than {FEWEST_OF_A_LABEL} holdout answers"
        return f"too few to say: {len(missing)} of {plural(len(of), 'label')} {few}"
    return f"too few to say: {', '.join(missing)} needed" if missing else ""


def in_use(support: NDArray[Any]) -> NDArray[np.intp]:
    """Return the places of labels that count in a mean over labels: those that samples have.

    Whatever a model knows, so that versions are measured alike on the same samples. Of two labels
    both count, and where there are not two of which samples have any, all.

    Parameters
    ----------
    support : ndarray of int, shape (n_labels,)
        How many samples have each label.

    Examples
    --------
    >>> in_use(np.array([9, 0, 4])).tolist(), in_use(np.array([9, 0, 0])).tolist()
    ([0, 2], [0, 1, 2])
    """
    used = np.flatnonzero(support)
    return used if len(support) > 2 and len(used) > 1 else np.arange(len(support))


def without(measure: Measure, used: NDArray[np.intp], labels: Sequence[str]) -> Measure:
    """Name the labels that do not count in a mean over labels.

    Examples
    --------
    >>> f1 = Measure("macro F1", 0.9, 0.8, 1.0, 70, "95% posterior interval")
    >>> without(f1, np.array([0, 2]), ["ham", "spam", "scam"]).note
    '95% posterior interval; spam does not count, no held out sample has it so far'
    """
    names = [label for place, label in enumerate(labels) if place not in used]
    if not names:
        return measure
    do, it = ("does", "it") if len(names) == 1 else ("do", "them")
    said = f"{', '.join(names)} {do} not count, no held out sample has {it} so far"
    return replace(measure, note=f"{measure.note}; {said}" if measure.note else said)


def bounded(name: str, value: float, draws: Floats, n: int) -> Measure:
    """Return a measure with the interval that draws of it span.

    Examples
    --------
    >>> measure = bounded("accuracy", 0.9, np.linspace(0.8, 1.0, 41), 50)
    >>> round(measure.low, 3), round(measure.high, 3)
    (0.805, 0.995)
    """
    low, high = (float(q) for q in np.quantile(draws, (0.025, 0.975)))
    note = "95% posterior interval"
    return Measure(name, value, min(low, value), max(high, value), n, note)


def unknown(name: str, n: int, note: str) -> Measure:
    """Return a measure of which only can be said why it is not known.

    Examples
    --------
    >>> unknown("F1 (spam)", 3, "too few to say: 17 more samples needed").value is None
    True
    """
    return Measure(name, None, None, None, n, note)
