"""What the next labels would bring: the learning curve, drawn onwards.

The versions of a project are judged on the same holdout samples, so that what is hard about
these is common to all points and cancels in their differences. The curve is ``a - b * n ** -c``.
What is not known of it is drawn: the weights of the holdout samples (Bayesian bootstrap), how
versions scatter about it, and the power `c`.

References
----------
.. [1] C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik and J. S. Denker, "Learning curves:
   asymptotic values and rate of convergence", NIPS 1993.
.. [2] D. B. Rubin, "The Bayesian bootstrap", The Annals of Statistics 9(1), 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlvajra_al.learning.intervals import too_few
from mlvajra_al.learning.metrics import f1, macro_f1, rarer
from mlvajra_al.records import Forecast

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

AHEAD = 50
"""Labels to look ahead."""
FEWEST_VERSIONS = 4
MOST_VERSIONS = 10
"""So many versions draw a curve, spread over all there are."""
RECENT = 1 / 3
"""The curve begins at this share of today's labels: how steep it was at first says little."""
MOST_JUDGES = 2_000
POWERS = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0])
DRAWS = 400
STEPS = 6
UNSEEN = 0.5
"""Versions scatter by at least so many samples, which a holdout on which all answer alike hides."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What versions answered about the same labelled samples, as places in the label set.

    Where a sample may have several labels each of them is an answer: 1 if it is given, else 0.
    """

    n_labels: tuple[int, ...]
    """Labels each version learned from, ascending."""
    answers: NDArray[np.intp]
    """A row per version, a column per sample."""
    truth: Places
    each: int = 1
    """So many answers, one after the other, are about the same sample."""

    @property
    def samples(self) -> int:
        """How many samples were answered about."""
        return len(self.truth) // self.each


def spread(n_labels: Sequence[int], most: int = MOST_VERSIONS) -> list[int]:
    """Choose which versions draw the curve: the newest, and others evenly over the labels.

    Parameters
    ----------
    n_labels : sequence of int
        Labels each version learned from, oldest first.
    most : int

    Returns
    -------
    list of int
        Places in `n_labels`, with ascending numbers of labels; of versions of as many labels
        the newest, none of more labels than the newest version has, nor of far fewer.

    Examples
    --------
    >>> spread([10, 40, 40, 60, 80, 100], most=3)
    [2, 3, 5]
    >>> spread([20, 60, 40])
    [0, 2]
    """
    if not n_labels:
        return []
    last = n_labels[-1]
    newest = {n: place for place, n in enumerate(n_labels) if RECENT * last <= n <= last}
    known = sorted(newest)
    wanted = np.linspace(known[0], known[-1], most)
    chosen = {min(known, key=lambda n: abs(n - one)) for one in wanted}
    return [newest[n] for n in sorted(chosen)]


def missing(judged: Judged, labels: Sequence[str]) -> str:
    """Say why no curve can be drawn onwards yet, or nothing.

    Examples
    --------
    >>> few = Judged((20, 40), np.zeros((2, 3), dtype=int), np.zeros(3, dtype=int))
    >>> missing(few, ["ham", "spam"])
    '2 more versions are needed'
    """
    more = FEWEST_VERSIONS - len(judged.n_labels)
    if more > 0:
        return f"{more} more version{'s are' if more > 1 else ' is'} needed"
    support = np.bincount(judged.truth, minlength=len(labels))
    several = judged.each > 1
    note = too_few(
        support,
        labels,
        of=() if several else range(len(labels)),
        n=judged.samples if several else None,
    )
    words = note.removeprefix("too few to say: ")
    needed = words.removesuffix(" needed")
    return words if needed == words else f"the holdout needs {needed}"


def forecast(
    judged: Judged,
    labels: Sequence[str],
    *,
    ahead: int = AHEAD,
    differing: float = 1.0,
    rng: np.random.Generator,
) -> Forecast:
    """Draw the learning curve onwards and say what the next labels would bring.

    Parameters
    ----------
    judged : Judged
        Of which `missing` misses nothing.
    labels : sequence of str
    ahead : int
        How many more labels.
    differing : float
        Share of answers in which the newest versions differ. Two versions cannot lie further
        apart than that, however much they seem to on a small holdout.
    rng : numpy.random.Generator

    Returns
    -------
    Forecast

    Examples
    --------
    >>> truth = np.arange(200) % 2
    >>> answers = np.array([np.where(np.arange(200) < wrong, 1 - truth, truth)
    ...                     for wrong in (60, 30, 20, 15, 12)])
    >>> found = forecast(Judged((20, 40, 60, 80, 100), answers, truth), ["ham", "spam"],
    ...                  rng=np.random.default_rng(0))
    >>> found.metric, found.labels, round(found.gain, 2)
    ('F1 (spam)', 50, 0.03)
    """
    name, scores, reached = _scores(judged, labels, rng=rng)
    n = np.asarray(judged.n_labels, dtype=np.float64)
    to = n[-1] + np.linspace(0, ahead, STEPS + 1)
    a, b, c, scatter = _curves(n, scores, rng=rng)
    drawn = a[:, None] - b[:, None] * to[None, :] ** -c[:, None]
    scatter = np.minimum(np.maximum(scatter, UNSEEN / judged.samples), differing / 2)
    gains = _gains(drawn, scatter, rng=rng)
    least, most = np.quantile(gains, (0.025, 0.975))
    gain = float(np.median(drawn[:, -1] - drawn[:, 0]))
    low, middle, high = np.clip(np.quantile(drawn, (0.025, 0.5, 0.975), axis=0), 0, 1)
    return Forecast(
        metric=name,
        labels=int(ahead),
        gain=gain,
        margin=float(max(most - gain, gain - least)),
        least=float(least),
        ahead=_floats(to),
        middle=_floats(middle),
        low=_floats(low),
        high=_floats(high),
        behind=judged.n_labels,
        reached=_floats(reached),
        judges=judged.samples,
    )


def _gains(drawn: Floats, scatter: Floats, *, rng: np.random.Generator) -> Floats:
    """Return draws of what comes true: the difference of two versions, each beside the curve."""
    beside = scatter * rng.normal(size=(2, len(drawn))).sum(axis=0)
    return np.asarray(drawn[:, -1] - drawn[:, 0] + beside)


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _scores(
    judged: Judged, labels: Sequence[str], *, rng: np.random.Generator
) -> tuple[str, Floats, Floats]:
    """Return what is measured, draws of it and what it is: a row per draw, a column per version."""
    several = judged.each > 1
    k, n = 2 if several else len(labels), judged.samples
    truth = judged.truth.reshape(n, judged.each)
    answers = judged.answers.reshape(-1, n, judged.each)
    place = rarer(np.bincount(truth.ravel(), minlength=k))
    whole = _measured(_tables(truth, answers, np.ones((1, n)), k), k, several=several, place=place)
    if n > MOST_JUDGES:
        chosen = rng.choice(n, size=MOST_JUDGES, replace=False)
        truth, answers = truth[chosen], answers[:, chosen]
    weights = rng.standard_exponential((DRAWS, len(truth)))
    drawn = _measured(_tables(truth, answers, weights, k), k, several=several, place=place)
    name = "micro F1" if several else "macro F1" if k > 2 else f"F1 ({labels[place]})"
    return name, drawn, whole[0]


def _measured(tables: Floats, k: int, *, several: bool, place: int) -> Floats:
    if several:
        return np.asarray(f1(tables)[..., 1])
    return np.asarray(macro_f1(tables) if k > 2 else f1(tables)[..., place])


def _tables(truth: Places, answers: Places, weights: Floats, k: int) -> Floats:
    """Return tables of each draw and version."""
    return np.stack([_confusions(truth, one, weights, k) for one in answers], axis=1)


def _confusions(truth: Places, answers: Places, weights: Floats, k: int) -> Floats:
    """Return weighted tables of samples, each with one answer or more."""
    n, each = truth.shape
    rows = np.repeat(np.arange(n), each)
    cells = sparse.csr_matrix(
        (np.ones(n * each), (rows, (truth * k + answers).ravel())), shape=(n, k * k)
    )
    return np.asarray(weights @ cells).reshape(-1, k, k)


def _curves(n: Floats, scores: Floats, *, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return draws of `a`, `b` and `c`, and of how versions scatter, one per row of scores."""
    fits = [_fit(n, scores, c) for c in POWERS]
    free = max(1, len(n) - 3)
    errors = np.stack([error for _, _, error in fits], axis=1) + 1e-9
    scatter = np.sqrt(errors.min(axis=1, keepdims=True) / free)
    noisy = scores + rng.normal(size=scores.shape) * scatter
    fits = [_fit(n, noisy, c) for c in POWERS]
    likely = -np.log(errors) * free / 2
    gumbel = rng.gumbel(size=likely.shape)  # the largest is a draw in proportion to likelihood
    chosen = (likely + gumbel).argmax(axis=1)
    rows = np.arange(len(scores))
    a = np.stack([a for a, _, _ in fits], axis=1)[rows, chosen]
    b = np.stack([b for _, b, _ in fits], axis=1)[rows, chosen]
    return a, b, POWERS[chosen], scatter[:, 0]


def _fit(n: Floats, scores: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    """Fit ``a - b * n ** -c`` to each row by least squares, never falling; return the error too."""
    x = -(n**-c)
    centred = x - x.mean()
    b = np.maximum(0.0, (scores @ centred) / (centred @ centred))
    a = scores.mean(axis=1) - b * x.mean()
    error = ((scores - a[:, None] - b[:, None] * x) ** 2).sum(axis=1)
    return a, b, error
