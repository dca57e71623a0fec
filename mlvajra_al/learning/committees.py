"""Several opinions on every sample: where the members of a committee differ, a label settles it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.fanning import each
from mlvajra_al.learning.refitting import blank, fitted
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.utilities import bare, entropy, probabilities

MEMBERS = 5


def vote_entropy(opinions: NDArray[Any]) -> NDArray[Any]:
    """Return the entropy of the members' votes in nats.

    Parameters
    ----------
    opinions : ndarray of shape (n_members, n_samples, n_labels)
        Each member's probabilities; its vote is the likeliest label.

    Returns
    -------
    ndarray of shape (n_samples,)

    References
    ----------
    .. [1] I. Dagan and S. P. Engelson, "Committee-based sampling for training probabilistic
       classifiers", ICML 1995.

    Examples
    --------
    >>> vote_entropy(np.array([[[0.6, 0.4], [0.9, 0.1]], [[0.2, 0.8], [0.8, 0.2]]])).round(3)
    array([0.693, 0.   ])
    """
    votes = opinions.argmax(axis=2)
    counts = [(votes == label).mean(axis=0) for label in range(opinions.shape[2])]
    return entropy(np.stack(counts, axis=1))


def consensus_entropy(opinions: NDArray[Any]) -> NDArray[Any]:
    """Return the entropy of the members' mean opinion in nats.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", TR 1648, UW-Madison, 2009: the
       consensus of section 3.2.

    Examples
    --------
    >>> consensus_entropy(np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).round(3)
    array([0.693])
    """
    return entropy(opinions.mean(axis=0))


def disagreement(opinions: NDArray[Any]) -> NDArray[Any]:
    """Return the members' mean Kullback-Leibler divergence from their consensus in nats.

    References
    ----------
    .. [1] A. McCallum and K. Nigam, "Employing EM and pool-based active learning for text
       classification", ICML 1998.

    Examples
    --------
    >>> torn, agreed = [[[1.0, 0.0]], [[0.0, 1.0]]], [[[0.5, 0.5]], [[0.5, 0.5]]]
    >>> [disagreement(np.array(of)).round(3).tolist() for of in (torn, agreed)]
    [[0.693], [0.0]]
    """
    apart = entropy(opinions.mean(axis=0)) - np.mean([entropy(p) for p in opinions], axis=0)
    return np.asarray(np.maximum(apart, 0))


def members(model: Any, rows: Any, labels: Any, *, rng: np.random.Generator) -> list[Any]:
    """Return the models whose opinions count: its own members, or bootstraps of it.

    A forest brings its trees and a modAL committee its learners. Of any other classifier
    copies are fitted on labelled rows drawn with replacement; each keeps one row of every
    label, so that all know the same labels.

    Parameters
    ----------
    model : fitted classifier
    rows : ndarray, sparse matrix or data frame of n_labelled rows
    labels : array_like of shape (n_labelled,)
        Of a forest or committee neither rows nor labels are looked at.
    rng : numpy.random.Generator

    Returns
    -------
    list of fitted classifiers

    References
    ----------
    .. [1] N. Abe and H. Mamitsuka, "Query learning strategies using boosting and bagging",
       ICML 1998.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array(["a", "b", "b"])
    >>> found = members(LogisticRegression().fit(X, y), X, y, rng=np.random.default_rng(0))
    >>> [member.classes_.tolist() for member in found[:2]]
    [['a', 'b'], ['a', 'b']]
    """
    if has_members(model):
        return list(getattr(model, "learner_list", None) or _trees(model))
    labels = np.asarray(labels)
    _, first = np.unique(labels, return_index=True)
    fits = []
    for _ in range(MEMBERS):
        drawn = rng.integers(0, len(labels), size=max(len(labels) - len(first), 0))
        chosen = np.concatenate([first, drawn])
        fits.append((blank(model, rng=rng), take(rows, chosen), labels[chosen]))
    return each(_fit_alone, fits)


def _fit_alone(copy: Any, rows: Any, labels: NDArray[Any]) -> Any:
    with threadpool_limits(1):
        return fitted(copy, rows, labels)


def has_members(model: Any) -> bool:
    """Tell whether a model is a committee of itself.

    Examples
    --------
    >>> has_members(RandomForestClassifier(3).fit([[0], [1]], [0, 1]))
    True
    """
    return hasattr(model, "learner_list") or bool(_trees(model))


def _trees(model: Any) -> list[Any]:
    estimator = bare(model)
    forest = isinstance(estimator, (RandomForestClassifier, ExtraTreesClassifier))
    return list(estimator.estimators_) if forest else []


def opinions(committee: Sequence[Any], X: Any) -> NDArray[np.float64]:
    """Return every member's probabilities over all labels that any of them knows.

    Parameters
    ----------
    committee : sequence of fitted classifiers
    X : ndarray, sparse matrix or data frame of n_samples rows

    Returns
    -------
    ndarray of shape (n_members, n_samples, n_labels)

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X = np.array([[0.0], [1.0], [5.0]])
    >>> two = [GaussianNB().fit(X[:2], ["a", "b"]), GaussianNB().fit(X[1:], ["b", "c"])]
    >>> opinions(two, X).shape
    (2, 3, 3)
    """
    labels = np.unique(np.concatenate([np.asarray(member.classes_) for member in committee]))
    out = np.zeros((len(committee), X.shape[0], len(labels)))
    for member, place in zip(committee, out, strict=True):
        place[:, np.searchsorted(labels, member.classes_)] = probabilities(member, X)
    return out
