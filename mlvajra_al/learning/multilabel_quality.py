"""Labels that look wrong where a sample may have several: each is a question of its own.

References
----------
.. [1] A. Thyagarajan, E. Snorrason, C. Northcutt and J. Mueller, "Identifying incorrect
   annotations in multi-label classification data", ICLR 2023 Workshop on Trustworthy ML.
.. [2] H. W. Goh and J. Mueller, "ActiveLab: active learning with re-labeling by multiple
   annotators", ICLR 2023 Workshop on Trustworthy ML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import quality
from mlvajra_al.learning.evaluation import aligned
from mlvajra_al.learning.multilabel import indicators, train_each
from mlvajra_al.learning.quality import FEWEST, FEWEST_OF_A_LABEL, FOLDS, MOST_SUSPECTS, Suspect
from mlvajra_al.learning.rows import take
from mlvajra_al.records import EstimatorName
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.words import plural

Answers = Sequence[Sequence[str]]
"""The labels of each sample, maybe none."""
Floats = NDArray[np.float64]
GIVEN = ("no", "yes")
UNKNOWN = 0.5
"""The probability of a label that a model knows nothing of."""


def unready(answers: Answers, labels: Sequence[str]) -> str:
    """Say why answers cannot be checked yet, or nothing.

    Examples
    --------
    >>> unready([("money",)] * 40, ["money"])
    '10 more labels are needed'
    >>> unready([("money",)] * 57 + [()] * 3, ["money"])
    'a label is needed that at least 5 samples have and 5 have not'
    """
    if (missing := FEWEST - len(answers)) > 0:
        return f"{plural(missing, 'more label is', 'more labels are')} needed"
    if not checkable(answers, labels):
        few = FEWEST_OF_A_LABEL
        return f"a label is needed that at least {few} samples have and {few} have not"
    return ""


def checkable(answers: Answers, labels: Sequence[str]) -> list[int]:
    """Return the places of the labels that enough samples have, and enough have not.

    Examples
    --------
    >>> checkable([("money",)] * 5 + [("sport",)] * 6 + [("art",)], ["art", "money", "sport"])
    [1, 2]
    """
    counts = indicators(answers, labels).sum(axis=0)
    fewer = np.minimum(counts, len(answers) - counts)
    return np.flatnonzero(fewer >= FEWEST_OF_A_LABEL).tolist()


def out_of_sample(
    estimator: EstimatorName,
    X: Any,
    answers: Answers,
    *,
    labels: Sequence[str],
    seed: int,
    tick: Callable[[float], None] = lambda done: None,
) -> Floats:
    """Return what models say about labelled rows that taught them nothing, by cross-validation.

    Parameters
    ----------
    estimator : EstimatorName
    X : ndarray or CSR matrix of shape (n_labelled, n_features)
    answers : sequence of sequence of str, length n_labelled
    labels : sequence of str
        The label set: a column each.
    seed : int
    tick : callable
        Called before each fit with the share that is done; what it raises ends the work.

    Returns
    -------
    ndarray of shape (n_labelled, n_labels)
        NaN where the other rows all have a label, or none has it: they tell nothing about it.

    Examples
    --------
    >>> X = np.repeat([[0.0], [1.0]], 25, axis=0)
    >>> answers = [("low",)] * 25 + [("high",)] * 25
    >>> p = out_of_sample("logistic_regression", X, answers, labels=["high", "low"], seed=0)
    >>> p.shape, (p > 0.5).tolist() == [[False, True]] * 25 + [[True, False]] * 25
    ((50, 2), True)
    """
    given = indicators(answers, labels)

    def answer(taught: NDArray[np.intp], asked: NDArray[np.intp]) -> Floats | float:
        learned = given[taught].any(axis=0) & ~given[taught].all(axis=0)
        if not learned.any():
            return np.nan
        told = [answers[row] for row in taught]
        model = train_each(estimator, take(X, taught), told, seed=seed).model
        p = aligned(model.predict_proba(take(X, asked)), model.classes_, labels)
        return np.where(learned, p, np.nan)

    strata = _strata(given[:, checkable(answers, labels)])
    return quality.by_folds(answer, strata, n_labels=len(labels), seed=seed, tick=tick)


def _strata(given: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each row the rarest label in which it differs from most, or that there is none.

    Spread evenly over the folds, the few that have a label, or have not, are never all in one.
    """
    unusual = given != (2 * given.sum(axis=0) > len(given))
    rarest_first = np.argsort(unusual.sum(axis=0), kind="stable")
    none = np.ones(len(given), dtype=bool)
    strata = np.column_stack([unusual[:, rarest_first], none]).argmax(axis=1)
    sizes = np.bincount(strata)
    return np.where(sizes[strata] < FOLDS, sizes.argmax(), strata)


def suspects(answers: Answers, probabilities: ArrayLike, *, labels: Sequence[str]) -> list[Suspect]:
    """Find answers in which a label looks wrong: given though it should not be, or missing.

    Parameters
    ----------
    answers : sequence of sequence of str, length n_labelled
    probabilities : array_like of shape (n_labelled, n_labels)
        From models the rows taught nothing: `out_of_sample`. Nothing is said of NaN.
    labels : sequence of str

    Returns
    -------
    list of Suspect
        At most a quarter of the rows, the most doubtful first. What is likely is the whole set, as
        text; the probability and the quality are those of its most doubtful label.

    Raises
    ------
    Invalid
        If there are too few answers to tell; `unready` says so before.

    Examples
    --------
    >>> answers = [("money",)] * 30 + [("money", "sport")] * 30
    >>> sure = np.array([[0.95, 0.05]] * 30 + [[0.95, 0.95]] * 30)
    >>> sure[7, 1] = 0.98
    >>> [found] = suspects(answers, sure, labels=["money", "sport"])
    >>> found.row, found.likely, found.probability, round(found.quality, 2)
    (7, '["money","sport"]', 0.98, 0.02)
    """
    if reason := unready(answers, labels):
        raise Invalid(f"labels cannot be checked: {reason}")
    p, given = np.asarray(probabilities, dtype=np.float64), indicators(answers, labels)
    doubts: dict[int, list[tuple[int, Suspect]]] = defaultdict(list)
    for place in checkable(answers, labels):
        for found in _suspects_of_one(given[:, place], p[:, place]):
            doubts[found.row].append((place, found))
    every = [_together(given[row], of_row, labels) for row, of_row in doubts.items()]
    every.sort(key=lambda one: (one.quality, one.row))
    return every[: int(MOST_SUSPECTS * len(answers))]


def _suspects_of_one(given: NDArray[np.bool_], p: Floats) -> list[Suspect]:
    """Return the rows in which one label looks wrong, of those whose probability is known."""
    known = np.flatnonzero(~np.isnan(p))
    said = np.array(GIVEN)[given[known].astype(int)]
    if quality.unready(said):
        return []
    both = np.column_stack([1 - p[known], p[known]])
    found = quality.suspects(said, both, labels=GIVEN)
    return [replace(one, row=int(known[one.row])) for one in found]


def _together(
    given: NDArray[np.bool_], found: Sequence[tuple[int, Suspect]], labels: Sequence[str]
) -> Suspect:
    """Return the doubts about one row as one."""
    likely = given.copy()
    doubted = [place for place, _ in found]
    likely[doubted] = ~likely[doubted]
    worst = min((one for _, one in found), key=lambda one: one.quality)
    text = to_text(name for name, has in zip(labels, likely, strict=True) if has)
    return Suspect(worst.row, text, worst.probability, worst.quality)


def worth_asking_again(
    answers: ArrayLike,
    probabilities: ArrayLike,
    unlabelled: ArrayLike,
    *,
    places: Sequence[int],
    tick: Callable[[float], None] = lambda done: None,
) -> tuple[Floats, Floats]:
    """Score labelled and unlabelled samples alike, label by label: the lower, the sooner to ask.

    What counts is the label that is most worth asking about, as it is where new samples are ranked.

    Parameters
    ----------
    answers : array_like of shape (n_labelled, n_people, n_labels)
        1 where a person has given the label, 0 where not; -1 where they have not answered.
    probabilities : array_like of shape (n_labelled, n_labels)
        Out of sample; a label whose probability is NaN gives no reason to ask.
    unlabelled : array_like of shape (n_unlabelled, n_labels)
    places : sequence of int
        The labels that count, at least one: those that are `checkable`.
    tick : callable
        Called before each label with the share that is done; what it raises ends the work.

    Returns
    -------
    labelled : ndarray of shape (n_labelled,)
    unlabelled : ndarray of shape (n_unlabelled,)

    Examples
    --------
    >>> answers = np.array([[[0, 1], [-1, -1]]] * 10 + [[[-1, -1], [1, 1]]] * 10
    ...                    + [[[0, 1], [1, 1]]])
    >>> p = np.array([[0.1, 0.9]] * 10 + [[0.9, 0.9]] * 10 + [[0.6, 0.9]])
    >>> again, anew = worth_asking_again(answers, p, [[0.05, 0.95], [0.5, 0.95]], places=[0, 1])
    >>> int(again.argmin()), int(anew.argmin()), bool(again[20] < anew[0])
    (20, 1, True)
    """
    given = np.asarray(answers)
    p, free = (np.asarray(one, dtype=np.float64) for one in (probabilities, unlabelled))
    again, anew = np.ones(len(p)), np.ones(len(free))
    for done, place in enumerate(places):
        tick(done / len(places))
        known = ~np.isnan(p[:, place])
        yes, new = np.where(known, p[:, place], UNKNOWN), free[:, place]
        old_scores, new_scores = quality.worth_asking_again(
            given[:, :, place], np.column_stack([1 - yes, yes]), np.column_stack([1 - new, new])
        )
        again[known] = np.minimum(again, old_scores)[known]
        anew = np.minimum(anew, new_scores)
    return again, anew
