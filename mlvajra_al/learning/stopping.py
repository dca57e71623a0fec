"""When to stop labelling: once the answers no longer change, and the curve says so too.

References
----------
.. [1] M. Bloodgood and K. Vijay-Shanker, "A method for stopping active learning based on
   stabilizing predictions and the need for user-adjustable stopping", CoNLL 2009.
.. [2] C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik and J. S. Denker, "Learning curves:
   asymptotic values and rate of convergence", NIPS 1993.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

from mlvajra_al.records import NOTHING_LEFT, Advice, Course, Forecast, Measure, Rest, Stability
from mlvajra_al.words import plural

ALIKE = 0.99
"""Mean kappa of successive versions from which on their answers are stable."""
NEARLY_ALIKE, HARDLY = 0.988, 0.0125
"""Answers this stable are stable enough where the next labels surely bring no more than that."""
WINDOW = 3
STEP, STEP_SHARE, ROUNDING = 10, 0.02, 1e-9
"""So many labels, or this share of them, lie between two versions that are compared: from one
label to the next nothing changes, and that says nothing."""
FEWEST_OF_A_LABEL = 3
"""Examples of each label without which nobody is told to stop."""
WORTH = 0.01
"""A gain that is surely larger than this speaks against stopping."""
LITTLE = 0.05
"""Where a sample may have several labels some answers never settle, and need not: who stops while
all that is left would bring less than this share of F1 has 95% of what the whole pool gives."""
RATE = 0.5
"""What n labels leave to be learned shrinks with the root of n, as the noise of any mean does."""
LEAST_SHOWN, LEAST_WORDED = 0.0005, 0.005
"""Gains that are smaller are nothing with three digits, and with two."""
GOOD = "a good moment to stop"


@dataclass(frozen=True, slots=True)
class Past:
    """A version before this one: how many labels it knew, and what it was compared with."""

    number: int
    n_labels: int
    stability: Stability | None = None
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class Signs:
    """What the advice is made from."""

    version: int
    label_counts: Mapping[str, int]
    """Examples learned from, of every label of the set, by what a person calls it."""
    left: int
    """Samples of the pool about which more people are to be asked."""
    stability: Stability | None
    estimated: Measure
    forecast: Forecast | None
    missing: str
    answers: int | None = None
    """Samples learned from, where one may have several labels or none."""
    rest: Rest | None = None

    @property
    def n_labels(self) -> int:
        """Samples learned from."""
        return sum(self.label_counts.values()) if self.answers is None else self.answers


def earlier(past: Sequence[Past], n_labels: int) -> Past | None:
    """Return the newest version far enough back to be compared with; None if there is none.

    Examples
    --------
    >>> past = [Past(1, 20), Past(2, 24), Past(3, 28)]
    >>> earlier(past, 32).number, earlier(past, 34).number, earlier(past, 22)
    (1, 2, None)
    """
    most = n_labels - max(STEP, STEP_SHARE * n_labels)
    return next((one for one in reversed(past) if one.n_labels <= most), None)


def step(n_labels: int) -> int:
    """Return how many more labels a version needs to be compared with one of so many.

    Examples
    --------
    >>> step(20), step(2_000)
    (10, 41)
    """
    return max(STEP, ceil(n_labels * STEP_SHARE / (1 - STEP_SHARE) - ROUNDING))


def halfway(past: Sequence[Past], n_labels: int) -> Past | None:
    """Return the newest version that had at most half as many labels; None if there is none.

    Examples
    --------
    >>> halfway([Past(1, 20), Past(2, 24), Past(3, 28)], 50).number
    2
    """
    return next((one for one in reversed(past) if 2 * one.n_labels <= n_labels), None)


def remainder(today: float, rise: float, *, since: int, n_labels: int, left: int) -> Rest:
    """Say what all samples that are left would bring, from what the last labels have brought.

    Parameters
    ----------
    today, rise : float
        Micro F1, and by how much it has risen.
    since, n_labels, left : int
        Labels before the rise and after it, and samples that have none.

    Examples
    --------
    >>> found = remainder(0.8, 0.04, since=100, n_labels=200, left=200)
    >>> found.since, found.samples, round(found.share, 3)
    (100, 200, 0.035)
    """
    first, last, end = (n**-RATE for n in (since, n_labels, n_labels + left))
    return Rest(since, left, today, rise / today * (last - end) / (first - last))


def steps(past: Sequence[Past], stability: Stability | None) -> list[float | None]:
    """Return kappa of the last steps, newest first, each from where the one after it began.

    Examples
    --------
    >>> past = [Past(1, 20), Past(2, 40, Stability(1, 0.8, 0.1, 100))]
    >>> steps(past, Stability(2, 0.9, 0.1, 100))
    [0.9, 0.8]
    """
    found = [] if stability is None else [stability.kappa]
    for before in _steps_back(past, stability):
        if before.stability is None or len(found) == WINDOW:
            break
        found.append(before.stability.kappa)
    return found


def _steps_back(past: Sequence[Past], stability: Stability | None) -> Iterator[Past]:
    """Go from each version to the one it was compared with."""
    by_number = {one.number: one for one in past}
    while stability is not None and (before := by_number.get(stability.earlier)) is not None:
        yield before
        stability = before.stability


def _mean_rest(past: Sequence[Past], signs: Signs) -> float | None:
    """Return the mean share of the last steps; None while there are too few."""
    before = islice(_steps_back(past, signs.stability), WINDOW - 1)
    known = [one for one in (signs.rest, *(earlier.rest for earlier in before)) if one is not None]
    return sum(one.share for one in known) / WINDOW if len(known) == WINDOW else None


def advise(signs: Signs, past: Sequence[Past]) -> Advice:
    """Say whether to go on labelling, in one sentence.

    Parameters
    ----------
    signs : Signs
    past : sequence of Past
        The versions before this one, oldest first.

    Returns
    -------
    Advice

    Examples
    --------
    >>> measure = Measure("estimated F1 (spam)", 0.9, 0.8, 0.95, 100)
    >>> signs = Signs(4, {"ham": 40, "spam": 40}, 900, Stability(3, 0.995, 0.0, 500), measure, None,
    ...               "2 more versions are needed")
    >>> past = [Past(1, 20), Past(2, 40, Stability(1, 0.99, 0.0, 500)),
    ...         Past(3, 60, Stability(2, 0.99, 0.0, 500))]
    >>> found = advise(signs, past)
    >>> found.action, round(found.mean_kappa, 3)
    ('stop', 0.992)
    >>> found.words.split(": ")[0]
    'The last versions answer alike'
    >>> advise(signs, past[:2]).words
    'Too early to say when to stop: that takes 2 more versions, each with at least 10 more labels.'
    """
    found = steps(past, signs.stability)
    known = [one for one in found if one is not None]
    mean = sum(known) / WINDOW if len(known) == WINDOW else None
    rest = _mean_rest(past, signs)
    action, words = _judgement(signs, found, mean, rest)
    return Advice(
        version=signs.version,
        n_labels=signs.n_labels,
        action=action,
        words=words,
        stability=signs.stability,
        mean_kappa=mean,
        estimated=signs.estimated,
        forecast=signs.forecast,
        missing=signs.missing,
        rest=signs.rest,
        mean_rest=rest,
    )


def _judgement(
    signs: Signs, found: Sequence[float | None], mean: float | None, rest: float | None
) -> tuple[Course, str]:
    if not signs.left:
        return "stop", NOTHING_LEFT
    if len(found) < WINDOW:
        more, labels = WINDOW - len(found), step(signs.n_labels)
        if more * labels > signs.left:
            last = "sample" if signs.left == 1 else f"{signs.left} samples"
            return "too_early", f"Too little is left to say when to stop: label the last {last}."
        count = f"{more} more versions, each" if more > 1 else "one more version,"
        return "too_early", (
            f"Too early to say when to stop: that takes {count} with at least {labels} more labels."
        )
    if mean is None:
        return "go_on", (
            "Every sample gets the same label from the last versions, which says nothing: "
            "go on labelling."
        )
    rare = [name for name, n in signs.label_counts.items() if n < FEWEST_OF_A_LABEL]
    stable, little = _stable(mean, signs.forecast), rest is not None and rest <= LITTLE
    if not stable and not little:
        return "go_on", f"{_of_the_rest(signs, rest) or _of_the_next(signs)}: go on labelling."
    if rare:
        good = "The last versions answer alike" if stable else _of_the_rest(signs, rest)
        return "go_on", (
            f"{good}, but the versions have learned {_examples(signs, rare)}: go on until there "
            f"are {FEWEST_OF_A_LABEL} of each, or take the label out of the set."
        )
    ahead = signs.forecast
    if ahead is not None and ahead.least > WORTH:
        return "go_on", f"{_outlook(signs)}: go on labelling."
    if stable:
        return "stop", _stop(signs)
    return "stop", f"{_of_the_rest(signs, rest)}, a twentieth of it or less: {GOOD}."


def _stable(mean: float, ahead: Forecast | None) -> bool:
    if ahead is not None and ahead.gain + ahead.margin <= HARDLY:
        return mean >= NEARLY_ALIKE
    return mean >= ALIKE


def _stop(signs: Signs) -> str:
    if signs.forecast is not None:
        return f"{_outlook(signs)}: {GOOD}."
    return (
        f"The last versions answer alike: {GOOD}. What more labels would bring "
        f"cannot be said yet: {signs.missing}."
    )


def _outlook(signs: Signs) -> str:
    """Say what the next labels would bring; nothing where that is not known."""
    ahead = signs.forecast
    if ahead is None:
        return ""
    labels = f"Labels {signs.n_labels:,} to {signs.n_labels + ahead.labels:,}"
    gain = f"{ahead.gain:.3f} ± {ahead.margin:.3f}"
    if ahead.least > 0:
        return f"{labels} would probably raise {ahead.metric} by {gain}"
    if ahead.gain + ahead.margin <= 2 * WORTH:
        hardly = gain if max(ahead.gain, ahead.margin) >= LEAST_SHOWN else "by less than 0.001"
        return f"{labels} would hardly change {ahead.metric} ({hardly})"
    return f"{labels} may raise {ahead.metric} by {gain}"


def _of_the_rest(signs: Signs, mean: float | None) -> str:
    """Say what all that is left would bring; nothing where that is not known."""
    if signs.rest is None:
        return ""
    gain = (signs.rest.share if mean is None else mean) * signs.rest.today
    left = f"The {signs.left:,} samples" if signs.left > 1 else "The last sample"
    if gain < LEAST_WORDED:
        return f"{left} left would hardly raise micro F1"
    return f"{left} left would probably raise micro F1 by about {gain:.2f} in all"


def _of_the_next(signs: Signs) -> str:
    return f"{_outlook(signs)}{_changing(signs)}"


def _changing(signs: Signs) -> str:
    step = signs.stability
    last = "" if step is None else f", at the last step for {step.differing:.1%} of the samples"
    if signs.forecast is None:
        return f"Answers still change from version to version{last}"
    return f"; answers still change from version to version{last}"


def _examples(signs: Signs, rare: Sequence[str]) -> str:
    counts = [f"{signs.label_counts[name] or 'none'} of {name}" for name in rare[:3]]
    more = f" and {plural(len(rare) - 3, 'more label')}" if len(rare) > 3 else ""
    return "few examples: " + ", ".join(counts) + more
