"""How labels are checked, where a sample has one label and where it may have several."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning import multilabel, multilabel_quality, quality
from mlvajra_al.learning.training import train
from mlvajra_al.records import Gold, Project
from mlvajra_al.services.jobs import scoring
from mlvajra_al.services.resolving import NONE_OF_THEM

Floats = NDArray[np.float64]
Tick = Callable[[float], None]


class LabelChecks(ABC):
    """What an examination asks of the labels of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.names = scoring.label_names(project)
        self.how: dict[str, Any] = {"labels": self.names, "seed": project.seed}

    @abstractmethod
    def in_words(self, label: str) -> str:
        """Return an answer as people read it."""

    @abstractmethod
    def enough(self, gold: tuple[Gold, ...]) -> tuple[Gold, ...]:
        """Keep the samples whose label has enough examples to be called wrong."""

    @abstractmethod
    def unready(self, gold: Sequence[Gold]) -> str:
        """Say why labels cannot be checked yet, or nothing."""

    @abstractmethod
    def out_of_sample(self, X: Any, gold: Sequence[Gold], *, tick: Tick) -> Floats:
        """Return what models say about samples that taught them nothing."""

    @abstractmethod
    def model(self, X: Any, gold: Sequence[Gold]) -> Any:
        """Return a model that all of these teach."""

    @abstractmethod
    def suspects(self, gold: Sequence[Gold], probabilities: Floats) -> list[quality.Suspect]:
        """Return the labels that look wrong, the most doubtful first."""

    @abstractmethod
    def table(self, said: Sequence[tuple[int, int, str]], shape: tuple[int, int]) -> NDArray[Any]:
        """Return answers, each at its row and column, as numbers: -1 where there is none."""

    @abstractmethod
    def worth_asking_again(
        self, gold: Sequence[Gold], answers: NDArray[Any], p: Floats, new: Floats, *, tick: Tick
    ) -> tuple[Floats, Floats]:
        """Score labelled samples and new ones: the lower, the sooner to ask."""


class OfOne(LabelChecks):
    """A sample has one label."""

    def in_words(self, label: str) -> str:
        """Return the label."""
        return label

    def enough(self, gold: tuple[Gold, ...]) -> tuple[Gold, ...]:
        """Keep the samples of labels with a few examples."""
        kept = quality.checkable([item.label for item in gold])
        return tuple(gold[place] for place in np.flatnonzero(kept))

    def unready(self, gold: Sequence[Gold]) -> str:
        """Say how many labels are missing, or nothing."""
        return quality.unready([item.label for item in gold])

    def out_of_sample(self, X: Any, gold: Sequence[Gold], *, tick: Tick) -> Floats:
        """Ask fold by fold."""
        y = [item.label for item in gold]
        return quality.out_of_sample(self.project.recipe.estimator, X, y, tick=tick, **self.how)

    def model(self, X: Any, gold: Sequence[Gold]) -> Any:
        """Fit the estimator of the recipe."""
        y = [item.label for item in gold]
        return train(self.project.recipe.estimator, X, y, seed=self.project.seed).model

    def suspects(self, gold: Sequence[Gold], probabilities: Floats) -> list[quality.Suspect]:
        """Find them by confident learning."""
        return quality.suspects([item.label for item in gold], probabilities, labels=self.names)

    def table(self, said: Sequence[tuple[int, int, str]], shape: tuple[int, int]) -> NDArray[Any]:
        """Return the place of each label in the label set."""
        table = np.full(shape, -1, dtype=np.int64)
        for row, column, label in said:
            table[row, column] = self.names.index(label)
        return table

    def worth_asking_again(
        self, gold: Sequence[Gold], answers: NDArray[Any], p: Floats, new: Floats, *, tick: Tick
    ) -> tuple[Floats, Floats]:
        """Score them by ActiveLab."""
        return quality.worth_asking_again(answers, p, new)


class OfSeveral(LabelChecks):
    """A sample may have several labels, or none: each is a question of its own."""

    def in_words(self, label: str) -> str:
        """Quote each label of the set: it may have a comma."""
        quoted = [json.dumps(name, ensure_ascii=False) for name in self.project.names_in(label)]
        return ", ".join(quoted) or NONE_OF_THEM

    def enough(self, gold: tuple[Gold, ...]) -> tuple[Gold, ...]:
        """Keep all: too few examples of one label say nothing of the others."""
        return gold

    def unready(self, gold: Sequence[Gold]) -> str:
        """Say what is missing, or nothing."""
        return multilabel_quality.unready(self._sets(gold), self.names)

    def out_of_sample(self, X: Any, gold: Sequence[Gold], *, tick: Tick) -> Floats:
        """Ask fold by fold; NaN where the other folds tell nothing of a label."""
        estimator, sets = self.project.recipe.estimator, self._sets(gold)
        return multilabel_quality.out_of_sample(estimator, X, sets, tick=tick, **self.how)

    def model(self, X: Any, gold: Sequence[Gold]) -> Any:
        """Fit the estimator of the recipe for each label."""
        estimator, sets = self.project.recipe.estimator, self._sets(gold)
        return multilabel.train_each(estimator, X, sets, **self.how).model

    def suspects(self, gold: Sequence[Gold], probabilities: Floats) -> list[quality.Suspect]:
        """Find them label by label."""
        return multilabel_quality.suspects(self._sets(gold), probabilities, labels=self.names)

    def table(self, said: Sequence[tuple[int, int, str]], shape: tuple[int, int]) -> NDArray[Any]:
        """Return a layer of 1 and 0 for each label."""
        table = np.full((*shape, len(self.names)), -1, dtype=np.int64)
        for row, column, label in said:
            given = self.project.names_in(label)
            table[row, column] = multilabel.indicators([given], self.names)[0]
        return table

    def worth_asking_again(
        self, gold: Sequence[Gold], answers: NDArray[Any], p: Floats, new: Floats, *, tick: Tick
    ) -> tuple[Floats, Floats]:
        """Score them by ActiveLab, label by label of those with enough examples."""
        places = multilabel_quality.checkable(self._sets(gold), self.names)
        return multilabel_quality.worth_asking_again(answers, p, new, places=places, tick=tick)

    def _sets(self, gold: Sequence[Gold]) -> list[tuple[str, ...]]:
        return [self.project.names_in(item.label) for item in gold]


def label_checks(project: Project) -> LabelChecks:
    """Return how the labels of a project are checked."""
    return OfSeveral(project) if project.multilabel else OfOne(project)
