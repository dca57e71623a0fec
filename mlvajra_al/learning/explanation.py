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
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import ComplementNB

from mlvajra_al.errors import NotAdditive
from mlvajra_al.learning.fanning import each, pieces
from mlvajra_al.learning.multilabel import OneVsRest
from mlvajra_al.records import Scale

Floats = NDArray[np.float64]

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
    scale: Scale

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
        For two labels one, of the second of ``model.classes_``; for more, or where samples have
        several, one per label.

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
    if isinstance(model, OneVsRest):
        return all(is_linear(one) for one in model.models_)
    return not isinstance(model, (RandomForestClassifier, HistGradientBoostingClassifier))


def scale_of(model: ClassifierMixin) -> Scale:
    """Say what a model's outputs are, from which it makes its probabilities.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = [[0.0], [1.0], [2.0]]
    >>> scale_of(LogisticRegression().fit(X, ["a", "b", "b"]))
    'log-odds'
    >>> scale_of(LogisticRegression().fit(X, ["a", "b", "c"]))
    'score'
    """
    if isinstance(model, OneVsRest):
        return scale_of(next(one for one in model.models_ if one is not None))
    if isinstance(model, RandomForestClassifier):
        return "probability"
    if len(model.classes_) == 2:
        return "log-odds"
    return "one-vs-rest log-odds" if isinstance(model, SGDClassifier) else "score"


def _check_additive(total: Floats, output: Floats) -> None:
    scale = np.maximum(1.0, np.abs(output))
    gap = float(np.max(np.abs(total - output) / scale)) if len(output) else 0.0
    if not gap <= TOLERANCE:
        raise NotAdditive(gap, TOLERANCE)


def weights_of(model: ClassifierMixin) -> tuple[Floats, Floats]:
    """Return weights of shape (n_outputs, n_features) and intercepts, as `scale_of` says.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> weights, intercepts = weights_of(LogisticRegression().fit([[0.0], [1.0]], ["a", "b"]))
    >>> weights.shape, intercepts.shape
    ((1, 1), (1,))
    """
    if isinstance(model, OneVsRest):
        each_label = [weights_of(one) for one in model.models_ if one is not None]
        return np.concatenate([W for W, _ in each_label]), np.concatenate(
            [intercepts for _, intercepts in each_label]
        )
    if isinstance(model, ComplementNB):
        W = np.asarray(model.feature_log_prob_, dtype=np.float64)
        # What all labels have alike, most for rare words, changes no answer.
        W = W[1:] - W[:1] if len(W) == 2 else W - W.mean(axis=0)
        return W, np.zeros(len(W))
    return np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=float)


def _linear_parts(model: ClassifierMixin, X: Any, mean: Floats) -> tuple[Contributions, ...]:
    W, intercepts = weights_of(model)
    labels = output_labels(model)
    X = X.astype(np.float64)
    outputs = np.asarray(X @ W.T) + intercepts
    return tuple(
        Contributions(
            label,
            float(intercepts[number] + W[number] @ mean),
            *_linear_values(X, W[number], mean),
            outputs[:, number],
            scale_of(model),
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
    if isinstance(model, OneVsRest):
        found = [_tree_parts(one, X)[0] for one in model.models_ if one is not None]
        names = output_labels(model)
        return tuple(replace(part, label=name) for part, name in zip(found, names, strict=True))
    rows = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    parts = each(_tree_values, [(model, rows[part]) for part in pieces(len(rows))])
    values = np.concatenate([values for values, _ in parts])
    bases = parts[0][1]
    forest = isinstance(model, RandomForestClassifier)
    outputs = model.predict_proba(rows) if forest else model.decision_function(rows)
    outputs = np.asarray(outputs, dtype=np.float64).reshape(len(rows), -1)
    values = values.reshape(len(rows), rows.shape[1], -1)
    if forest and len(model.classes_) == 2:
        values, bases, outputs = values[:, :, 1:], bases[1:], outputs[:, 1:]
    scale, nothing = scale_of(model), np.zeros(len(rows))
    return tuple(
        Contributions(label, float(bases[i]), values[:, :, i], nothing, outputs[:, i], scale)
        for i, label in enumerate(output_labels(model))
    )


def _tree_values(model: ClassifierMixin, rows: Floats) -> tuple[Floats, Floats]:
    """Return what each feature adds for rows, and what they add to."""
    explainer = _tree_explainer(model)
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    return values, np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))


@lru_cache(maxsize=4)
def _tree_explainer(model: ClassifierMixin) -> Any:
    """Read a model's trees; remembered, because that takes longer than explaining a row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own imports warn
        import shap
    return shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")


def output_labels(model: ClassifierMixin) -> list[str]:
    """Return the labels that outputs are of: of two the second, of more each.

    Where samples have several labels it is each of which some have it and some have not.

    Examples
    --------
    >>> output_labels(ComplementNB().fit([[0.0], [1.0]], ["ham", "spam"]))
    ['spam']
    """
    labels = [str(label) for label in model.classes_]
    if isinstance(model, OneVsRest):
        return [name for name, one in zip(labels, model.models_, strict=True) if one is not None]
    return labels[1:] if len(labels) == 2 else labels
