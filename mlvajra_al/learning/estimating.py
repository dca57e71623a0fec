"""How good a model probably is, from its own probabilities: an estimate, not a measure.

References
----------
.. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
   networks", ICML 2017.
.. [2] J. Lewis, M. Rowland and H. Jaeger, "Confidence-based performance estimation", NannyML,
   2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit

from mlvajra_al.learning.intervals import bounded, in_use, unknown
from mlvajra_al.learning.metrics import f1, rarer
from mlvajra_al.learning.multilabel import SURE
from mlvajra_al.records import Measure

Floats = NDArray[np.float64]

TEMPERATURES = np.geomspace(0.03, 6.0, 81)
USUAL, SPREAD = -1.0, 1.0
"""Mean and standard deviation of the temperature's logarithm before anything is known of it:
models that learned from few labels are right more often than they say."""
DRAWS = 400
BENDS = np.array([(t, s) for t in np.geomspace(0.1, 4.0, 25) for s in np.linspace(-3.0, 3.0, 25)])
"""Temperatures and shifts of the logits of many yes-or-no answers."""
NEGLIGIBLE = 1e-4
"""Temperatures and shifts less likely than that are left out of a mean."""
FLOOR = 1e-6
NOTE = "estimated without labels from the model's own probabilities, with a 95% band"


@dataclass(frozen=True, slots=True)
class Told:
    """Answers of a model about samples whose labels are known and that taught it nothing."""

    probabilities: Floats
    truth: NDArray[np.intp]
    """Places in the label set or, where a sample may have several labels, 1 for each it has."""


def estimate_f1(
    probabilities: ArrayLike,
    labels: Sequence[str],
    *,
    known: Told | None = None,
    rng: np.random.Generator,
) -> Measure:
    """Estimate F1 from what a model says about samples drawn at random, whose labels nobody knows.

    A probability of 0.8 is right four times in five if the model is calibrated. How far it is
    not, one number tells, the temperature; its distribution is what a prior and the samples
    whose labels are `known` make of it.

    Parameters
    ----------
    probabilities : array_like of shape (n_samples, n_labels)
        Of samples the model was not trained on.
    labels : sequence of str
        The label set.
    known : Told, optional
        Samples that tell how well calibrated the model is.
    rng : numpy.random.Generator

    Returns
    -------
    Measure
        F1 of one of two labels, the one that `evaluate` measures on the `known` samples: the
        rarer there, or the second. Macro F1 of more, of those that `known` samples have; while
        there are not two of these, of those the model knows.

    References
    ----------
    .. [1] J. Lewis, M. Rowland and H. Jaeger, "Confidence-based performance estimation", NannyML,
       2021.
    .. [2] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017.

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1]] * 70 + [[0.1, 0.9]] * 30)
    >>> found = estimate_f1(sure, ["ham", "spam"], rng=np.random.default_rng(0))
    >>> found.name, round(found.value, 2), round(found.low, 1), round(found.high, 1)
    ('estimated F1 (spam)', 0.98, 0.6, 1.0)
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not len(p):
        return unknown("estimated F1", 0, "there are no samples to estimate it from")
    k = len(labels)
    counted = np.arange(k)
    if k > 2:
        p, known, counted = _used(p, known)
    logs = np.log(np.clip(p, FLOOR, 1))
    confusions = np.stack([_expected(logs, p.argmax(axis=1), t) for t in TEMPERATURES])
    chosen = rng.choice(len(TEMPERATURES), size=DRAWS, p=_likely(known))
    drawn = rng.standard_gamma(confusions[chosen] + 1 / p.shape[1] ** 2)
    if k > 2:
        return _measure("estimated macro F1", f1(drawn)[:, counted].mean(axis=1), len(p))
    place = rarer(np.bincount(() if known is None else known.truth, minlength=k))
    return _measure(f"estimated F1 ({labels[place]})", f1(drawn)[:, place], len(p))


def _used(p: Floats, known: Told | None) -> tuple[Floats, Told | None, NDArray[np.intp]]:
    """Leave out the labels that neither a person has given nor the model knows.

    What comes last is the places, among the others, of those that a report's mean is over.
    """
    truth = np.empty(0, dtype=np.intp) if known is None else known.truth
    support = np.bincount(truth, minlength=p.shape[1])
    used = np.flatnonzero(p.any(axis=0) | (support > 0))
    counted = np.flatnonzero(np.isin(used, in_use(support)))
    if known is None:
        return p[:, used], None, counted
    told = Told(known.probabilities[:, used], np.searchsorted(used, truth))
    return p[:, used], told, counted


def estimate_micro_f1(
    probabilities: ArrayLike, *, known: Told | None = None, rng: np.random.Generator
) -> Measure:
    """Estimate micro F1 of samples that may have several labels, as `estimate_f1` does.

    Whether a sample has a label is one answer. Models of rare labels err to one side, so that
    beside the temperature a second number is drawn, by which all logits are shifted. As the
    answers about one sample go together, they count as one when it comes to how much chance is
    left.

    Parameters
    ----------
    probabilities : array_like of shape (n_samples, n_labels)
        Of each label, of samples the model was not trained on.
    known : Told, optional
        Its truth is of the shape of its probabilities.
    rng : numpy.random.Generator

    Returns
    -------
    Measure

    Examples
    --------
    >>> sure = np.array([[0.95, 0.05, 0.05], [0.05, 0.95, 0.05]] * 100)
    >>> found = estimate_micro_f1(sure, rng=np.random.default_rng(0))
    >>> found.name, round(found.value, 2), found.n
    ('estimated micro F1', 0.99, 200)
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not len(p):
        return unknown("estimated micro F1", 0, "there are no samples to estimate it from")
    logits, given = _logits(p), p.ravel() >= SURE
    confusions = np.empty((len(BENDS), 2, 2))
    for place, bend in enumerate(BENDS):
        yes = _bent(logits, bend)
        right, raised = yes[given].sum(), np.count_nonzero(given)
        missed = yes.sum() - right
        confusions[place] = [[len(yes) - raised - missed, raised - right], [missed, right]]
    chosen = rng.choice(len(BENDS), size=DRAWS, p=_likely_bends(known))
    drawn = rng.standard_gamma(confusions[chosen] / p.shape[1] + 1 / 4)
    return _measure("estimated micro F1", f1(drawn)[:, 1], len(p))


def estimate_rise(
    probabilities: ArrayLike, before: ArrayLike, *, known: Told | None = None
) -> tuple[float, float]:
    """Estimate micro F1 of today's answers, and by how much it is above that of earlier ones.

    Which answers are right today's probabilities say, as far as `estimate_micro_f1` believes them.
    A model thinks well of itself: it rather says too much than too little.

    Parameters
    ----------
    probabilities : array_like of shape (n_samples, n_labels)
        Of each label today.
    before : array_like of bool, shape (n_samples, n_labels)
        The labels that were given before.
    known : Told, optional

    Returns
    -------
    today : float
    rise : float

    Examples
    --------
    >>> sure = np.array([[0.95, 0.05], [0.05, 0.95]] * 100)
    >>> before = np.array([[True, False], [True, False]] * 100)
    >>> today, rise = estimate_rise(sure, before)
    >>> round(today, 2), round(rise, 2)
    (0.96, 0.47)
    """
    p, then = np.asarray(probabilities, dtype=np.float64), np.asarray(before).ravel()
    logits, now = _logits(p), p.ravel() >= SURE
    likely = _likely_bends(known)
    counted = np.flatnonzero(likely >= NEGLIGIBLE)
    scores = np.zeros(2)
    for place in counted:
        yes = _bent(logits, BENDS[place])
        for at, given in enumerate((now, then)):
            right = 2 * yes[given].sum() / max(yes.sum() + np.count_nonzero(given), FLOOR)
            scores[at] += likely[place] * right
    today, earlier = scores / likely[counted].sum()
    return float(today), float(today - earlier)


def _logits(p: Floats) -> Floats:
    return np.asarray(logit(np.clip(p, FLOOR, 1 - FLOOR)).ravel())


def _bent(logits: Floats, bend: Floats) -> Floats:
    temperature, shift = bend
    return np.asarray(expit(logits / temperature + shift))


def _likely_bends(known: Told | None) -> Floats:
    """Return how likely each temperature with each shift is."""
    temperatures, shifts = BENDS.T
    score = -((np.log(temperatures) - USUAL) ** 2) / (2 * SPREAD**2) - shifts**2 / 2
    if known is not None and len(known.truth):
        logits, truth = _logits(known.probabilities), known.truth.ravel() * 2 - 1
        for place, (temperature, shift) in enumerate(BENDS):
            score[place] += log_expit(truth * (logits / temperature + shift)).sum()
    likely = np.exp(score - score.max())
    return np.asarray(likely / likely.sum())


def _measure(name: str, drawn: Floats, n: int) -> Measure:
    made = bounded(name, float(np.median(drawn)), drawn, n)
    return Measure(made.name, made.value, made.low, made.high, made.n, NOTE)


def _tempered(logs: Floats, temperature: float) -> Floats:
    raised = logs / temperature
    shares = np.exp(raised - raised.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _expected(logs: Floats, predicted: NDArray[np.intp], temperature: float) -> Floats:
    """Return the confusion to expect: a row per true label, a column per predicted one."""
    k = logs.shape[1]
    return np.asarray(_tempered(logs, temperature).T @ np.eye(k)[predicted])


def _likely(known: Told | None) -> Floats:
    """Return how likely each temperature is."""
    score = -((np.log(TEMPERATURES) - USUAL) ** 2) / (2 * SPREAD**2)
    if known is not None and len(known.truth):
        logs = np.log(np.clip(known.probabilities, FLOOR, 1))
        rows = np.arange(len(logs))
        for place, temperature in enumerate(TEMPERATURES):
            right = _tempered(logs, temperature)[rows, known.truth]
            score[place] += np.log(np.maximum(right, FLOOR)).sum()
    likely = np.exp(score - score.max())
    return np.asarray(likely / likely.sum())
