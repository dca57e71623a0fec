"""What the engine thinks of going on: estimates, made without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlvajra_al.records.measures import Measure

Course = Literal["too_early", "go_on", "stop"]
SURE_ODDS = 100.0
"""Where the others speak so many times as strongly for another label, the label looks wrong.

What is asked is what the model is unsure of, so that it often errs there. Of 1,082 right labels of
digits 172 were doubted, 6 of them so strongly; with a mistake in twenty 51 were, and 37 of these
were mistakes, of 50 there were.
"""
NOTHING_LEFT = "Every sample has the answers it needs: nothing is left to ask."


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the next labels would probably bring, read off the learning curve.

    `ahead`, `middle`, `low` and `high` draw the curve onwards with its 95% band.
    """

    metric: str
    labels: int
    """How many more."""
    gain: float
    margin: float
    """The gain lies within this of the truth, probably: the wider half of its 95% interval."""
    least: float
    """Lower end of that interval."""
    ahead: tuple[float, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    behind: tuple[int, ...] = ()
    """Labels that the versions had which the curve was read off."""
    reached: tuple[float, ...] = ()
    """What these reach, all on the same answers."""
    judges: int = 0
    """How many answers those are."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How alike a version and an earlier one answer about the same samples."""

    earlier: int
    kappa: float | None
    """Cohen's; None where both give every sample the same label."""
    differing: float
    """Share of the samples they give different labels."""
    samples: int


@dataclass(frozen=True, slots=True)
class Rest:
    """What all samples that are left would bring, judged by what the last labels have brought."""

    since: int
    """Labels that the version had which the newest is held against: at most half of today's."""
    samples: int
    """So many are left."""
    today: float
    """Micro F1 as the newest version's own probabilities have it."""
    share: float
    """By so much of that it would rise: 0.05 is a twentieth."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to go on labelling, as it looked when a version was made."""

    version: int
    n_labels: int
    action: Course
    words: str
    stability: Stability | None
    mean_kappa: float | None
    """Over the last three steps of at least ten labels; None until there are three."""
    estimated: Measure
    forecast: Forecast | None
    missing: str
    """Why there is no forecast; empty where there is one."""
    rest: Rest | None = None
    """Where a sample may have several labels, once a version with half of them can be read."""
    mean_rest: float | None = None
    """Its share over the last three steps; None until there are three."""


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How two people answer about the samples both have answered."""

    one: str
    other: str
    shared: int
    same: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far people agree about the samples that several of them have answered."""

    shared: int
    people: int
    alpha: Measure
    pairs: tuple[PairAgreement, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that the model, taught by the other labels only, would not have given."""

    sample_key: str
    position: int
    seq: int
    """The answer the label came from."""
    label: str
    likely: str
    """The label the model gives."""
    probability: float
    """How sure it is of that one."""
    quality: float
    """How likely the label is right, 0 to 1."""

    @property
    def sure(self) -> bool:
        """Whether the label looks wrong; if not, the model may as well be."""
        return self.probability >= SURE_ODDS * self.quality


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination of the labels of a project found."""

    seq: int
    """The last annotation event it knows of."""
    checked: int
    """Labels that were checked."""
    doubted: int
    """Of these, the model would have given another label."""
    second_opinions: int
    """Samples that were ranked to be asked again."""
    agreement: Agreement
    note: str
    """Why labels were not checked, or nobody is asked again; may be empty."""
    sure: int = 0
    """So many of those that are doubted look wrong; the others are possible mistakes."""
