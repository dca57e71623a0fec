"""Play a strategy against an oracle from zero labels: what would labelling have cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.multilabel import indicators, is_multilabel, train_each
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.scanning import length
from mlvajra_al.learning.selectors import Positions
from mlvajra_al.learning.strategies import Ranking, before_a_model, rank
from mlvajra_al.learning.training import train
from mlvajra_al.records import EstimatorName

Fit = Callable[[Any, NDArray[Any]], Any]
"""(rows, answers) -> fitted classifier; raises NotEnoughLabels where there can be none."""
Score = Callable[[NDArray[Any], NDArray[Any]], float]
"""(true answers, predicted answers) -> how good, higher is better."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that may be asked, rows that judge, and the true answers about both.

    An answer is a label or, where a sample may have several, a tuple of labels.
    """

    X_pool: Any
    y_pool: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a strategy knows when it is asked for the next batch."""

    model: Any
    X_pool: Any
    labelled: Positions
    labels: NDArray[Any]
    batch_size: int
    rng: np.random.Generator
    label_set: Sequence[Any] = ()
    """All labels there are, as a project knows them."""


@dataclass(frozen=True, slots=True)
class Round:
    """How good the model was after so many labels, and by what strategy the last were asked."""

    labels: int
    score: float
    strategy: str


Ask = Callable[[Turn], Ranking]


def macro_f1(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Return the mean F1 of the labels, each counting the same.

    Examples
    --------
    >>> macro_f1(np.array(["a", "b"]), np.array(["a", "b"]))
    1.0
    """
    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def micro_f1(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Return the F1 of all yes-or-no answers together, where a sample may have several labels.

    Examples
    --------
    >>> truth = sets([("money",), (), ("money", "sport")])
    >>> micro_f1(truth, sets([("money",), (), ("sport",)]))
    0.8
    """
    names = sorted({name for given in (*truth, *predicted) for name in given})
    both = indicators(truth, names), indicators(predicted, names)
    return float(f1_score(*both, average="micro", zero_division=0)) if names else 1.0


def sets(answers: Iterable[Sequence[str]]) -> NDArray[np.object_]:
    """Return answers of several labels each as one column.

    Examples
    --------
    >>> sets([("money",), ()]).tolist()
    [('money',), ()]
    """
    answers = [tuple(given) for given in answers]
    column = np.empty(len(answers), dtype=object)
    column[:] = answers
    return column


def answered(model: Any, X: Any) -> NDArray[Any]:
    """Return what a model answers about rows: a label each, or a tuple of labels.

    Examples
    --------
    >>> X, answers = np.array([[0.0], [1.0]]), sets([("low", "any"), ("any",)])
    >>> answered(by_estimator("logistic_regression", seed=0, multilabel=True)(X, answers), X)[1]
    ('any',)
    """
    found = np.asarray(model.predict(X))
    if not is_multilabel(model):
        return found
    names = np.asarray(model.classes_)
    return sets(names[row.astype(bool)].tolist() for row in found)


def split(X: Any, y: NDArray[Any], *, pool: float, rng: np.random.Generator) -> Split:
    """Draw the share of the rows that may be asked; the others judge.

    Examples
    --------
    >>> parts = split(np.eye(10), np.arange(10), pool=0.7, rng=np.random.default_rng(0))
    >>> len(parts.y_pool), len(parts.y_test)
    (7, 3)
    """
    order = rng.permutation(length(X))
    n = round(len(order) * pool)
    inside, outside = order[:n], order[n:]
    return Split(take(X, inside), y[inside], take(X, outside), y[outside])


def by_strategy(strategy: str) -> Ask:
    """Return an asker by a key of `STRATEGIES` or "auto".

    A strategy that needs a model starts cold, as in a project.

    Examples
    --------
    >>> turn = Turn(None, np.eye(4), np.array([2]), np.array(["a"]), 3, np.random.default_rng(0))
    >>> sorted(by_strategy("margin")(turn).positions.tolist())
    [0, 1, 3]
    """

    def ask(turn: Turn) -> Ranking:
        return rank(
            turn.model,
            turn.X_pool,
            np.arange(length(turn.X_pool)),
            strategy=before_a_model(strategy) if turn.model is None else strategy,
            batch_size=turn.batch_size,
            n=turn.batch_size,
            rng=turn.rng,
            labelled=turn.labelled,
            labels=_told(turn),
            label_set=turn.label_set,
        )

    return ask


def _told(turn: Turn) -> NDArray[Any]:
    """Return the answers so far as strategies for this model want them."""
    if is_multilabel(turn.model):
        return indicators(turn.labels, turn.model.classes_.tolist())
    return turn.labels


def by_estimator(estimator: EstimatorName, *, seed: int, multilabel: bool = False) -> Fit:
    """Return a fit of one of a project's estimators, in full each time.

    With `multilabel` it takes tuples of labels.

    Examples
    --------
    >>> fit = by_estimator("logistic_regression", seed=0)
    >>> fit(np.array([[0.0], [1.0]]), np.array(["a", "b"])).predict([[2.0]]).tolist()
    ['b']
    """
    return partial(_fit_each if multilabel else _fit_in_full, estimator, seed)


def _fit_in_full(estimator: EstimatorName, seed: int, X: Any, y: NDArray[Any]) -> Any:
    return train(estimator, X, y, seed=seed).model


def _fit_each(estimator: EstimatorName, seed: int, X: Any, answers: NDArray[Any]) -> Any:
    return train_each(estimator, X, answers.tolist(), seed=seed).model


def full_score(parts: Split, fit: Fit, score: Score = macro_f1) -> float:
    """Return how good a model is that was told every label of the pool.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0]]), np.array(["a", "b"])
    >>> full_score(Split(X, y, X, y), by_estimator("logistic_regression", seed=0))
    1.0
    """
    return score(parts.y_test, answered(fit(parts.X_pool, parts.y_pool), parts.X_test))


def rounds(
    parts: Split,
    ask: Ask,
    *,
    fit: Fit,
    batch_size: int,
    rng: np.random.Generator,
    score: Score = macro_f1,
) -> Iterator[Round]:
    """Ask, answer, fit, judge; round after round until nothing is left to ask.

    Stop when you have seen enough: nothing runs ahead.

    Parameters
    ----------
    parts : Split
    ask : callable
        From `by_strategy`, or your own.
    fit : callable
        From `by_estimator`, or your own.
    batch_size : int
    rng : numpy.random.Generator
    score : callable
        `micro_f1` where answers are tuples of labels.

    Yields
    ------
    Round
        While there is no model yet its score is 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(5, 1, (30, 2))])
    >>> parts = split(X, np.repeat(["a", "b"], 30), pool=0.5, rng=rng)
    >>> fit = by_estimator("logistic_regression", seed=0)
    >>> curve = list(rounds(parts, by_strategy("auto"), fit=fit, batch_size=10, rng=rng))
    >>> [(one.labels, one.score, one.strategy) for one in curve][:1]
    [(10, 1.0, 'cold_start')]
    """
    labelled, model = np.empty(0, dtype=np.intp), None
    label_set = _label_set(parts)
    while len(labelled) < len(parts.y_pool):
        size = min(batch_size, len(parts.y_pool) - len(labelled))
        given = parts.y_pool[labelled]
        turn = Turn(model, parts.X_pool, labelled, given, size, rng, label_set)
        asked = ask(turn)
        labelled = np.concatenate([labelled, asked.positions])
        try:
            model = fit(take(parts.X_pool, labelled), parts.y_pool[labelled])
        except NotEnoughLabels:
            yield Round(len(labelled), 0.0, asked.strategy)
            continue
        reached = score(parts.y_test, answered(model, parts.X_test))
        yield Round(len(labelled), reached, asked.strategy)


def _label_set(parts: Split) -> list[Any]:
    """Return the labels that occur, which a project is told before anybody is asked."""
    answers = [*parts.y_pool.tolist(), *parts.y_test.tolist()]
    if any(isinstance(answer, tuple) for answer in answers):
        answers = [name for given in answers for name in given]
    return sorted(set(answers))


def labels_to(curve: Sequence[Round], wanted: float) -> int | None:
    """Return after how many labels a score was first reached; None if it never was.

    Examples
    --------
    >>> curve = [Round(10, 0.5, "random"), Round(20, 0.9, "random")]
    >>> labels_to(curve, 0.8), labels_to(curve, 0.95)
    (20, None)
    """
    return next((one.labels for one in curve if one.score >= wanted), None)
