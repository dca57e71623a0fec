"""Several labels a sample: one yes-or-no model per label, learned like any other.

References
----------
.. [1] J. Read, B. Pfahringer, G. Holmes and E. Frank, "Classifier chains for multi-label
   classification", Machine Learning 85, 2011; binary relevance is their baseline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.training import Trained, train
from mlvajra_al.learning.utilities import bare, probabilities
from mlvajra_al.records import EstimatorName

SURE = 0.5
"""A label is given from this probability on."""


class OneVsRest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model of its own for each label; one that all samples have needs none.

    Parameters
    ----------
    estimator : classifier, optional
        What `fit` makes a copy of for each label.

    Attributes
    ----------
    classes_ : ndarray of str, shape (n_labels,)
        The labels; where `fit` was given no names, their numbers.
    models_ : list of classifier or None
        One for each label, of the classes False and True. None says yes to all.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, Y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), [[1, 0], [1, 0], [0, 1], [1, 1]]
    >>> model = OneVsRest(LogisticRegression()).fit(X, Y)
    >>> model.predict([[-3.0], [3.0]]).tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, Y: ArrayLike) -> Self:
        """Learn from rows and, for each, which labels it has: shape (n_samples, n_labels)."""
        given = np.asarray(Y).astype(bool)
        self.classes_ = np.arange(given.shape[1])
        self.models_ = [
            clone(self.estimator).fit(X, column) if not column.all() else None for column in given.T
        ]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return for each row the probability of each label; they do not add up to one."""
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        out = np.ones((n, len(self.classes_)))
        for place, model in enumerate(self.models_):
            if model is not None:
                out[:, place] = _yes(model, X)
        return out

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return for each row which labels it has, as zeros and ones."""
        return (self.predict_proba(X) >= SURE).astype(np.int64)


def _yes(model: Any, X: Any) -> NDArray[np.float64]:
    if len(model.classes_) == 1:  # of a label that no sample has
        return np.full(X.shape[0] if hasattr(X, "shape") else len(X), float(model.classes_[0]))
    return np.asarray(probabilities(model, X)[:, 1], dtype=np.float64)


def is_multilabel(model: Any) -> bool:
    """Tell whether a model, or the one in a modAL learner, gives several labels.

    Examples
    --------
    >>> is_multilabel(OneVsRest()), is_multilabel(None)
    (True, False)
    """
    return isinstance(bare(model), OneVsRest)


def indicators(answers: Iterable[Sequence[str]], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Return which labels each answer gives, shape (n_answers, n_labels).

    Examples
    --------
    >>> indicators([("money", "sport"), ()], ["art", "money", "sport"]).tolist()
    [[False, True, True], [False, False, False]]
    """
    places = {label: place for place, label in enumerate(labels)}
    answers = list(answers)
    out = np.zeros((len(answers), len(labels)), dtype=bool)
    for row, names in enumerate(answers):
        out[row, [places[name] for name in names if name in places]] = True
    return out


def train_each(
    estimator: EstimatorName,
    X: Any,
    answers: Sequence[Sequence[str]],
    *,
    seed: int,
    previous: OneVsRest | None = None,
    new: NDArray[np.bool_] | None = None,
    labels: Sequence[str] = (),
) -> Trained:
    """Fit a model for each label that occurs, each continuing from the one before where it can.

    Parameters
    ----------
    estimator : EstimatorName
    X : ndarray or CSR matrix of shape (n_labelled, n_features)
    answers : sequence of sequence of str, length n_labelled
        The labels of each row; none of them is an answer too.
    seed : int
    previous : OneVsRest, optional
        What `train_each` returned for fewer rows; a label it does not know is learned from all.
    new : ndarray of bool, shape (n_labelled,), optional
        Rows `previous` has not seen; all of them if not given.
    labels : sequence of str
        The label set, to name what is missing.

    Returns
    -------
    Trained
        A full fit only if no label continued.

    Raises
    ------
    NotEnoughLabels
        If there is no label that some rows have and others have not.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> answers = [("low",), ("low", "odd"), (), ("odd",)]
    >>> found = train_each("logistic_regression", X, answers, seed=0)
    >>> found.mode, found.model.classes_.tolist(), found.model.predict_proba(X).shape
    ('full', ['low', 'odd'], (4, 2))
    """
    names, Y = _occurring(answers, labels)
    known: dict[str, Any] = {}
    if previous is not None:
        known = dict(zip(map(str, previous.classes_), previous.models_, strict=True))
    trained = [
        None
        if column.all()
        else train(estimator, X, column, seed=seed, previous=known.get(name), new=new)
        for name, column in zip(names, Y.T, strict=True)
    ]
    model = OneVsRest()
    model.classes_ = np.array(names)
    model.models_ = [one and one.model for one in trained]
    modes = [one.mode for one in trained if one is not None and one.mode != "full"]
    return Trained(model, modes[0] if modes else "full")


def _occurring(
    answers: Sequence[Sequence[str]], labels: Sequence[str]
) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the labels that occur and which of them each answer gives."""
    names = sorted({name for given in answers for name in given})
    Y = indicators(answers, names)
    if not (Y.any(axis=0) & ~Y.all(axis=0)).any():
        missing = tuple(label for label in labels if label not in names)
        raise NotEnoughLabels(tuple(names), missing or ("a sample without some label",))
    return names, Y
