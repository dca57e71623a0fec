"""Put contributions into words and records: of samples, and of a version as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer

from mlvajra_al.learning.explanation import (
    Contributions,
    Floats,
    contributions,
    is_linear,
    mean_features,
    output_labels,
    scale_of,
    weights_of,
)
from mlvajra_al.learning.overlays import pixels
from mlvajra_al.learning.wording import Units, feature_columns
from mlvajra_al.records import Attribution, FeatureImportance, GlobalExplanation
from mlvajra_al.words import number as said

SHOWN = 20
GLOBAL_ROWS = 200
GLOBAL_ROWS_OF_TREES = 60


def explain_samples(
    model: ClassifierMixin,
    X: Any,
    names: Sequence[str],
    *,
    mean: Floats,
    units: Units | None = None,
    frame: pd.DataFrame | None = None,
    shown: int = SHOWN,
) -> tuple[tuple[Attribution, ...], ...]:
    """Explain each sample: the strongest features, and what all others add.

    Parameters
    ----------
    model : classifier made by `train`
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    names : sequence of str
    mean : ndarray of shape (n_features,)
        From `mean_features` of the pool.
    units : Units, optional
        To show values in the words of the data.
    frame : DataFrame, optional
        What `X` was made of: its numbers are shown as they are.
    shown : int

    Returns
    -------
    tuple of tuple of Attribution
        Per sample one attribution for two labels, one per label for more.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> ((why,),) = explain_samples(model, X[3:], ("size", "age"), mean=mean_features(X))
    >>> why.label, why.features, bool(abs(why.base + sum(why.values) - why.output) < 1e-9)
    ('b', ('size', 'age'), True)
    """
    parts = contributions(model, X, mean)
    return attributions(parts, X, names, units=units, frame=frame, shown=shown)


def attributions(
    parts: Sequence[Contributions],
    X: Any,
    names: Sequence[str],
    *,
    units: Units | None = None,
    frame: pd.DataFrame | None = None,
    shown: int = SHOWN,
) -> tuple[tuple[Attribution, ...], ...]:
    """Put contributions that are already there into records, per sample one for each part.

    Examples
    --------
    >>> part = Contributions("b", 0.5, np.array([[2.0, -1.0]]), np.zeros(1), np.array([1.5]),
    ...                      "log-odds")
    >>> ((why,),) = attributions([part], np.array([[7.0, 3.0]]), ("size", "age"), shown=1)
    >>> why.features, why.data, why.other
    (('size',), ('7',), -1.0)
    """
    rows = None if frame is None else frame.to_dict("records")

    def say(i: int, feature: int, value: float) -> str:
        if units is None:
            return said(value)
        return units.say(feature, value, None if rows is None else rows[i])

    return tuple(
        tuple(_attribution(part, X, i, names=names, say=say, shown=shown) for part in parts)
        for i in range(X.shape[0])
    )


def _attribution(
    part: Contributions,
    X: Any,
    number: int,
    *,
    names: Sequence[str],
    say: Callable[[int, int, float], str],
    shown: int,
) -> Attribution:
    features, values, data = _row(part.values, X, number)
    strongest = np.lexsort((features, -np.abs(values)))[:shown]
    strongest = strongest[values[strongest] != 0]
    return Attribution(
        label=part.label,
        base=part.base,
        output=float(part.output[number]),
        features=tuple(names[int(features[i])] for i in strongest),
        values=tuple(float(values[i]) for i in strongest),
        data=tuple(say(number, int(features[i]), float(data[i])) for i in strongest),
        other=float(part.output[number] - part.base - values[strongest].sum()),
        scale=part.scale,
    )


def _row(values: Any, X: Any, number: int) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the features of one sample that have a value, with values and data."""
    if sparse.issparse(values):
        run = slice(values.indptr[number], values.indptr[number + 1])
        return values.indices[run], values.data[run], X.data[run]
    row = X[number].toarray()[0] if sparse.issparse(X) else X[number]
    return np.arange(values.shape[1]), values[number], np.asarray(row)


def explain_globally(
    model: ClassifierMixin,
    X: Any,
    names: Sequence[str],
    *,
    version: int,
    rng: np.random.Generator,
    preprocessing: ColumnTransformer | None = None,
    shown: int = SHOWN,
) -> GlobalExplanation:
    """Say what a model pays attention to over a sample of the pool.

    Parameters
    ----------
    model : classifier made by `train`
    X : ndarray or CSR matrix of shape (n_pool, n_features)
    names : sequence of str
    version : int
    rng : numpy.random.Generator
        Draws the samples that are looked at.
    preprocessing : fitted ColumnTransformer, optional
        To draw the importance of pixels, and to say that of whole columns.
    shown : int

    Returns
    -------
    GlobalExplanation
        Per label the features with the largest mean absolute contribution.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> found = explain_globally(model, X, ("size", "age"), version=1,
    ...                          rng=np.random.default_rng(0))
    >>> found.labels, found.importances["b"][0].feature
    (('b',), 'size')
    """
    size = min(X.shape[0], GLOBAL_ROWS if is_linear(model) else GLOBAL_ROWS_OF_TREES)
    rows = X[np.sort(rng.choice(X.shape[0], size=size, replace=False))]
    mean = mean_features(X)
    importances, image, columns = {}, {}, {}
    made_of = feature_columns(preprocessing) if preprocessing is not None else ()
    for part in contributions(model, rows, mean):
        weight = _importance(part, rows, mean, model)
        strongest = np.argsort(-weight, kind="stable")[:shown]
        importances[part.label] = tuple(
            _feature(int(i), part, rows, name=names[int(i)], importance=float(weight[i]))
            for i in strongest
            if weight[i] > 0
        )
        if preprocessing is None:
            continue
        columns[part.label] = _by_column(part, rows, mean, model, made_of)
        if grid := pixels(preprocessing, weight):
            image[part.label] = grid
    return GlobalExplanation(
        version, size, tuple(importances), importances, image, scale_of(model), columns
    )


def _by_column(
    part: Contributions, X: Any, mean: Floats, model: ClassifierMixin, made_of: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return the mean absolute sum of what the features of each column add, heaviest first."""
    names = list(dict.fromkeys(made_of))
    places = [names.index(name) for name in made_of]
    among = sparse.csr_matrix((np.ones(len(places)), (range(len(places)), places)))
    if is_linear(model):  # the features of a text are too many to be laid out
        weights = _weights(model, part.label)
        added = X @ sparse.csr_matrix(among.multiply(weights[:, None]))
        sums = _dense(added) - among.T @ (weights * mean)
    else:
        sums = part.values @ among
    heavy = np.abs(sums).mean(axis=0)
    return tuple((names[at], float(heavy[at])) for at in np.argsort(-heavy, kind="stable"))


def _weights(model: ClassifierMixin, label: str) -> Floats:
    W, _ = weights_of(model)
    return np.asarray(W[output_labels(model).index(label)])


def _importance(part: Contributions, X: Any, mean: Floats, model: ClassifierMixin) -> Floats:
    """Return the mean absolute contribution of each feature, absent ones included."""
    if not sparse.issparse(part.values):
        return np.asarray(np.abs(part.values).mean(axis=0))
    weights, size = _weights(model, part.label), X.shape[0]
    present = np.bincount(part.values.indices, minlength=X.shape[1])
    summed = np.bincount(part.values.indices, np.abs(part.values.data), minlength=X.shape[1])
    return np.asarray((summed + (size - present) * np.abs(weights * mean)) / size)


def _feature(
    place: int, part: Contributions, X: Any, *, name: str, importance: float
) -> FeatureImportance:
    data, values = _column(X, place), _column(part.values, place)
    low, high = float(data.min()), float(data.max())
    scaled = (data - low) / (high - low) if high > low else np.zeros_like(data)
    return FeatureImportance(name, importance, tuple(map(float, values)), tuple(map(float, scaled)))


def _column(matrix: Any, place: int) -> Floats:
    return _dense(matrix[:, [place]])[:, 0]


def _dense(matrix: Any) -> Floats:
    return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=np.float64)
