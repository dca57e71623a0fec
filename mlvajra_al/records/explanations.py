"""Why a version answers as it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Scale = Literal["log-odds", "one-vs-rest log-odds", "score", "probability"]
"""What contributions add up to: the log-odds of a label; those of one against all the others, whose
probabilities are then made to add up to one; a score, of which the softmax over all labels is the
probability; the probability itself."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The additive explanation of one output: ``base + sum(values) == output``.

    `features` and `values` hold the strongest first; the rest is in `other`.
    """

    label: str
    base: float
    output: float
    features: tuple[str, ...]
    values: tuple[float, ...]
    data: tuple[str, ...]
    """The feature's value in this sample, as text."""
    other: float
    scale: Scale
    """Of `output`."""


@dataclass(frozen=True, slots=True)
class SampleExplanation:
    """Why one version answers as it does for one sample."""

    version: int
    sample_key: str
    label: str
    probabilities: dict[str, float]
    attributions: tuple[Attribution, ...]
    """One per label for multiclass models, one for binary ones."""
    words: tuple[tuple[str, float], ...] = ()
    """Words as they stand in the text with their weight for `label`."""
    image: tuple[tuple[float, ...], ...] = ()
    """Weight per pixel for `label`, as rows."""


@dataclass(frozen=True, slots=True)
class FeatureImportance:
    """One feature's global weight and the dots of its beeswarm row."""

    feature: str
    importance: float
    values: tuple[float, ...]
    """Attribution per background sample."""
    data: tuple[float, ...]
    """The feature's value per background sample, scaled to 0..1."""


@dataclass(frozen=True, slots=True)
class GlobalExplanation:
    """What one version pays attention to, per label."""

    version: int
    n: int
    labels: tuple[str, ...]
    importances: dict[str, tuple[FeatureImportance, ...]]
    image: dict[str, tuple[tuple[float, ...], ...]]
    """Mean absolute weight per pixel, per label; empty where there is no image."""
    scale: Scale | None = None
    """Of the weights; None where an earlier release has explained."""
    columns: dict[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """Per label the input columns, heaviest first: the mean absolute sum of what all features of
    a column add together."""
