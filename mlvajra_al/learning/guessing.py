"""Does a model know anything yet? While it only guesses, its doubts say nothing.

A model that cannot follow what it is told, a straight border where labels lie in rings, doubts
where it happens to stand. Asking there bends the shares of the labels and teaches nothing; samples
drawn at random at least keep what is labelled like what is not.

References
----------
.. [1] S. Dasgupta, "Two faces of active learning", Theoretical Computer Science 412(19), 2011.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from mlvajra_al.learning.rows import take
from mlvajra_al.learning.selectors import Known
from mlvajra_al.learning.utilities import bare

LEAST = 5
"""Examples that each label needs before its model can be tried out."""
MOST = 200
"""So many labelled samples are enough to tell."""
FOLDS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """How much of each label a model finds, on average, among samples it was not taught."""

    found: float
    by_chance: float
    error: float
    """The standard error of what is found by chance."""

    @property
    def is_a_guess(self) -> bool:
        """Tell whether the model finds no more than chance does, within one standard error.

        Examples
        --------
        >>> Trial(0.55, 0.5, 0.1).is_a_guess, Trial(0.9, 0.5, 0.1).is_a_guess
        (True, False)
        """
        return self.found <= self.by_chance + self.error


def try_out(model: Any, known: Known, *, rng: np.random.Generator) -> Trial | None:
    """Fit a model like this one on parts of what is labelled, and ask it about the others.

    Parameters
    ----------
    model : classifier
        Or a modAL learner; it is not changed.
    known : Known
        With one label per row.
    rng : numpy.random.Generator

    Returns
    -------
    Trial or None
        None where a label has fewer than five examples, there is only one, or parts of what
        is labelled are not enough for this model.

    References
    ----------
    .. [1] M. Stone, "Cross-validatory choice and assessment of statistical predictions", Journal of
       the Royal Statistical Society B 36(2), 1974.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.arange(20.0)[:, None], np.repeat(["a", "b"], 10)
    >>> model = LogisticRegression().fit(X, y)
    >>> try_out(model, Known(X, y), rng=np.random.default_rng(0)).is_a_guess
    False
    >>> try_out(model, Known(X, np.array(["a", "b"] * 10)), rng=np.random.default_rng(0)).is_a_guess
    True
    """
    model = bare(model)
    if known.labels is None or not isinstance(model, BaseEstimator):
        return None
    some = np.sort(rng.permutation(len(known.labels))[:MOST])
    labels = known.labels[some]
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2 or counts.min() < LEAST:
        return None
    rows = take(known.rows, some)
    if sparse.issparse(rows) and rows.nnz:
        rows = rows[:, np.unique(rows.indices)]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            said = cross_val_predict(clone(model), rows, labels, cv=folds)
        except Exception:  # whatever parts of the rows are not enough for, the whole ranks
            return None
    chance = 1 / len(names)
    error = np.sqrt((chance * (1 - chance) / counts).sum()) / len(names)
    found = np.mean([np.mean(said[labels == name] == name) for name in names])
    return Trial(float(found), chance, float(error))
