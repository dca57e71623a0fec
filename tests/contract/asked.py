"""The kinds of projects whose strategies obey one contract: one label a sample, or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.multilabel import OneVsRest
from mlvajra_al.learning.strategies import MULTILABEL, STRATEGIES, Strategy, select_batch

LABELLED = 60


def pool(n: int = 300, labels: int = 3, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    y = rng.integers(0, labels, size=n)
    X = rng.normal(size=(n, columns)) + np.eye(labels, columns)[y] * 2
    return X.astype(np.float32), np.array(["a", "b", "c", "d"])[y]


X, Y = pool()
SEVERAL = X[:, :4] + 0.3 * np.random.default_rng(6).normal(size=(300, 4)) > 0.7


@dataclass(frozen=True, slots=True)
class Kind:
    """Strategies, and the truth their models learn."""

    plans: Mapping[str, Strategy]
    truth: np.ndarray
    several: bool

    def blank(self, estimator: Any = None) -> Any:
        """Return an unfitted model that answers as this kind of project wants it."""
        estimator = clone(estimator or LogisticRegression(max_iter=200))
        return OneVsRest(estimator) if self.several else estimator

    def taught(self, estimator: Any = None, rows: Any = None, truth: Any = None) -> Any:
        """Return a learner, which brings what it was taught to strategies that fit models."""
        rows = X[:LABELLED] if rows is None else rows
        truth = self.truth[:LABELLED] if truth is None else truth
        return IncrementalLearner(
            self.blank(estimator),
            X_training=rows,
            y_training=truth.astype(int) if self.several else truth,
            force_all_finite=False,
            random_state=0,
        )

    def of_two(self, rows: int) -> np.ndarray:
        """Return labels for so many rows: every other one has another, or others."""
        turns = np.arange(rows) % 2
        return np.stack([turns, 1 - turns], axis=1) if self.several else np.array(["a", "b"])[turns]


KINDS = {
    "one": Kind(STRATEGIES, Y, several=False),
    "several": Kind(MULTILABEL, SEVERAL, several=True),
}
TAUGHT = {name: kind.taught() for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A strategy of a kind of project, and the model it asks unless another is given."""

    name: str
    of: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.of]

    @property
    def learner(self) -> Any:
        return TAUGHT[self.of]

    @property
    def fitted(self) -> Any:
        """The model alone, which brings nothing of what it was taught."""
        return self.learner.estimator

    @property
    def needs(self) -> str:
        """What it needs; `auto` copes with anything."""
        return self.kind.plans[self.name].needs if self.name != "auto" else "nothing"

    @property
    def informed(self) -> bool:
        return self.needs not in ("nothing", "features")

    @property
    def fitting(self) -> bool:
        return self.needs in ("labels", "committee")

    def picked(
        self, rows: Any = X, model: Any = None, *, seed: int = 0, **settings: Any
    ) -> list[int]:
        model = self.learner if model is None else model
        rng = np.random.default_rng(seed)
        return select_batch(model, rows, strategy=self.name, rng=rng, **settings).tolist()


EVERY = [Asked(name, of) for of, kind in KINDS.items() for name in ("auto", *kind.plans)]
INFORMED = [one for one in EVERY if one.informed]
FITTING = [one for one in EVERY if one.fitting]

FORMS: dict[str, Any] = {
    "dense": X,
    "double": X.astype(np.float64),
    "sparse": sparse.csr_matrix(X),
    "read only": np.frombuffer(X.tobytes(), dtype=np.float32).reshape(X.shape),
}


def named(one: Asked) -> str:
    return one.name if one.of == "one" else f"{one.of} {one.name}"
