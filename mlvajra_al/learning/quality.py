"""The one door to cleanlab: which labels look wrong, and whom to ask again rather than anew.

References
----------
.. [1] C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in
   dataset labels", Journal of Artificial Intelligence Research 70, 2021.
.. [2] H. W. Goh and J. Mueller, "ActiveLab: active learning with re-labeling by multiple
   annotators", ICLR 2023 Workshop on Trustworthy ML.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.evaluation import aligned
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.training import train
from mlvajra_al.records import EstimatorName
from mlvajra_al.words import plural

Floats = NDArray[np.float64]

FOLDS = 5
FEWEST = 50
"""Labels below which none is called wrong: the model knows too little itself."""
FEWEST_OF_A_LABEL = 5
MOST_SUSPECTS = 0.25
"""Who doubts more than this share of the labels has not learned the question."""
EVERY = 4
"""At most one in so many is asked again: a person who only decides old cases teaches little."""
ODDS = 2.0
"""The others must speak so many times as strongly for another label as for the one given."""
FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that looks wrong: its row, the label the others speak for, how sure that is."""

    row: int
    likely: str
    probability: float
    quality: float


def unready(labels: ArrayLike) -> str:
    """Say why labels cannot be checked yet, or nothing.

    Examples
    --------
    >>> unready(["ham"] * 40 + ["spam"] * 4)
    '6 more labels are needed'
    >>> unready(["ham"] * 60 + ["spam"] * 3)
    '2 more examples of spam are needed'
    >>> unready(["ham"] * 60)
    'examples of a second label are needed'
    """
    names, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    if (missing := FEWEST - int(counts.sum())) > 0:
        return f"{plural(missing, 'more label is', 'more labels are')} needed"
    if len(names) < 2:
        return "examples of a second label are needed"
    second, name = sorted(zip(counts.tolist(), names.tolist(), strict=True))[-2]
    if (missing := FEWEST_OF_A_LABEL - second) > 0:
        of = f"of {name}"
        return f"{plural(missing, f'more example {of} is', f'more examples {of} are')} needed"
    return ""


def checkable(labels: ArrayLike) -> NDArray[np.bool_]:
    """Tell which labels have enough examples for one of them to be called wrong.

    Examples
    --------
    >>> checkable(["ham"] * 5 + ["spam"]).tolist()
    [True, True, True, True, True, False]
    """
    _, which, counts = np.unique(
        np.asarray(labels, dtype=str), return_inverse=True, return_counts=True
    )
    return np.asarray(counts[which] >= FEWEST_OF_A_LABEL)


def out_of_sample(
    estimator: EstimatorName,
    X: Any,
    y: ArrayLike,
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
    y : array_like of str, shape (n_labelled,)
    labels : sequence of str
        The label set: a column each.
    seed : int
    tick : callable
        Called before each fit with the share that is done; what it raises ends the work.

    Returns
    -------
    ndarray of shape (n_labelled, n_labels)

    Examples
    --------
    >>> X = np.repeat([[0.0], [1.0]], 25, axis=0)
    >>> y = ["ham"] * 25 + ["spam"] * 25
    >>> p = out_of_sample("logistic_regression", X, y, labels=["ham", "spam"], seed=0)
    >>> p.shape, p.argmax(axis=1).tolist() == [0] * 25 + [1] * 25
    ((50, 2), True)
    """
    told = np.asarray(y, dtype=str)

    def answer(taught: NDArray[np.intp], asked: NDArray[np.intp]) -> Floats:
        model = train(estimator, take(X, taught), told[taught], seed=seed).model
        return aligned(model.predict_proba(take(X, asked)), model.classes_, labels)

    return by_folds(answer, told, n_labels=len(labels), seed=seed, tick=tick)


def by_folds(
    answer: Callable[[NDArray[np.intp], NDArray[np.intp]], Floats | float],
    strata: ArrayLike,
    *,
    n_labels: int,
    seed: int,
    tick: Callable[[float], None],
) -> Floats:
    """Ask about the rows of each fold by what the others teach.

    Parameters
    ----------
    answer : callable
        Given which rows teach and which are asked about, returns a row for each of these.
    strata : array_like of shape (n_labelled,)
        What every fold is to hold its part of.
    n_labels, seed, tick
        As in `out_of_sample`.

    Returns
    -------
    ndarray of shape (n_labelled, n_labels)

    Examples
    --------
    >>> by_folds(lambda taught, asked: len(taught), [0] * 5, n_labels=1, seed=0, tick=print)
    0.0
    0.2
    0.4
    0.6
    0.8
    array([[4.],
           [4.],
           [4.],
           [4.],
           [4.]])
    """
    found = np.full((len(np.asarray(strata)), n_labels), np.nan)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for done, (taught, asked) in enumerate(folds.split(found, strata)):
        tick(done / FOLDS)
        found[asked] = answer(taught, asked)
    return found


def suspects(y: ArrayLike, probabilities: ArrayLike, *, labels: Sequence[str]) -> list[Suspect]:
    """Find labels that look wrong, the most doubtful first.

    Parameters
    ----------
    y : array_like of str, shape (n_labelled,)
        Each with several examples: those that are `checkable`.
    probabilities : array_like of shape (n_labelled, n_labels)
        From models the rows taught nothing: `out_of_sample`.
    labels : sequence of str

    Returns
    -------
    list of Suspect
        At most a quarter of the rows.

    Raises
    ------
    Invalid
        If there are too few labels to tell; `unready` says so before.

    Examples
    --------
    >>> y = ["ham"] * 30 + ["spam"] * 30
    >>> sure = np.array([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 30)
    >>> sure[7] = [0.02, 0.98]
    >>> suspects(y, sure, labels=["ham", "spam"])
    [Suspect(row=7, likely='spam', probability=0.98, quality=0.02)]
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    if reason := unready(y):
        raise Invalid(f"labels cannot be checked: {reason}")
    told, p, names = _known(y, probabilities, labels)
    found = find_label_issues(
        told, p, return_indices_ranked_by="self_confidence", filter_by="both", n_jobs=1
    )
    quality = get_label_quality_scores(told, p)
    most = int(MOST_SUSPECTS * len(told))
    return [
        Suspect(
            row=int(row),
            likely=names[int(p[row].argmax())],
            probability=float(p[row].max()),
            quality=float(quality[row]),
        )
        for row in found[:most]
        if p[row].max() >= ODDS * p[row, told[row]]
    ]


def _known(
    y: ArrayLike, probabilities: ArrayLike, labels: Sequence[str]
) -> tuple[NDArray[np.intp], Floats, list[str]]:
    """Return places, probabilities and names of the labels that occur: cleanlab wants no others."""
    given = np.asarray(y, dtype=str)
    kept = [place for place, name in enumerate(labels) if (given == name).any()]
    names = [labels[place] for place in kept]
    p = np.asarray(probabilities, dtype=np.float64)[:, kept] + FLOOR
    places = {name: place for place, name in enumerate(names)}
    told = np.array([places[name] for name in given], dtype=np.intp)
    return told, p / p.sum(axis=1, keepdims=True), names


def worth_asking_again(
    answers: ArrayLike, probabilities: ArrayLike, unlabelled: ArrayLike
) -> tuple[Floats, Floats]:
    """Score labelled and unlabelled samples alike, by ActiveLab: the lower, the sooner to ask.

    Parameters
    ----------
    answers : array_like of shape (n_labelled, n_people)
        Places in the label set; -1 where a person has not answered.
    probabilities : array_like of shape (n_labelled, n_labels)
        Out of sample.
    unlabelled : array_like of shape (n_unlabelled, n_labels)

    Returns
    -------
    labelled : ndarray of shape (n_labelled,)
    unlabelled : ndarray of shape (n_unlabelled,)

    Examples
    --------
    >>> answers = np.array([[0, -1]] * 10 + [[-1, 1]] * 10 + [[0, 1]])
    >>> p = np.array([[0.9, 0.1]] * 10 + [[0.1, 0.9]] * 10 + [[0.6, 0.4]])
    >>> again, anew = worth_asking_again(answers, p, [[0.95, 0.05], [0.5, 0.5]])
    >>> int(again.argmin()), int(anew.argmin()), bool(again[20] < anew[0])
    (20, 1, True)
    """
    from cleanlab.multiannotator import get_active_learning_scores

    given = np.asarray(answers, dtype=np.float64)
    given = np.where(given < 0, np.nan, given)
    p, free = _untied(_proper(probabilities)), _proper(unlabelled)
    # It prints what tells how to go on with its own consensus labels, which nobody here sees.
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.filterwarnings("ignore", message="Annotators do not agree", category=UserWarning)
        warnings.filterwarnings("ignore", message="breaking ties", category=UserWarning)
        again, anew = get_active_learning_scores(given, p, free)
    return np.asarray(again, dtype=np.float64), np.asarray(anew, dtype=np.float64)


def places_to_ask_again(again: ArrayLike, anew: ArrayLike, *, batch: int) -> list[tuple[int, int]]:
    """Say which labelled samples to ask again among the next new ones, and behind which of them.

    Parameters
    ----------
    again : array_like of shape (n_labelled,)
        Scores of labelled samples, from `worth_asking_again`.
    anew : array_like of shape (n_new,)
        Scores of the new samples that come next.
    batch : int
        So many new ones are asked until the next ranking.

    Returns
    -------
    list of (row, place)
        Rows of `again` with the place in the ranking they share, the first one first: at most one
        for each `EVERY` new ones, and none that is less worth asking than the batch.

    Examples
    --------
    >>> places_to_ask_again([0.9, 0.1, 0.3], [0.2, 0.4, 0.5, 0.6] * 3, batch=8)
    [(1, 3), (2, 7)]
    """
    scores, new = np.asarray(again, dtype=np.float64), np.sort(np.asarray(anew, dtype=np.float64))
    order = np.argsort(scores, kind="stable")
    before = np.searchsorted(new, scores[order])
    found = []
    for turn, (row, sooner) in enumerate(zip(order.tolist(), before.tolist(), strict=True)):
        place = max(sooner - 1, EVERY * (turn + 1) - 1)
        if sooner >= len(new) or place >= batch:
            break
        found.append((row, place))
    return found


def _proper(probabilities: ArrayLike) -> Floats:
    p = np.asarray(probabilities, dtype=np.float64) + FLOOR
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _untied(p: Floats) -> Floats:
    """Return probabilities of which no two are the same, so that one of two answers is likelier.

    Else cleanlab asks who is right more often, and fails where no answer stands undisputed.
    """
    return _proper(p + FLOOR * np.arange(p.shape[1]))
