"""The default that adapts: which strategy suits what is known by now, and why, in words.

Cold start, while there is no model; then doubts, spread over variety as long as there are many;
then the border that is left. What decides is how many samples the model hesitates about, which
means the same for two labels and for ten, at 20 labels and at 2,000. While a label has no example
or hardly any, batches or half of them are what could be one; while the model only guesses, samples
are drawn at random.

References
----------
.. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite strategies suit
   high and low budgets", ICML 2022.
.. [2] J. Attenberg and F. Provost, "Why label when you can search?", KDD 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.learning.guessing import Trial
from mlvajra_al.learning.rarity import ENOUGH, SCARCE, given_up_after, scarce, unseen
from mlvajra_al.learning.selectors import FOCUS, SHORTLIST
from mlvajra_al.words import plural

NO_MODEL = (
    "Cold start: there is no model yet, so varied samples that stand for many others come first."
)
NOTHING_LEFT = "Nothing is left to ask."
OVER_ALL = "is spread over all of them"
NAMED = 3
"""So many labels without an example are named."""
DOUBTFUL = 0.5
"""A margin from which the model hesitates: its two likeliest labels are at most 0.5 apart."""


def choose(
    margins: NDArray[Any] | None,
    *,
    batch_size: int,
    labels: ArrayLike | None = None,
    label_set: Sequence[Any] = (),
    trial: Trial | None = None,
) -> tuple[str, str]:
    """Return the strategy that `auto` stands for, and a sentence that says why.

    Parameters
    ----------
    margins : ndarray of shape (n_candidates,), or None
        One minus the gap between the two likeliest labels; None without a model.
    batch_size : int
    labels : array_like, optional
        Of what is labelled.
    label_set : sequence
        All labels there are; those without an example are looked for.
    trial : Trial, optional
        Of the model on samples it was not taught: doubts of one that only guesses say nothing.

    Returns
    -------
    strategy : str
        A key of `STRATEGIES`.
    reason : str

    Examples
    --------
    >>> print(*choose(None, batch_size=2))
    cold_start Cold start: there is no model yet, so varied samples that stand for many others
    come first.
    >>> print(*choose(np.full(300, 0.9), batch_size=2))
    diversified_margin Diversified margin: the model hesitates about 300 of 300 samples, so each
    batch is spread over the 100 it doubts most.
    >>> print(*choose(np.zeros(300), batch_size=2))
    focused_margin Exploitation: the model hesitates about none of 300 samples, so each batch
    comes from the 20 it doubts most.
    >>> print(*choose(np.zeros(1), batch_size=2))
    focused_margin The last of the pool: 1 sample is left.
    >>> print(*choose(np.zeros(300), batch_size=2, labels=["ham"] * 30 + ["spam"]))
    rare_label Rare label: 1 of 31 labels so far is 'spam', so each batch is what most likely is
    another one, until there are 10 or one in 10 labels is one.
    >>> print(*choose(np.full(300, 0.9), batch_size=2, trial=Trial(0.48, 0.5, 0.1)))
    random Random: so far the model only guesses. Of each label it finds 48% among samples it was
    not taught, where chance finds 50%; its doubts say nothing until it has learned something.
    """
    if margins is None:
        return "cold_start", NO_MODEL
    if not len(margins):
        return "focused_margin", NOTHING_LEFT
    if lacking := _lacking(labels, label_set):
        return lacking
    if trial is not None and trial.is_a_guess and len(margins) > batch_size:
        return "random", _guessing(trial)
    names = ("focused_margin", "diversified_margin")
    return _by_doubts(margins, batch_size, names, "the model hesitates about")


def _lacking(labels: ArrayLike | None, label_set: Sequence[Any]) -> tuple[str, str] | None:
    """Return what finds examples of a label that has none or hardly any, and why; None if none is.

    Examples
    --------
    >>> print(*_lacking(["a", "b"] * 9, "abc"))
    unseen_label Unseen label: no example of 'c' yet, so half of each batch is what is unlike
    everything labelled, until there is one or 100 samples are labelled.
    """
    told = np.asarray([] if labels is None else labels)
    if not len(told):
        return None
    seen = np.unique(told)
    if missing := unseen(seen.tolist(), label_set, answers=len(told)):
        return "unseen_label", _looking_for(missing, label_set)
    wanted = scarce(labels)
    if not wanted:
        return None
    found = np.count_nonzero(told == wanted[0])
    part = "each batch" if len(seen) == 2 else "half of each batch"
    return "rare_label", (
        f"Rare label: {found} of {len(told):,} labels so far {'is' if found == 1 else 'are'} "
        f"{wanted[0]!r}, so {part} is what most likely is another one, until "
        f"there are {ENOUGH} or one in {SCARCE * len(seen)} labels is one."
    )


def _guessing(trial: Trial) -> str:
    return (
        "Random: so far the model only guesses. Of each label it finds "
        f"{trial.found:.0%} among samples it was not taught, where chance finds "
        f"{trial.by_chance:.0%}; its doubts say nothing until it has learned something."
    )


def _looking_for(missing: Sequence[Any], label_set: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, missing[:NAMED]))
    more = f" and {plural(len(missing) - NAMED, 'other')}" if len(missing) > NAMED else ""
    there = "there is one" if len(missing) == 1 else "each has one"
    return (
        f"Unseen label: no example of {shown}{more} yet, so half of each batch is what is unlike "
        f"everything labelled, until {there} or {given_up_after(label_set)} samples are labelled."
    )


def choose_of_several(
    doubts: NDArray[Any],
    *,
    batch_size: int,
    seen: Sequence[Any] = (),
    label_set: Sequence[Any] = (),
    answers: int = 0,
) -> tuple[str, str]:
    """Return the strategy that `auto` stands for where samples have several labels, and why.

    Parameters
    ----------
    doubts : ndarray of shape (n_candidates,)
        About the label of each sample that is most in doubt.
    batch_size : int
    seen : sequence
        Labels with examples.
    label_set : sequence
        All labels there are.
    answers : int
        How many samples are labelled.

    Returns
    -------
    strategy : str
        A key of `MULTILABEL`.
    reason : str

    Examples
    --------
    >>> print(*choose_of_several(np.full(300, 0.9), batch_size=2))
    diversified_doubt Diversified doubt: the model hesitates about a label of 300 of 300 samples, so
    each batch is spread over the 100 it doubts most.
    """
    missing = unseen(seen, label_set, answers=answers) if len(doubts) else []
    if missing:
        return "unseen_label", _looking_for(missing, label_set)
    return _by_doubts(
        doubts,
        batch_size,
        ("focused_doubt", "diversified_doubt"),
        "the model hesitates about a label of",
    )


def _by_doubts(
    doubts: NDArray[Any], batch_size: int, names: tuple[str, str], words: str
) -> tuple[str, str]:
    """Choose between the few that are left to doubt, and spreading over the many."""
    n, doubtful = len(doubts), int(np.count_nonzero(doubts >= DOUBTFUL))
    focused, diversified = names
    if not n:
        return focused, NOTHING_LEFT
    if n <= batch_size:
        left = plural(n, "sample is left", "samples are left, those the model doubts most first")
        return focused, f"The last of the pool: {left}."
    if doubtful and doubtful < FOCUS * batch_size >= n:  # it may hesitate about each of the few
        return focused, (
            f"Exploitation: {words} {doubtful:,} of the {n:,} samples that are left, "
            f"so few that each batch {OVER_ALL}."
        )
    if doubtful < FOCUS * batch_size:
        few = f"only {doubtful:,}" if doubtful else "none"
        most = f"comes from the {FOCUS * batch_size:,} it doubts most"
        return focused, (
            f"Exploitation: {words} {few} of {n:,} samples, "
            f"so each batch {most if FOCUS * batch_size < n else OVER_ALL}."
        )
    most = f"is spread over the {SHORTLIST * batch_size:,} it doubts most"
    return diversified, (
        f"{diversified.replace('_', ' ').capitalize()}: {words} {doubtful:,} of {n:,} samples, "
        f"so each batch {most if SHORTLIST * batch_size < n else OVER_ALL}."
    )
