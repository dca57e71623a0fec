"""Which of two models is better on the same samples, and how much error may be spent on asking.

References
----------
.. [1] Q. McNemar, "Note on the sampling error of the difference between correlated
   proportions or percentages", Psychometrika 12(2), 1947.
.. [2] K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials",
   Biometrika 70(3), 1983.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from mlvajra_al.learning.intervals import (
    DRAWS,
    FEWEST,
    Floats,
    bounded,
    checked,
    in_use,
    posterior,
    too_few,
    unknown,
    without,
)
from mlvajra_al.learning.metrics import f1, macro_f1, rarer
from mlvajra_al.records import Measure, Verdict
from mlvajra_al.words import plural

COMPARISONS, ERROR = 50, 0.05
MASS = 2.0
"""So many samples' worth is known before, shared out among all cells."""
MOST_LAID_OUT, STICKS = 5, 12
"""Up to so many answers every cell is drawn; of more those with samples, and so many others."""
OLD, NEW = 0, 1
Cells = tuple[NDArray[Any], NDArray[np.intp]]
"""Shares of cells, shape (n_draws, n_cells), and which cells these are, of all draws or of each."""
SPENT = (
    f"; you decide: after {COMPARISONS} comparisons of this project nothing is left of the "
    f"{ERROR:.0%} chance of a false promotion that they share"
)


def compare(
    y_true: ArrayLike,
    champion_proba: ArrayLike,
    challenger_proba: ArrayLike,
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
    alpha: float | None,
    champion: int,
    challenger: int,
) -> Verdict:
    """Say whether the challenger is better than the champion on the same samples.

    It is if it is right where the champion is wrong so much more often than the other way
    round that chance would do it with probability at most `alpha` (exact one-sided McNemar
    test), and the headline measure does not fall. The difference's interval is a paired
    posterior. The test needs no number of examples of each label: where F1 cannot be said for
    want of them, accuracy is told instead.

    Parameters
    ----------
    y_true : array_like of str, shape (n_samples,)
    champion_proba, challenger_proba : array_like of shape (n_samples, n_labels)
    labels : sequence of str
    rng : numpy.random.Generator
    alpha : float or None
        Error allowed to this comparison, see `allowed`; None if neither is the champion.
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
    truth, old = checked(y_true, champion_proba, labels)
    _, new = checked(y_true, challenger_proba, labels)
    guesses = (old.argmax(axis=1), new.argmax(axis=1)) if len(truth) else (truth, truth)
    right = (guesses[0] == truth, guesses[1] == truth)
    wins, losses = int(np.sum(right[1] & ~right[0])), int(np.sum(right[0] & ~right[1]))
    difference, values, lacks = _measured(truth, guesses, labels, rng=rng)
    return verdict(
        (champion, challenger),
        difference,
        right=(losses, wins),
        values=values,
        alpha=alpha,
        words=f"version {challenger} is right on {plural(wins, 'sample')} where version {champion} "
        f"is wrong, and wrong on {losses} where it is right",
        lacks=lacks,
    )


def _measured(
    truth: NDArray[np.intp],
    guesses: tuple[NDArray[np.intp], NDArray[np.intp]],
    labels: Sequence[str],
    *,
    rng: np.random.Generator,
) -> tuple[Measure, tuple[float, float] | None, str]:
    """Return the difference, what is measured of both, and why it is not the headline measure."""
    support = np.bincount(truth, minlength=len(labels))
    metric = "macro F1" if len(labels) != 2 else f"F1 ({labels[rarer(support)]})"
    used = in_use(support)
    few = len(truth) < FEWEST
    note = too_few(support, labels, of=[] if few else used.tolist())
    if few:
        return unknown(metric, len(truth), note), None, ""
    if note:
        old, new = (guess == truth for guess in guesses)
        values, difference = _accuracy(old, new, rng=rng)
        return difference, values, f"{metric}: {note}"
    at = np.full(len(labels), len(used))
    at[used] = np.arange(len(used))
    places = (at[guesses[0]], at[guesses[1]])
    values, difference = _paired(metric, at[truth], places, len(used), rng=rng)
    return without(difference, used, labels), values, ""


def verdict(
    versions: tuple[int, int],
    difference: Measure,
    *,
    right: tuple[int, int],
    values: tuple[float, float] | None,
    alpha: float | None,
    words: str,
    nearer: bool = False,
    lacks: str = "",
) -> Verdict:
    """Return what a paired comparison comes to; pairs name the champion first.

    Parameters
    ----------
    versions : tuple of int
    difference : Measure
        Without a value where there are too few samples; its note then says so.
    right : tuple of int
        Samples on which only one of the two is right, or nearer to being so.
    values : tuple of float, or None
        What is measured of both; None where there are too few samples.
    alpha : float or None
        None if neither is the champion; then only what was found is said.
    words : str
        What was found on how many samples.
    nearer : bool
        Whether samples count on which a version is nearer without being right.
    lacks : str
        Why it is not the headline measure that is measured.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> about = {"right": (0, 14), "values": (0.7, 0.8), "words": "it is right more often"}
    >>> difference = Measure("macro F1", 0.1, 0.0, 0.2, 90)
    >>> verdict((1, 2), difference, alpha=0.001, **about).advice
    'promote version 2: it is right more often'
    >>> verdict((1, 2), difference, alpha=None, **about).advice
    'it is right more often; the chance of such a lead by luck alone is below 0.001'
    """
    (champion, challenger), (losses, wins) = versions, right
    p_value, better, advice = None, False, difference.note
    if values is not None:
        falls = difference.name if (difference.value or 0.0) < 0 else ""
        p_value, better, advice = _proof(versions, right, falls=falls, alpha=alpha, words=words)
    before, after = values or (None, None)
    return Verdict(
        champion=champion, challenger=challenger, n=difference.n, metric=difference.name,
        champion_value=before, challenger_value=after, difference=difference,
        only_champion_right=losses, only_challenger_right=wins, p_value=p_value, better=better,
        advice=advice, nearer=nearer, alpha=alpha, neutral=alpha is None, lacks=lacks,
    )  # fmt: skip


def _proof(
    versions: tuple[int, int],
    right: tuple[int, int],
    *,
    falls: str,
    alpha: float | None,
    words: str,
) -> tuple[float, bool, str]:
    """Return the chance of such a lead by luck, whether it proves one better, and what to do.

    `falls` names the measure by which the challenger is behind whatever the pairs say, if it is.
    """
    if alpha is None:
        p_value = min(1.0, 2 * _by_luck(max(right), min(right)))
        found = f"the chance of such a lead by luck alone is {_chance(p_value)}"
        return p_value, False, f"{words}; {found}"
    losses, wins = right
    p_value = _by_luck(wins, losses)
    advice = _advice(versions, right, p_value=p_value, falls=falls, alpha=alpha, words=words)
    return p_value, p_value <= alpha and not falls, advice


def _by_luck(more: int, fewer: int) -> float:
    """Return the chance that as many or more of so many pairs speak for one of two equals."""
    return float(binom.sf(more - 1, more + fewer, 0.5))


def _chance(p_value: float) -> str:
    return f"{p_value:.3f}" if p_value >= 0.001 else "below 0.001"


def _advice(
    versions: tuple[int, int],
    right: tuple[int, int],
    *,
    p_value: float,
    falls: str,
    alpha: float,
    words: str,
) -> str:
    """Say what to do about the champion."""
    champion, challenger = versions
    if p_value <= alpha and not falls:
        return f"promote version {challenger}: {words}"
    spent = "" if alpha else SPENT
    if p_value <= ERROR and falls:  # more answers would hardly make a rarer label found again
        return f"keep version {champion}: {words}, but its {falls} is lower{spent}"
    if p_value <= ERROR:
        return f"version {challenger} is ahead {_short_of(p_value, alpha)}: {words}{spent}"
    if _by_luck(*right) <= ERROR:
        return f"keep version {champion}: {words}{spent}"
    wait = f"keep version {champion} until there are more answers"
    return f"too close to say: {words}; {wait}{spent}"


def _short_of(p_value: float, alpha: float) -> str:
    """Say by how little luck a lead is explained, and how little it would take."""
    found = f"p = {p_value:.3f}" if p_value >= 0.001 else "p below 0.001"
    if not alpha:
        return f"here ({found})"
    return (
        f"here, but below the proof that a project with many retrains asks for ({found}, needed "
        f"{alpha:.3f}); more answers about held out samples may bring it"
    )


def _accuracy(
    old: NDArray[np.bool_], new: NDArray[np.bool_], *, rng: np.random.Generator
) -> tuple[tuple[float, float], Measure]:
    """Draw the difference of accuracies from one posterior over who is right."""
    counts = np.bincount(2 * old + new, minlength=4)
    shares = posterior(counts, 0.5, rng=rng)
    values = (float(old.mean()), float(new.mean()))
    return values, bounded("accuracy", values[1] - values[0], shares[:, 1] - shares[:, 2], len(old))


def _paired(
    metric: str,
    truth: NDArray[np.intp],
    guesses: tuple[NDArray[np.intp], NDArray[np.intp]],
    k: int,
    *,
    rng: np.random.Generator,
) -> tuple[tuple[float, float], Measure]:
    """Draw both models' confusion from one posterior over (truth, old answer, new answer).

    The answer `k` stands for all that are right of no sample.
    """
    said = k + int(max(answers.max() for answers in guesses) == k)
    flat = (truth * said + guesses[0]) * said + guesses[1]
    every = k * said**2
    cells = np.arange(every) if said <= MOST_LAID_OUT else np.unique(flat)
    counts = np.bincount(flat, minlength=every)[cells]
    known = (posterior(counts, MASS / every, rng=rng), cells)
    parts = [known, *_unseen(every, len(cells), n=len(truth), rng=rng)]
    place = None if metric == "macro F1" else rarer(np.bincount(truth, minlength=k))
    drawn = [_score(parts, guess, (k, said), place) for guess in (OLD, NEW)]
    exact = [_score([(counts[None, :], cells)], guess, (k, said), place)[0] for guess in (OLD, NEW)]
    values = (float(exact[0]), float(exact[1]))
    return values, bounded(metric, values[1] - values[0], drawn[1] - drawn[0], len(truth))


def _unseen(every: int, seen: int, *, n: int, rng: np.random.Generator) -> list[Cells]:
    """Draw what the cells that are not laid out, as no sample is in them, may hold after all.

    Of so many cells with so little each a draw has a few that hold nearly all: a Dirichlet process,
    whose sticks are broken here. The shares are of what the cells with samples hold together.
    """
    mass = MASS * (1 - seen / every)
    if not mass:
        return []
    broken = rng.beta(1, mass, size=(DRAWS, STICKS))
    broken[:, -1] = 1
    sticks = broken * np.cumprod(np.column_stack([np.ones(DRAWS), 1 - broken[:, :-1]]), axis=1)
    held = rng.standard_gamma(mass, DRAWS) / rng.standard_gamma(n + MASS - mass, DRAWS)
    return [(sticks * held[:, None], rng.integers(every, size=(DRAWS, STICKS)))]


def _score(parts: Sequence[Cells], guess: int, shape: tuple[int, int], place: int | None) -> Floats:
    """Return draws of a measure of one of two models, from shares of cells of them both."""
    k, said = shape
    draws = np.arange(len(parts[0][0]))[:, None]
    counted = np.zeros((len(draws), k * said))
    for shares, cells in parts:
        answers = cells // said % said if guess == OLD else cells % said
        np.add.at(counted, (draws, cells // said**2 * said + answers), shares)
    tables = counted.reshape(-1, k, said)
    return macro_f1(tables) if place is None else f1(tables)[:, place]


def spending(k: int) -> float:
    """Return the error that the k-th comparison of a project may spend.

    Equal shares of 5% over 50 comparisons: whatever the dependence between the tests, a project
    promotes an equal challenger with probability at most 5%. Later comparisons spend nothing,
    so that a person decides. To compare the same versions on the same answers again is no new
    comparison: it says the same.

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
    return ERROR / COMPARISONS if 1 <= k <= COMPARISONS else 0.0


def allowed(k: int, *, chosen: bool) -> float:
    """Return the error that a comparison may make.

    The share that `spending` gives out protects a champion that somebody chose. The first
    version became champion by itself, so that nothing is lost by letting a better looking one
    take its place: plain 5% is enough against it, and nothing is spent.

    Parameters
    ----------
    k : int
        Which comparison with a chosen champion the project is at, from 1.
    chosen : bool
        Whether a person made the champion one.

    Returns
    -------
    float

    Examples
    --------
    >>> allowed(1, chosen=True), allowed(1, chosen=False)
    (0.001, 0.05)
    """
    return spending(k) if chosen else ERROR
