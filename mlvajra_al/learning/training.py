"""Fit a classifier on what is labelled, or continue from the one before; to the same bits.

Logistic regression starts warm and ends by the rule of a full fit, on all rows, so that nothing
adds up from one increment to the next: probabilities are at most 0.005 apart. SGD and complement
naive Bayes learn the new rows by `partial_fit`: naive Bayes only counts, so that this equals a full
fit; SGD, beside replayed rows, drifts from one. Trees are always fitted in full: more trees beside
those of fewer labels are another forest. One thread, so that the same input and seed give the same
bits.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.curving import FINE, brought_near
from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.pipeline import build_estimator, scale_of
from mlvajra_al.learning.settling import MANY, settled, tolerance
from mlvajra_al.records import Drift, EstimatorName, TrainingMode

REPLAYED = 190
"""Rows replayed beside the new ones; without them SGD drifts on text (0.5465 -> 0.5205)."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted plain scikit-learn classifier and how it came about."""

    model: ClassifierMixin
    mode: TrainingMode


def train(
    estimator: EstimatorName,
    X: Any,
    y: Any,
    *,
    seed: int,
    previous: ClassifierMixin | None = None,
    new: NDArray[np.bool_] | None = None,
    labels: Sequence[str] = (),
) -> Trained:
    """Fit a classifier on the labelled rows, or continue from the previous one.

    What continues, and how near to a full fit, is told above. All is fitted in full when the labels
    or the features are not those of `previous`, which is never changed. `partial_fit` cannot
    unlearn: pass no `previous` after a label was changed.

    Parameters
    ----------
    estimator : EstimatorName
    X : ndarray or CSR matrix of shape (n_labelled, n_features)
    y : array_like of str, shape (n_labelled,)
    seed : int
    previous : classifier, optional
        What `train` returned for fewer rows.
    new : ndarray of bool, shape (n_labelled,), optional
        Rows `previous` has not seen; all of them if not given.
    labels : sequence of str
        The label set, to name what is missing.

    Returns
    -------
    Trained

    Raises
    ------
    NotEnoughLabels
        If fewer than two labels occur in `y`.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> first = train("logistic_regression", X, ["ham", "ham", "spam", "spam"], seed=0)
    >>> first.mode, first.model.predict([[9.0]]).tolist()
    ('full', ['spam'])
    >>> train("logistic_regression", X, ["ham", "ham", "ham", "spam"], seed=0,
    ...       previous=first.model).mode
    'warm_start'
    """
    codes, names = pd.factorize(np.asarray(y, dtype=object), sort=True)
    classes = np.asarray(list(names))
    _require_two(classes, labels)
    known = previous if previous is not None and _continues(previous, X, classes) else None
    fresh = np.ones(len(codes), dtype=bool) if new is None else np.asarray(new, dtype=bool)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough is good enough
        if estimator == "logistic_regression":
            return _train_logistic(X, codes, classes=classes, seed=seed, previous=known)
        if known is not None and hasattr(known, "partial_fit"):
            return _train_on_new(known, X, classes[codes], fresh=fresh, seed=seed)
        return _train_in_full(estimator, X, classes[codes], seed=seed)


def _require_two(classes: NDArray[Any], labels: Sequence[str]) -> None:
    if len(classes) < 2:
        seen = tuple(str(c) for c in classes)
        missing = tuple(label for label in labels if label not in seen)
        raise NotEnoughLabels(seen, missing or ("another label",))


def _continues(previous: ClassifierMixin, X: Any, classes: NDArray[Any]) -> bool:
    same_features = getattr(previous, "n_features_in_", None) == X.shape[1]
    return same_features and np.array_equal(previous.classes_, classes)


def _train_in_full(estimator: EstimatorName, X: Any, y: NDArray[Any], *, seed: int) -> Trained:
    scale = scale_of(X) if estimator == "sgd" else 1.0
    unfitted = build_estimator(estimator, seed=seed, scale=scale)
    learner = IncrementalLearner(unfitted, random_state=seed)
    return Trained(learner.fit(X, y).estimator, "full")


def _train_logistic(
    X: Any,
    codes: NDArray[np.intp],
    *,
    classes: NDArray[Any],
    seed: int,
    previous: ClassifierMixin | None,
) -> Trained:
    """Continue if that leads there, else fit; of many rows to a finer end than a fit reaches soon.

    Labels go in as numbers: of 100,000 names, looking through them again and again takes longer
    than learning ten more.
    """
    many = tolerance(X.shape[0]) > FINE
    if previous is not None:
        same = copy.deepcopy(previous)
        steps = _near(same, X, codes) if many else 0 if settled(previous, X, codes) else None
        if steps is not None:
            same.n_iter_ = np.full_like(previous.n_iter_, steps)
            return Trained(same, "warm_start")
    model = _fit_logistic(X, codes, classes=classes, seed=seed, previous=previous)
    if many:
        _near(model, X, codes)
    return Trained(model, "full" if previous is None else "warm_start")


def _near(model: LogisticRegression, X: Any, codes: NDArray[np.intp]) -> int | None:
    """Take a model nearer to the best one, by the columns that occur or weigh something in it."""
    single = X.dtype == np.float32 and len(codes) >= MANY  # it is too coarse for a tight end
    used: Any = slice(None)
    if sparse.issparse(X):
        used = np.union1d(columns_that_occur(X), np.flatnonzero(model.coef_.any(axis=0)))
        X = X[:, used]
    wide = np.zeros_like(model.coef_)
    model.coef_ = model.coef_[:, used]
    steps = brought_near(model, X if single else X.astype(np.float64, copy=False), codes)
    wide[:, used] = model.coef_
    model.coef_ = wide
    return steps


def _fit_logistic(
    X: Any,
    codes: NDArray[np.intp],
    *,
    classes: NDArray[Any],
    seed: int,
    previous: ClassifierMixin | None,
) -> LogisticRegression:
    """Fit on the columns that occur in labelled rows: the penalty keeps all others at zero."""
    used = columns_that_occur(X) if sparse.issparse(X) else slice(None)
    model = build_estimator("logistic_regression", seed=seed)
    model.set_params(tol=tolerance(X.shape[0]))
    if previous is not None:
        model.set_params(warm_start=True)
        model.classes_ = np.arange(len(classes))
        model.coef_ = previous.coef_[:, used].copy()
        model.intercept_ = previous.intercept_.copy()
    learner = IncrementalLearner(model, random_state=seed)
    learner.fit(X[:, used].astype(np.float64), codes)
    wide = widen(learner.estimator, used, X.shape[1])
    wide.classes_ = classes
    return wide


def columns_that_occur(X: Any) -> NDArray[np.intp]:
    """Return the columns with a value in any of some sparse rows; at least one.

    Rows without a single term still say how often labels are.

    Examples
    --------
    >>> columns_that_occur(sparse.csr_matrix([[0, 0, 2], [0, 1, 0]])).tolist()
    [1, 2]
    >>> columns_that_occur(sparse.csr_matrix((2, 3))).tolist()
    [0]
    """
    occurs = np.zeros(X.shape[1], dtype=bool)
    occurs[X.indices[X.data != 0]] = True
    return np.flatnonzero(occurs) if occurs.any() else np.zeros(1, dtype=np.intp)


def widen(narrow: LogisticRegression, used: Any, width: int) -> LogisticRegression:
    """Return a model of all columns from one fitted on the used ones; the others weigh nothing.

    Examples
    --------
    >>> narrow = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    >>> widen(narrow, [1], 3).coef_.round(1).tolist()
    [[0.0, 0.5, 0.0]]
    """
    coefficients = np.zeros((narrow.coef_.shape[0], width))
    coefficients[:, used] = narrow.coef_
    wide = LogisticRegression(**{**narrow.get_params(), "warm_start": False})
    wide.classes_, wide.intercept_ = narrow.classes_, narrow.intercept_
    wide.coef_, wide.n_features_in_, wide.n_iter_ = coefficients, width, narrow.n_iter_
    return wide


def _train_on_new(
    previous: ClassifierMixin, X: Any, y: NDArray[Any], *, fresh: NDArray[np.bool_], seed: int
) -> Trained:
    rows = np.flatnonzero(fresh)
    if isinstance(previous, SGDClassifier):
        rng, seen = np.random.default_rng(seed), np.flatnonzero(~fresh)
        replayed = rng.choice(seen, size=min(REPLAYED, len(seen)), replace=False)
        rows = rng.permutation(np.concatenate([rows, replayed]))
    learner = IncrementalLearner(copy.deepcopy(previous), random_state=seed)
    if len(rows):
        learner.teach(X[rows], y[rows], only_new=True)
    return Trained(learner.estimator, "partial_fit")


def drift(continued: ClassifierMixin, whole: ClassifierMixin, X: Any) -> Drift:
    """Tell how far a model that went on learning is from one that learned all at once.

    Parameters
    ----------
    continued, whole : classifier
        Of the same labels.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        What both are asked about.

    Returns
    -------
    Drift

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> one = train("logistic_regression", X, ["ham", "ham", "spam", "spam"], seed=0).model
    >>> other = train("logistic_regression", X, ["ham", "ham", "ham", "spam"], seed=0).model
    >>> drift(one, one, X).largest, drift(one, other, X).differing
    (0.0, 0.25)
    """
    one, other = continued.predict_proba(X), whole.predict_proba(X)
    gaps = np.abs(one - other).max(axis=1)
    differing = continued.predict(X) != whole.predict(X)
    return Drift(
        samples=len(gaps),
        differing=float(differing.reshape(len(gaps), -1).any(axis=1).mean()),
        mean=float(gaps.mean()),
        largest=float(gaps.max()),
    )
