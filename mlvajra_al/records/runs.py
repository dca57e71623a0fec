"""Tracked simulations: what was played, on what, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mlvajra_al.records.projects import Recipe
from mlvajra_al.records.work import JobState

Truth = Literal["file", "pool", "answers"]
"""Where the true labels come from: a file, a column of the pool, or what people answered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: each strategy once for each seed, at most so many labels long."""

    strategies: tuple[str, ...] = ("auto", "margin", "random")
    batch_size: int = 10
    seeds: int = 5
    most: int = 500

    @property
    def games(self) -> tuple[tuple[str, int], ...]:
        """The strategy and seed of each game, in the order they are begun."""
        return tuple((name, seed) for seed in range(self.seeds) for name in self.strategies)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a simulation is about: the truth, what the model sees of it, and what is played."""

    truth: Truth
    name: str
    """The file or the project, as people know it."""
    recipe: Recipe
    plan: Plan = field(default_factory=Plan)
    label: str | None = None
    """The column of true labels; None where people's answers are the truth."""
    uri: str | None = None
    """Of a file."""
    multilabel: bool = False
    """A sample may have several labels, or none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found when a simulation began."""

    samples: int
    drawn_from: int
    """Samples with a label there were; more than `samples` where only a part plays."""
    labels: tuple[tuple[str, int], ...]
    """Each label with its number of samples."""
    fingerprint: str
    """SHA-256 of samples, labels and recipe."""
    libraries: dict[str, str]
    cpu: str


@dataclass(frozen=True, slots=True)
class Game:
    """One strategy with one seed: F1 after so many samples, and when it was good enough.

    Macro F1, or micro F1 where a sample may have several labels. In lists of runs there is only the
    end of a game: its last number of `labels`, and no `f1`.
    """

    strategy: str
    seed: int
    full_f1: float
    labels: tuple[int, ...]
    f1: tuple[float, ...]
    labels_to_95: int | None
    labels_to_98: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """A tracked simulation; its games come one by one while its job runs."""

    id: int
    project_id: int
    job_id: int
    person: str | None
    scenario: Scenario
    facts: Facts | None
    games: tuple[Game, ...]
    state: JobState
    message: str
    """What the job says of itself, or why it failed."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
