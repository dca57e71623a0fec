"""Why a model answers as it does: exact, additive attributions; the one door to shap.

Linear models and naive Bayes (linear in log space) have a closed form: with features taken as
independent, the Shapley value of a feature is ``weight * (x - mean)``. It is computed on the
non-zero features only; what the absent ones add is one number. Trees go to shap's
TreeExplainer: random forests by probability, gradient boosting by its raw margins, because
its probability output is off by up to 0.03 without an error.

References
----------
.. [1] S. M. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions",
   NeurIPS 2017.
.. [2] S. M. Lundberg et al., "From local explanations to global understanding with explainable
   AI for trees", Nature Machine Intelligence 2, 2020.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.naive_bayes import ComplementNB

from mlvajra_al.errors import NotAdditive
from mlvajra_al.learning.overlays import highlight, pixels
from mlvajra_al.learning.pipeline import Units
from mlvajra_al.records import Attribution, FeatureImportance, GlobalExplanation

__all__ = [
    "Contributions",
    "attributions",
    "contributions",
    "explain_globally",
    "explain_samples",
    "highlight",
    "is_linear",
    "mean_features",
    "pixels",
]

Floats = NDArray[np.float64]

SHOWN = 20
GLOBAL_ROWS = 200
GLOBAL_ROWS_OF_TREES = 60
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to one output, for some samples.

    ``base + values.sum(axis=1) + absent == output``: for sparse rows `values` holds only the
    features that occur, and `absent` what the others add together.
    """

    label: str
    base: float
    values: Any
    absent: Floats
    output: Floats
    scale: str

    def row(self, number: int) -> Floats:
        """Return the contributions of one sample, one number per feature."""
        row = self.values[number]
        return np.asarray(row.toarray()[0] if sparse.issparse(row) else row, dtype=np.float64)


def mean_features(X: Any) -> Floats:
    """Return the mean of each feature over the pool: what explanations are relative to.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_pool, n_features)

    Returns
    -------
    ndarray of shape (n_features,)

    Examples
    --------
    >>> mean_features(sparse.csr_matrix([[0.0, 2.0], [1.0, 0.0]])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(X.mean(axis=0, dtype=np.float64), dtype=np.float64).reshape(-1)


def contributions(model: ClassifierMixin, X: Any, mean: Floats) -> tuple[Contributions, ...]:
    """Split the model's output for each sample into what each feature adds.

    Parameters
    ----------
    model : classifier made by `train`
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
        From `mean_features`; trees have their own background and do not use it.

    Returns
    -------
    tuple of Contributions
        For two labels one, of the second of ``model.classes_``; for more one per label.

    Raises
    ------
    NotAdditive
        If contributions do not add up to the output.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> (found,) = contributions(model, X, mean_features(X))
    >>> found.label, bool(np.allclose(found.base + found.values.sum(axis=1), found.output))
    ('b', True)
    """
    parts = _linear_parts(model, X, mean) if is_linear(model) else _tree_parts(model, X)
    for part in parts:
        total = part.base + np.asarray(part.values.sum(axis=1)).reshape(-1) + part.absent
        _check_additive(total, part.output)
    return parts


def is_linear(model: ClassifierMixin) -> bool:
    """Tell whether a model's output is a weighted sum of its features.

    Examples
    --------
    >>> is_linear(ComplementNB()), is_linear(RandomForestClassifier())
    (True, False)
    """
    return not isinstance(model, (RandomForestClassifier, HistGradientBoostingClassifier))


def _check_additive(total: Floats, output: Floats) -> None:
    scale = np.maximum(1.0, np.abs(output))
    gap = float(np.max(np.abs(total - output) / scale)) if len(output) else 0.0
    if not gap <= TOLERANCE:
        raise NotAdditive(gap, TOLERANCE)


def _weights(model: ClassifierMixin) -> tuple[Floats, Floats]:
    """Return weights of shape (n_outputs, n_features) and intercepts in log-odds."""
    if isinstance(model, ComplementNB):
        W = np.asarray(model.feature_log_prob_, dtype=np.float64)
        if len(W) == 2:
            W = W[1:] - W[:1]
        return W, np.zeros(len(W))
    return np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=float)


def _linear_parts(model: ClassifierMixin, X: Any, mean: Floats) -> tuple[Contributions, ...]:
    W, intercepts = _weights(model)
    labels = _output_labels(model)
    X = X.astype(np.float64)
    outputs = np.asarray(X @ W.T) + intercepts
    return tuple(
        Contributions(
            label,
            float(intercepts[number] + W[number] @ mean),
            *_linear_values(X, W[number], mean),
            outputs[:, number],
            "log-odds",
        )
        for number, label in enumerate(labels)
    )


def _linear_values(X: Any, weights: Floats, mean: Floats) -> tuple[Any, Floats]:
    if not sparse.issparse(X):
        return (X - mean) * weights, np.zeros(len(X))
    values = X.copy()
    values.data = (X.data - mean[X.indices]) * weights[X.indices]
    present = sparse.csr_matrix(
        (mean[X.indices] * weights[X.indices], X.indices, X.indptr), X.shape
    )
    absent = np.asarray(present.sum(axis=1)).reshape(-1) - float(weights @ mean)
    return values, absent


def _tree_parts(model: ClassifierMixin, X: Any) -> tuple[Contributions, ...]:
    rows = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    explainer = _tree_explainer(model)
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    bases = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    forest = isinstance(model, RandomForestClassifier)
    outputs = model.predict_proba(rows) if forest else model.decision_function(rows)
    outputs = np.asarray(outputs, dtype=np.float64).reshape(len(rows), -1)
    values = values.reshape(len(rows), rows.shape[1], -1)
    if forest and len(model.classes_) == 2:
        values, bases, outputs = values[:, :, 1:], bases[1:], outputs[:, 1:]
    scale, nothing = "probability" if forest else "log-odds", np.zeros(len(rows))
    return tuple(
        Contributions(label, float(bases[i]), values[:, :, i], nothing, outputs[:, i], scale)
        for i, label in enumerate(_output_labels(model))
    )


@lru_cache(maxsize=4)
def _tree_explainer(model: ClassifierMixin) -> Any:
    """Read a model's trees; remembered, because that takes longer than explaining a row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own imports warn
        import shap
    return shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")


def _output_labels(model: ClassifierMixin) -> list[str]:
    labels = [str(label) for label in model.classes_]
    return labels[1:] if len(labels) == 2 else labels


def explain_samples(
    model: ClassifierMixin,
    X: Any,
    names: Sequence[str],
    *,
    mean: Floats,
    units: Units | None = None,
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
        To show values as they are in the data.
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
    return attributions(contributions(model, X, mean), X, names, units=units, shown=shown)


def attributions(
    parts: Sequence[Contributions],
    X: Any,
    names: Sequence[str],
    *,
    units: Units | None = None,
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
    return tuple(
        tuple(_attribution(part, X, i, names=names, units=units, shown=shown) for part in parts)
        for i in range(X.shape[0])
    )


def _attribution(
    part: Contributions,
    X: Any,
    number: int,
    *,
    names: Sequence[str],
    units: Units | None,
    shown: int,
) -> Attribution:
    features, values, data = _row(part.values, X, number)
    strongest = np.lexsort((features, -np.abs(values)))[:shown]
    strongest = strongest[values[strongest] != 0]
    said = [
        units.say(int(features[i]), float(data[i])) if units else f"{data[i]:.4g}"
        for i in strongest
    ]
    return Attribution(
        label=part.label,
        base=part.base,
        output=float(part.output[number]),
        features=tuple(names[int(features[i])] for i in strongest),
        values=tuple(float(values[i]) for i in strongest),
        data=tuple(said),
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
        To draw the importance of pixels.
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
    importances, image = {}, {}
    for part in contributions(model, rows, mean):
        weight = _importance(part, rows, mean, model)
        strongest = np.argsort(-weight, kind="stable")[:shown]
        importances[part.label] = tuple(
            _feature(int(i), part, rows, name=names[int(i)], importance=float(weight[i]))
            for i in strongest
            if weight[i] > 0
        )
        if preprocessing is not None and (grid := pixels(preprocessing, weight)):
            image[part.label] = grid
    return GlobalExplanation(version, size, tuple(importances), importances, image)


def _importance(part: Contributions, X: Any, mean: Floats, model: ClassifierMixin) -> Floats:
    """Return the mean absolute contribution of each feature, absent ones included."""
    if not sparse.issparse(part.values):
        return np.asarray(np.abs(part.values).mean(axis=0))
    W, _ = _weights(model)
    weights = W[_output_labels(model).index(part.label)]
    size = X.shape[0]
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
    column = matrix[:, [place]]
    dense = column.toarray() if sparse.issparse(column) else column
    return np.asarray(dense, dtype=np.float64)[:, 0]
