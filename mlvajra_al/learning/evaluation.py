"""How good a model is on samples drawn at random, how sure we are, and which of two is better.

Intervals of confusion-based measures are posterior quantiles under a Dirichlet prior on the
confusion cells: a percentile bootstrap of F1 covered 46% where it promised 95 at 20 samples,
this 93. Ranking and probability measures are bootstrapped from 200 samples on.

References
----------
.. [1] C. Goutte and E. Gaussier, "A probabilistic interpretation of precision, recall and
   F-score, with implication for evaluation", ECIR 2005.
.. [2] Q. McNemar, "Note on the sampling error of the difference between correlated
   proportions or percentages", Psychometrika 12(2), 1947.
.. [3] K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials",
   Biometrika 70(3), 1983.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.metrics import METRICS, f1, macro_f1, precision, rarer, recall
from mlvajra_al.records import Curve, Evaluation, LabelMeasures, Measure, Verdict

__all__ = ["METRICS", "aligned", "compare", "evaluate", "posterior", "spending"]

Floats = NDArray[np.float64]

FEWEST = 20
"""Samples below which nothing is said."""
FEWEST_OF_A_LABEL = 5
FEWEST_TO_BOOTSTRAP = 200
DRAWS = 4_000
RESAMPLES = 400
CURVE_POINTS = 200
BINS = 10
RETRAINS, ERROR = 50, 0.05


def aligned(proba: ArrayLike, classes: Sequence[str], labels: Sequence[str]) -> Floats:
    """Return probabilities with a column per label of the set, 0 for those a model knows not.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
    classes : sequence of str
        ``model.classes_``.
    labels : sequence of str
        The label set.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)

    Examples
    --------
    >>> aligned([[0.2, 0.8]], ["ham", "spam"], ["spam", "other", "ham"]).tolist()
    [[0.8, 0.0, 0.2]]
    """
    given = np.asarray(proba, dtype=np.float64)
    out = np.zeros((len(given), len(labels)))
    places = {str(label): place for place, label in enumerate(labels)}
    for column, name in enumerate(classes):
        if str(name) in places:
            out[:, places[str(name)]] = given[:, column]
    return out


def evaluate(
    y_true: ArrayLike, proba: ArrayLike, labels: Sequence[str], *, rng: np.random.Generator
) -> Evaluation:
    """Measure a model on labelled samples it was not trained on.

    Parameters
    ----------
    y_true : array-like of str, shape (n_samples,)
    proba : array-like of shape (n_samples, n_labels)
        In the order of `labels`; see `aligned`.
    labels : sequence of str
    rng : numpy.random.Generator
        Draws the intervals.

    Returns
    -------
    Evaluation
        The headline is F1 of the rarer of two labels, macro F1 of more. What cannot be said
        yet has the value None and a note with the number of samples that are missing.

    Raises
    ------
    Invalid
        If shapes disagree or a true label is not in the set.

    Examples
    --------
    >>> y = ["ham"] * 70 + ["spam"] * 30
    >>> sure = [[0.9, 0.1]] * 68 + [[0.2, 0.8]] * 32
    >>> evaluation = evaluate(y, sure, ["ham", "spam"], rng=np.random.default_rng(0))
    >>> evaluation.headline.name, round(evaluation.headline.value, 2)
    ('F1 (spam)', 0.97)
    >>> round(evaluation.headline.low, 1), round(evaluation.headline.high, 1)
    (0.9, 1.0)
    >>> evaluate(y[:9], sure[:9], ["ham", "spam"], rng=np.random.default_rng(0)).headline.note
    'too few to say: 11 more samples needed'
    """
    truth, p = _checked(y_true, proba, labels)
    confusion = _confusion(truth, p.argmax(axis=1), len(labels)) if len(p) else _nothing(labels)
    per_label = tuple(
        _label_measures(confusion, place, labels, rng=rng) for place in range(len(labels))
    )
    measures = tuple(_measures(confusion, truth, p, labels, rng=rng))
    macro = next(measure for measure in measures if measure.name == "macro F1")
    enough = len(truth) >= FEWEST
    return Evaluation(
        n=len(truth),
        labels=tuple(labels),
        headline=_headline(confusion, per_label, macro, labels),
        measures=measures,
        per_label=per_label,
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
        precision_recall=_curves(_precision_recall, truth, p, labels) if enough else (),
        calibration=_curves(_calibration, truth, p, labels) if enough else (),
    )


def posterior(
    cells: ArrayLike, prior: float, *, rng: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Draw shares of cells from the posterior under a symmetric Dirichlet prior.

    Parameters
    ----------
    cells : array-like of counts, any shape
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


def _checked(
    y_true: ArrayLike, proba: ArrayLike, labels: Sequence[str]
) -> tuple[NDArray[np.intp], Floats]:
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


def _nothing(labels: Sequence[str]) -> NDArray[np.int64]:
    return np.zeros((len(labels), len(labels)), dtype=np.int64)


def _confusion(truth: NDArray[Any], predicted: NDArray[Any], k: int) -> NDArray[np.int64]:
    return np.bincount(truth * k + predicted, minlength=k * k).reshape(k, k).astype(np.int64)


def _too_few(support: NDArray[Any], labels: Sequence[str], *, of: Sequence[int]) -> str:
    """Return what is missing before the labels `of` can be judged, or nothing."""
    missing = [f"{FEWEST_OF_A_LABEL - support[i]} more of {labels[i]}" for i in of]
    missing = [text for i, text in zip(of, missing, strict=True) if support[i] < FEWEST_OF_A_LABEL]
    if support.sum() < FEWEST:
        missing.insert(0, f"{FEWEST - support.sum()} more samples")
        missing = missing[:1]
    return f"too few to say: {', '.join(missing)} needed" if missing else ""


def _bounded(name: str, value: float, draws: Floats, n: int) -> Measure:
    low, high = (float(q) for q in np.quantile(draws, (0.025, 0.975)))
    note = "95% posterior interval"
    return Measure(name, value, min(low, value), max(high, value), n, note)


def _unknown(name: str, n: int, note: str) -> Measure:
    return Measure(name, None, None, None, n, note)


def _label_measures(
    confusion: NDArray[np.int64], place: int, labels: Sequence[str], *, rng: np.random.Generator
) -> LabelMeasures:
    """Measure one label against the rest on a two by two table."""
    label, support, n = labels[place], int(confusion[place].sum()), int(confusion.sum())
    names = [f"{what} ({label})" for what in ("precision", "recall", "F1")]
    note = _too_few(confusion.sum(axis=1), labels, of=[place])
    if note:
        return LabelMeasures(label, support, *(_unknown(name, n, note) for name in names))
    right, called = confusion[place, place], int(confusion[:, place].sum())
    table = np.array(
        [[right, support - right], [called - right, n - support - called + right]], dtype=np.int64
    )
    shares = posterior(table, 0.5, rng=rng)
    measured = [
        _bounded(name, float(function(table)[0]), function(shares)[:, 0], n)
        for name, function in zip(names, (precision, recall, f1), strict=True)
    ]
    if not called:
        measured[0] = _unknown(names[0], n, f"{label} was never predicted")
    return LabelMeasures(label, support, *measured)


def _headline(
    confusion: NDArray[np.int64],
    per_label: tuple[LabelMeasures, ...],
    macro: Measure,
    labels: Sequence[str],
) -> Measure:
    if len(labels) != 2:
        return macro
    chosen = per_label[rarer(confusion.sum(axis=1))].f1
    note = _too_few(confusion.sum(axis=1), labels, of=range(2))
    return _unknown(chosen.name, chosen.n, note) if note else chosen


def _measures(
    confusion: NDArray[np.int64],
    truth: NDArray[np.intp],
    p: Floats,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
) -> list[Measure]:
    n, k = len(truth), len(labels)
    every = [] if n < FEWEST else list(range(k))
    out = []
    for name, metric in METRICS.items():
        note = _too_few(confusion.sum(axis=1), labels, of=[] if name == "accuracy" else every)
        if note:
            out.append(_unknown(name, n, note))
        elif name == "accuracy":
            right = np.trace(confusion)
            shares = posterior([right, n - right], 0.5, rng=rng)
            out.append(_bounded(name, right / n, shares[:, 0], n))
        elif metric.of == "confusion":
            # 1/2 a cell for two labels; the same mass, 2, shared out among the cells of more
            drawn = metric.function(posterior(confusion, 2 / k**2, rng=rng))
            out.append(_bounded(name, float(metric.function(confusion)), drawn, n))
        else:
            out.append(_bootstrapped(name, np.eye(k)[truth], p, rng=rng))
    return out


def _bootstrapped(name: str, truth: Floats, p: Floats, *, rng: np.random.Generator) -> Measure:
    function, n = METRICS[name].function, len(truth)
    value = float(function(truth, p, np.ones((1, n)))[0])
    if n < FEWEST_TO_BOOTSTRAP:
        note = f"no interval below {FEWEST_TO_BOOTSTRAP} samples: {FEWEST_TO_BOOTSTRAP - n} more"
        return Measure(name, value, None, None, n, note)
    draws = [  # in slices, so that 20,000 samples stay small in memory
        function(truth, p, rng.multinomial(n, np.full(n, 1 / n), size=20).astype(np.float64))
        for _ in range(RESAMPLES // 20)
    ]
    low, high = (float(q) for q in np.quantile(np.concatenate(draws), (0.025, 0.975)))
    return Measure(name, value, low, high, n, "95% bootstrap interval")


def _curves(function: Any, truth: NDArray[np.intp], p: Floats, labels: Sequence[str]) -> Any:
    found = [place for place in range(len(labels)) if (truth == place).sum() >= FEWEST_OF_A_LABEL]
    return tuple(function(labels[place], truth == place, p[:, place]) for place in found)


def _precision_recall(label: str, truth: NDArray[np.bool_], score: Floats) -> Curve:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(truth[order])[ends]
    keep = np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).astype(int))
    x, y = (found / truth.sum())[keep], (found / (ends + 1))[keep]
    return Curve(label, tuple(map(float, x)), tuple(map(float, y)))


def _calibration(label: str, truth: NDArray[np.bool_], score: Floats) -> Curve:
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    used = np.flatnonzero(counts)
    x = np.bincount(bins, weights=score, minlength=BINS)[used] / counts[used]
    y = np.bincount(bins, weights=truth, minlength=BINS)[used] / counts[used]
    return Curve(label, tuple(map(float, x)), tuple(map(float, y)), tuple(map(int, counts[used])))


def compare(
    y_true: ArrayLike,
    champion_proba: ArrayLike,
    challenger_proba: ArrayLike,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
    alpha: float,
    champion: int,
    challenger: int,
) -> Verdict:
    """Say whether the challenger is better than the champion on the same samples.

    It is if it is right where the champion is wrong so much more often than the other way
    round that chance would do it with probability at most `alpha` (exact one-sided McNemar
    test), and the headline measure does not fall. The difference's interval is a paired
    posterior.

    Parameters
    ----------
    y_true : array-like of str, shape (n_samples,)
    champion_proba, challenger_proba : array-like of shape (n_samples, n_labels)
    labels : sequence of str
    rng : numpy.random.Generator
    alpha : float
        Error allowed to this comparison, see `spending`.
    champion, challenger : int
        Version numbers, for the words.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> y = ["ham"] * 60 + ["spam"] * 40
    >>> old = [[0.9, 0.1]] * 75 + [[0.1, 0.9]] * 25
    >>> new = [[0.9, 0.1]] * 61 + [[0.1, 0.9]] * 39
    >>> verdict = compare(y, old, new, ["ham", "spam"], rng=np.random.default_rng(0),
    ...                   alpha=spending(1), champion=1, challenger=2)
    >>> verdict.better, verdict.only_challenger_right, verdict.only_champion_right
    (True, 14, 0)
    """
    truth, old = _checked(y_true, champion_proba, labels)
    _, new = _checked(y_true, challenger_proba, labels)
    support = np.bincount(truth, minlength=len(labels))
    metric = "macro F1" if len(labels) != 2 else f"F1 ({labels[rarer(support)]})"
    note = _too_few(support, labels, of=range(len(labels)) if len(truth) >= FEWEST else [])
    guesses = (old.argmax(axis=1), new.argmax(axis=1)) if len(truth) else (truth, truth)
    wins = int(np.sum((guesses[1] == truth) & (guesses[0] != truth)))
    losses = int(np.sum((guesses[0] == truth) & (guesses[1] != truth)))
    values: tuple[float | None, float | None] = (None, None)
    difference, p_value, better = _unknown(metric, len(truth), note), None, False
    if not note:
        values, difference = _paired(metric, truth, guesses, len(labels), rng=rng)
        p_value = float(binom.sf(wins - 1, wins + losses, 0.5))
        better = p_value <= alpha and (difference.value or 0.0) >= 0
    worse = not note and float(binom.sf(losses - 1, wins + losses, 0.5)) <= alpha
    return Verdict(
        champion=champion,
        challenger=challenger,
        n=len(truth),
        metric=metric,
        champion_value=values[0],
        challenger_value=values[1],
        difference=difference,
        only_champion_right=losses,
        only_challenger_right=wins,
        p_value=p_value,
        better=better,
        advice=note or _advice((champion, challenger), (losses, wins), better=better, worse=worse),
    )


def _paired(
    metric: str,
    truth: NDArray[np.intp],
    guesses: tuple[NDArray[np.intp], NDArray[np.intp]],
    k: int,
    *,
    rng: np.random.Generator,
) -> tuple[tuple[float, float], Measure]:
    """Draw both models' confusion from one posterior over (truth, old answer, new answer)."""
    flat = (truth * k + guesses[0]) * k + guesses[1]
    cells = np.arange(k**3) if k <= 5 else np.unique(flat)
    counts = np.bincount(flat, minlength=k**3)[cells]
    shares = posterior(counts, 2 / k**3, rng=rng)
    place = rarer(np.bincount(truth, minlength=k)) if k == 2 else None
    true, old, new = cells // k**2, cells // k % k, cells % k
    drawn = [_score(shares, true * k + guess, k, place) for guess in (old, new)]
    exact = [_score(counts[None, :], true * k + guess, k, place)[0] for guess in (old, new)]
    values = (float(exact[0]), float(exact[1]))
    return values, _bounded(metric, values[1] - values[0], drawn[1] - drawn[0], len(truth))


def _score(shares: NDArray[Any], into: NDArray[Any], k: int, place: int | None) -> Floats:
    confusion = np.zeros((k * k, len(shares)))
    np.add.at(confusion, into, shares.T)
    tables = confusion.T.reshape(-1, k, k)
    return macro_f1(tables) if place is None else f1(tables)[:, place]


def _advice(versions: tuple[int, int], right: tuple[int, int], *, better: bool, worse: bool) -> str:
    champion, challenger = versions
    counts = (
        f"version {challenger} is right on {right[1]} samples where version {champion} is wrong, "
        f"and wrong on {right[0]} where it is right"
    )
    if better:
        return f"promote version {challenger}: {counts}"
    if worse:
        return f"keep version {champion}: {counts}"
    return f"too close to say: {counts}; keep version {champion} until there are more answers"


def spending(k: int) -> float:
    """Return the error that the comparison after the k-th retrain may spend.

    Equal shares of 5% over 50 retrains: whatever the dependence between the tests, a project
    promotes an equal challenger with probability at most 5%. Later comparisons spend nothing,
    so that a person decides.

    Parameters
    ----------
    k : int
        Which comparison of the project this is, from 1.

    Returns
    -------
    float

    Examples
    --------
    >>> spending(1), round(sum(spending(k) for k in range(1, 1000)), 9)
    (0.001, 0.05)
    """
    return ERROR / RETRAINS if 1 <= k <= RETRAINS else 0.0
