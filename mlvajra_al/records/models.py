"""What was learned, and what serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlvajra_al.records.projects import Recipe

TrainingMode = Literal["full", "warm_start", "partial_fit"]


@dataclass(frozen=True, slots=True)
class Revision:
    """Preprocessing fitted once and frozen; its output is cached."""

    id: int
    project_id: int
    recipe: Recipe
    preprocessing: str
    """SHA-256 of the stored blob."""
    samples: int
    """Samples of the pool it was fitted on."""
    features: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """How two models that learned the same labels in different ways differ on the same samples."""

    samples: int
    differing: float
    """Share of them that get another label."""
    mean: float
    """Of the largest difference of a probability of each sample."""
    largest: float


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable model version: what was fitted, on what, from what."""

    project_id: int
    number: int
    parent: int | None
    mode: TrainingMode
    revision_id: int
    estimator: str
    """SHA-256 of the stored blob."""
    n_labels: int
    label_counts: dict[str, int]
    label_seq: int
    label_fingerprint: str
    recipe: Recipe
    seed: int
    shards: tuple[str, ...]
    libraries: dict[str, str]
    cpu: str
    duration_s: float
    trigger: str
    created_at: datetime
    because: str = ""
    """Why it was fitted in full; empty for an increment."""
    asks: str = ""
    """By what strategy it ranked the pool, and why by that one, in a sentence."""
    drift: Drift | None = None
    """Of a full fit: how far continuing from the version before would have led away from it."""
    fitted: str = ""
    """The estimator with its parameters; empty of versions made before this was kept."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A stored file that was found damaged or missing, and what was done about it."""

    path: str
    """Below the workspace."""
    what: str
    """A sentence for people."""
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of the champion pointer."""

    project_id: int
    version: int
    previous: int | None
    person: str | None
    reason: str
    created_at: datetime
    rolled_back: bool
    """Whether somebody asked for the champion before, rather than for this version."""
