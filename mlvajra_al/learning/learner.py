"""The one door to modAL: an ActiveLearner and a Committee that work on today's libraries.

modAL 0.4.2.1 (2023) crashes on scikit-learn 1.6 and later in `teach` and `fit`, on pandas 2
and later with data frames, in `clone` and `repr`; runs a strategy that returns only indices
twice; and forgets everything in ``teach(only_new=True)``. The subclasses here keep its
interface and its query strategies and repair that. (`modAL.expected_error`, whose import
warns, stays outside the door.)

References
----------
.. [1] T. Danka and P. Horvath, "modAL: A modular active learning framework for Python",
   arXiv:1805.00979, 2018.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from modAL.models import ActiveLearner, Committee
from modAL.uncertainty import uncertainty_sampling
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import check_X_y
from sklearn.utils.validation import check_is_fitted

from mlvajra_al.learning.rows import stack, take

Seed = int | np.random.Generator | None


class IncrementalLearner(ActiveLearner):  # type: ignore[misc]
    """A modAL ActiveLearner that keeps rows rows, learns from increments, and clones.

    Parameters
    ----------
    estimator : classifier
    query_strategy : callable
        ``strategy(classifier, X_pool, **kwargs)`` returning positions, or positions and
        their utilities. One that takes `rng` is given this learner's generator.
    X_training, y_training : array, data frame, sparse matrix or list; optional
        What the estimator is fitted on at once.
    bootstrap_init : bool
    on_transformed : bool
    force_all_finite : bool
        Refuse NaN and infinity; switch off where the estimator copes with them.
    random_state : int, numpy.random.Generator or None
        Makes queries and bootstraps repeatable.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array(["a", "a", "b", "b"])
    >>> learner = IncrementalLearner(SGDClassifier(loss="log_loss", random_state=0), random_state=0)
    >>> learner.teach(X, y)
    >>> learner.teach(np.array([[4.0]]), np.array(["b"]), only_new=True)
    >>> learner.predict([[0.0], [9.0]]).tolist()
    ['a', 'b']
    >>> positions, rows = learner.query(X, n_instances=2)
    >>> len(positions), rows.shape
    (2, (2, 1))
    """

    def __init__(
        self,
        estimator: Any,
        query_strategy: Callable[..., Any] = uncertainty_sampling,
        X_training: Any = None,
        y_training: Any = None,
        bootstrap_init: bool = False,
        on_transformed: bool = False,
        force_all_finite: bool = True,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.query_strategy = query_strategy
        self.on_transformed = on_transformed
        self.force_all_finite = force_all_finite
        self.bootstrap_init = bootstrap_init
        self.random_state = random_state
        self.X_training, self.y_training = X_training, y_training
        self._rng = np.random.default_rng(random_state)
        if X_training is not None:
            self._fit_to_known(bootstrap=bootstrap_init)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings without the training data, so that a clone starts empty."""
        data = ("X_training", "y_training")
        return {k: v for k, v in super().get_params(deep).items() if k not in data}

    @property
    def classes_(self) -> Any:
        """The labels the estimator knows."""
        return self.estimator.classes_

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether the estimator has learned anything."""
        return _is_fitted(self.estimator)

    def fit(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> Self:
        """Forget everything and learn from these rows."""
        self._check(X, y)
        self.X_training, self.y_training = X, y
        return self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def teach(
        self, X: Any, y: Any, bootstrap: bool = False, only_new: bool = False, **fit_kwargs: Any
    ) -> None:
        """Add rows to what is known, and learn from all of it or, if `only_new`, increment."""
        self._add_training_data(X, y)
        if only_new:
            self._fit_on_new(X, y, bootstrap=bootstrap, **fit_kwargs)
        else:
            self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def query(
        self, X_pool: Any, *args: Any, return_metrics: bool = False, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Return positions the strategy picks, their rows, and on request their utilities."""
        return _query(self, X_pool, *args, return_metrics=return_metrics, **kwargs)

    def _check(self, X: Any, y: Any) -> None:
        check_X_y(
            X,
            y,
            accept_sparse=True,
            ensure_2d=False,
            allow_nd=True,
            multi_output=True,
            dtype=None,
            ensure_all_finite=self.force_all_finite,
        )

    def _add_training_data(self, X: Any, y: Any) -> None:
        self._check(X, y)
        if self.X_training is None:
            self.X_training, self.y_training = X, y
        else:
            self.X_training = stack(self.X_training, X)
            self.y_training = stack(self.y_training, y)

    def _fit_to_known(self, bootstrap: bool = False, **fit_kwargs: Any) -> Self:
        X, y = self.X_training, self.y_training
        if bootstrap:
            X, y = self._bootstrap(X, y)
        self.estimator.fit(X, y, **fit_kwargs)
        return self

    def _fit_on_new(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> Self:
        """Continue by `partial_fit` where the estimator can and knows the labels, else refit."""
        if bootstrap:
            X, y = self._bootstrap(X, y)
        last = self.estimator[-1] if isinstance(self.estimator, Pipeline) else self.estimator
        fitted = _is_fitted(self.estimator)
        known = fitted and set(np.unique(y)) <= set(last.classes_)
        if not (known and hasattr(last, "partial_fit")):
            return self._fit_to_known(**fit_kwargs)
        if last is not self.estimator:
            X = self.estimator[:-1].transform(X)
        last.partial_fit(X, y, **fit_kwargs)
        return self

    def _bootstrap(self, X: Any, y: Any) -> tuple[Any, Any]:
        n = len(y)
        drawn = self._rng.integers(0, n, size=n)
        return take(X, drawn), take(y, drawn)


class IncrementalCommittee(Committee):  # type: ignore[misc]
    """A modAL Committee whose members may know different labels, named by any type.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = np.array([[0.0], [1.0], [4.0], [5.0], [9.0]]), np.array(["a", "a", "b", "b", "c"])
    >>> members = [IncrementalLearner(GaussianNB(), X_training=X[:4], y_training=y[:4]),
    ...            IncrementalLearner(GaussianNB(), X_training=X[[0, 1, 4]],
    ...                               y_training=y[[0, 1, 4]])]
    >>> committee = IncrementalCommittee(members, random_state=0)
    >>> committee.classes_.tolist(), committee.predict_proba(X).shape
    (['a', 'b', 'c'], (5, 3))
    """

    def __init__(
        self,
        learner_list: list[Any],
        query_strategy: Callable[..., Any] | None = None,
        on_transformed: bool = False,
        random_state: Seed = None,
    ) -> None:
        strategy = (query_strategy,) if query_strategy else ()
        super().__init__(learner_list, *strategy, on_transformed=on_transformed)
        self.random_state = random_state
        self._rng = np.random.default_rng(random_state)

    def query(
        self, X_pool: Any, *args: Any, return_metrics: bool = False, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Return positions the strategy picks, their rows, and on request their utilities."""
        return _query(self, X_pool, *args, return_metrics=return_metrics, **kwargs)

    def vote(self, X: Any, **predict_kwargs: Any) -> NDArray[Any]:
        """Return the label each member gives, shape (n_samples, n_members)."""
        votes = [np.asarray(learner.predict(X, **predict_kwargs)) for learner in self.learner_list]
        return np.stack(votes, axis=1)


def _is_fitted(estimator: Any) -> bool:
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    try:
        check_is_fitted(last)
    except NotFittedError:
        return False
    return True


def _query(
    learner: Any, X_pool: Any, *args: Any, return_metrics: bool, **kwargs: Any
) -> tuple[Any, ...]:
    """Run the strategy once, under the learner's generator, and fetch the rows it names."""
    if "rng" not in kwargs and _takes_rng(learner.query_strategy):
        kwargs["rng"] = learner._rng
    with _seeded_globals(learner._rng):
        answer = learner.query_strategy(learner, X_pool, *args, **kwargs)
    pair = isinstance(answer, tuple) and len(answer) == 2
    positions, utilities = answer if pair else (answer, None)
    rows = take(X_pool, positions)
    return (positions, rows, utilities) if return_metrics else (positions, rows)


def _takes_rng(strategy: Callable[..., Any]) -> bool:
    try:
        return "rng" in inspect.signature(strategy).parameters
    except (TypeError, ValueError):  # builtins have no signature
        return False


@contextmanager
def _seeded_globals(rng: np.random.Generator) -> Iterator[None]:
    """Lend numpy's global state, which modAL's tie breaking draws from, a seed of ours."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
