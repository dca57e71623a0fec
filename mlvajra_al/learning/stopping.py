"""When to stop labelling: once the answers no longer change, and the curve says so too.

References
----------
.. [1] M. Bloodgood and K. Vijay-Shanker, "A method for stopping active learning based on
   stabilizing predictions and the need for user-adjustable stopping", CoNLL 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlvajra_al.records import NOTHING_LEFT, Advice, Course, Forecast, Measure, Stability
from mlvajra_al.words import plural

ALIKE = 0.99
"""Mean kappa of successive versions from which on their answers are stable."""
NEARLY_ALIKE, HARDLY = 0.988, 0.0125
"""Answers this stable are stable enough where the next labels surely bring no more than that."""
WINDOW = 3
STEP, STEP_SHARE = 10, 0.02
"""So many labels, or this share of them, lie between two versions that are compared: from one
label to the next nothing changes, and that says nothing."""
FEWEST_OF_A_LABEL = 3
"""Examples of each label without which nobody is told to stop."""
WORTH = 0.01
"""A gain that is surely larger than this speaks against stopping."""
LEAST_SHOWN = 0.0005
"""A gain that is smaller is 0.000 in words."""


@dataclass(frozen=True, slots=True)
class Past:
    """A version before this one: how many labels it knew, and what it was compared with."""

    number: int
    n_labels: int
    stability: Stability | None = None


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


def steps(past: Sequence[Past], stability: Stability | None) -> list[float | None]:
    """Return kappa of the last steps, newest first, each from where the one after it began.

    Examples
    --------
    >>> past = [Past(1, 20), Past(2, 40, Stability(1, 0.8, 0.1, 100))]
    >>> steps(past, Stability(2, 0.9, 0.1, 100))
    [0.9, 0.8]
    """
    by_number = {one.number: one for one in past}
    found: list[float | None] = []
    while stability is not None and len(found) < WINDOW:
        found.append(stability.kappa)
        before = by_number.get(stability.earlier)
        stability = None if before is None else before.stability
    return found


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
    action, words = _judgement(signs, found, mean)
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
    )


def _judgement(
    signs: Signs, found: Sequence[float | None], mean: float | None
) -> tuple[Course, str]:
    if not signs.left:
        return "stop", NOTHING_LEFT
    if len(found) < WINDOW:
        more = WINDOW - len(found)
        if more * STEP > signs.left:
            last = "sample" if signs.left == 1 else f"{signs.left} samples"
            return "too_early", f"Too little is left to say when to stop: label the last {last}."
        count = f"{more} more versions, each" if more > 1 else "one more version,"
        return "too_early", (
            f"Too early to say when to stop: that takes {count} with at least {STEP} more labels."
        )
    if mean is None:
        return "go_on", (
            "Every sample gets the same label from the last versions, which says nothing: "
            "go on labelling."
        )
    rare = [name for name, n in signs.label_counts.items() if n < FEWEST_OF_A_LABEL]
    if not _stable(mean, signs.forecast):
        return "go_on", f"{_outlook(signs)}{_changing(signs)}: go on labelling."
    if rare:
        return "go_on", (
            "The last versions answer alike, but have learned "
            f"{_examples(signs, rare)}: go on until there are {FEWEST_OF_A_LABEL} of each, or take "
            "the label out of the set."
        )
    ahead = signs.forecast
    if ahead is not None and ahead.least > WORTH:
        return "go_on", f"{_outlook(signs)}: go on labelling."
    return "stop", _stop(signs)


def _stable(mean: float, ahead: Forecast | None) -> bool:
    if ahead is not None and ahead.gain + ahead.margin <= HARDLY:
        return mean >= NEARLY_ALIKE
    return mean >= ALIKE


def _stop(signs: Signs) -> str:
    if signs.forecast is not None:
        return f"{_outlook(signs)}: a good moment to stop."
    return (
        "The last versions answer alike: a good moment to stop. What more labels would bring "
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


def _changing(signs: Signs) -> str:
    step = signs.stability
    last = "" if step is None else f", at the last step for {step.differing:.1%} of the samples"
    if signs.forecast is None:
        return f"Answers still change from version to version{last}"
    return f"; answers still change from version to version{last}"


def _examples(signs: Signs, rare: Sequence[str]) -> str:
    counts = [f"{signs.label_counts[name] or 'no'} of {name}" for name in rare[:3]]
    more = f" and {plural(len(rare) - 3, 'more label')}" if len(rare) > 3 else ""
    return "examples: " + ", ".join(counts) + more
