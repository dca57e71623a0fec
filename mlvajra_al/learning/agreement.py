"""Whether people, or successive models, give the same answers more often than by chance.

References
----------
.. [1] J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
   Measurement 20(1), 1960.
.. [2] K. Krippendorff, "Computing Krippendorff's alpha-reliability", University of
   Pennsylvania, 2011.
.. [3] D. B. Rubin, "The Bayesian bootstrap", The Annals of Statistics 9(1), 1981.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.learning.intervals import unknown
from mlvajra_al.records import Agreement, Measure, PairAgreement
from mlvajra_al.words import plural

Floats = NDArray[np.float64]
Said = tuple[str, int, str]
"""Who said of which sample what."""

FEWEST_SHARED = 10
"""Samples that several people have answered, below which nothing is said of agreement."""
DRAWS = 2_000
SLICE = 4_000_000
"""So many weights are drawn at once."""
PAIRS = 20
"""Of so many pairs of people it is told how often they agree, those who share most first."""


def kappa(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Cohen's kappa of two answers to each question; None where both only say one thing.

    Examples
    --------
    >>> kappa(["a", "a", "b", "b"], ["a", "b", "b", "b"])
    0.5
    >>> kappa(["a", "a"], ["a", "a"]) is None
    True
    """
    first, second = np.asarray(one), np.asarray(other)
    labels, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    if len(labels) < 2:
        return None
    k = len(labels)
    pairs = places[: len(first)] * k + places[len(first) :]
    table = np.bincount(pairs, minlength=k * k).reshape(k, k) / len(first)
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return float((np.trace(table) - by_chance) / (1 - by_chance))


def alpha(counts: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Return Krippendorff's alpha for labels, once per row of weights.

    Parameters
    ----------
    counts : array_like of int, shape (n_samples, n_labels)
        How many people gave each label to each sample; those with one answer do not count.
    weights : array_like of shape (n_draws, n_samples), optional
        How much each sample counts.

    Returns
    -------
    ndarray of shape (n_draws,)
        1 where all agree, 0 where they do as by chance; 1, too, where all say one thing.

    Examples
    --------
    >>> alpha([[2, 0], [0, 2], [2, 0], [1, 1]]).round(3).tolist()
    [0.533]
    """
    table = np.asarray(counts, dtype=np.float64)
    several = table.sum(axis=1) > 1
    table = table[several]
    share = np.ones((1, len(table))) if weights is None else np.asarray(weights)[:, several]
    people = table.sum(axis=1)
    differing = (people**2 - (table**2).sum(axis=1)) / (people - 1)
    observed = share @ differing
    of_label = share @ table
    total = of_label.sum(axis=1)
    # A weighted sample stands for several: pairs across all of them, less those with themselves.
    expected = (total**2 - (of_label**2).sum(axis=1)) / np.maximum(total - 1, 1e-12)
    ratio = np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 1e-12)
    return np.asarray(1 - ratio)


def agreement(said: Iterable[Said], *, rng: np.random.Generator) -> Agreement:
    """Tell how far people agree about the samples that several of them have answered.

    Parameters
    ----------
    said : iterable of (person, position, label)
        At most one answer of a person about a sample.
    rng : numpy.random.Generator
        Draws the interval: a Bayesian bootstrap over samples, and half a sample on which two
        differ besides, lest ten on which all agree prove perfect agreement.

    Returns
    -------
    Agreement

    Examples
    --------
    >>> said = [(who, place, "ham" if place % 3 else "spam") for place in range(30)
    ...         for who in ("ada", "bob")]
    >>> found = agreement([*said, ("eve", 0, "ham")], rng=np.random.default_rng(0))
    >>> found.shared, found.alpha.name, round(found.alpha.value, 3)
    (30, "Krippendorff's alpha", 0.927)
    >>> [(pair.one, pair.other, pair.kappa) for pair in found.pairs][:1]
    [('ada', 'bob', 1.0)]
    """
    by_sample: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for person, position, label in said:
        by_sample[position].append((person, label))
    shared = [answers for answers in by_sample.values() if len(answers) > 1]
    return Agreement(
        shared=len(shared),
        people=len({person for answers in shared for person, _ in answers}),
        alpha=_alpha(shared, rng=rng),
        pairs=_pairs(shared),
    )


def _alpha(shared: Sequence[list[tuple[str, str]]], *, rng: np.random.Generator) -> Measure:
    name, n = "Krippendorff's alpha", len(shared)
    if n < FEWEST_SHARED:
        missing = FEWEST_SHARED - n
        return unknown(
            name, n, f"too few to say: {plural(missing, 'more sample')} with two answers needed"
        )
    labels = sorted({label for answers in shared for _, label in answers})
    if len(labels) < 2:
        return unknown(name, n, f"everybody only ever said {labels[0]}")
    counts = np.array([[sum(said == one for _, said in answers) for one in labels]
                       for answers in shared])  # fmt: skip
    doubt = np.zeros(len(labels), dtype=int)
    doubt[np.argsort(-counts.sum(axis=0), kind="stable")[:2]] = 1
    shapes = np.append(np.ones(n), 0.5)  # and half a sample on which two differ, as a prior
    table, slices = np.vstack([counts, doubt]), []
    at_once = max(1, SLICE // (n + 1))
    for first in range(0, DRAWS, at_once):
        weights = rng.standard_gamma(shapes, size=(min(at_once, DRAWS - first), n + 1))
        weights *= n / weights.sum(axis=1, keepdims=True)
        slices.append(alpha(table, weights))
    drawn = np.concatenate(slices)
    low, high = (float(q) for q in np.quantile(drawn, (0.025, 0.975)))
    value = float(alpha(counts)[0])
    note = "95% Bayesian bootstrap interval"
    return Measure(name, value, min(low, value), max(high, value), n, note)


def _pairs(shared: Sequence[list[tuple[str, str]]]) -> tuple[PairAgreement, ...]:
    answers: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for sample in shared:
        for (one, first), (other, second) in combinations(sorted(sample), 2):
            answers[one, other].append((first, second))
    most = Counter({pair: len(both) for pair, both in answers.items()}).most_common(PAIRS)
    return tuple(
        PairAgreement(*pair, n, sum(a == b for a, b in answers[pair]), _kappa(answers[pair]))
        for pair, n in most
    )


def _kappa(both: list[tuple[str, str]]) -> float | None:
    first, second = zip(*both, strict=True)
    return kappa(first, second) if len(both) >= FEWEST_SHARED else None
