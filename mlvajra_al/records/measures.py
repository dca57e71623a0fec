"""How good a version is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlvajra_al.errors import MOST_NAMED


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its 95% interval; `value` is None where there is too little to say.

    `note` says why there is no value, or what kind of interval it is.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""

    @property
    def lacks(self) -> str:
        """What is missing for a value, in short: reports used to name every label there was."""
        words = self.note.removeprefix("too few to say: ")
        named = words.count(" more of ")
        return words if named <= MOST_NAMED else f"{named} labels have too few holdout answers"


@dataclass(frozen=True, slots=True)
class LabelMeasures:
    """Measures of one label against the rest."""

    label: str
    support: int
    precision: Measure
    recall: Measure
    f1: Measure


@dataclass(frozen=True, slots=True)
class Curve:
    """A line to draw: a precision-recall or a calibration curve of one label."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything measured for one model on one set of samples."""

    n: int
    labels: tuple[str, ...]
    headline: Measure
    measures: tuple[Measure, ...]
    per_label: tuple[LabelMeasures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows are true labels, columns predicted ones, in the order of `labels`.

    Empty where a sample may have several labels.
    """
    precision_recall: tuple[Curve, ...]
    calibration: tuple[Curve, ...]

    @property
    def ordered(self) -> tuple[Measure, ...]:
        """Every measure once, the headline first; of two labels it is none of `measures`."""
        return _headline_first(self.headline, self.measures)


def _headline_first(headline: Measure, measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
    return (headline, *(measure for measure in measures if measure.name != headline.name))


@dataclass(frozen=True, slots=True)
class Report:
    """Measures of one version on one holdout snapshot."""

    project_id: int
    version: int
    holdout_seq: int
    """The last annotation event the snapshot knows of."""
    asked: int
    answered: int
    skipped: int
    evaluation: Evaluation
    created_at: datetime

    @property
    def rests_on(self) -> str:
        """What became of the holdout samples that were asked about, in words.

        Examples
        --------
        >>> from datetime import UTC
        >>> f1 = Measure("macro F1", None, None, None, 0)
        >>> nothing = Evaluation(0, (), f1, (), (), (), (), ())
        >>> Report(1, 1, 9, 13, 12, 0, nothing, datetime(2026, 1, 1, tzinfo=UTC)).rests_on
        '13 asked, 12 answered, 0 skipped, 1 flagged or taken back'
        """
        other = self.asked - self.answered - self.skipped
        words = f"{self.asked:,} asked, {self.answered:,} answered, {self.skipped:,} skipped"
        return f"{words}, {other:,} flagged or taken back" if other else words


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list of versions says of a report."""

    answered: int
    n: int
    headline: Measure
    measures: tuple[Measure, ...]

    @property
    def ordered(self) -> tuple[Measure, ...]:
        """Every measure once, the headline first; of two labels it is none of `measures`."""
        return _headline_first(self.headline, self.measures)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A holdout sample that a version has wrong."""

    sample_key: str
    position: int
    label: str
    answered: str
    """What the version says; like `label` as it is stored, a set where there may be several."""
    probability: float
    """How sure the version is of what is wrong: of its answer, or of one label of several."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of comparing two versions on the same holdout samples.

    `difference` is challenger minus champion.
    """

    champion: int
    challenger: int
    n: int
    metric: str
    champion_value: float | None
    challenger_value: float | None
    difference: Measure
    only_champion_right: int
    only_challenger_right: int
    p_value: float | None
    better: bool
    advice: str
    nearer: bool = False
    """Whether a sample counts for whoever has fewer of its several labels wrong."""
    number: int = 0
    """Which comparison of the project it was: each may spend a share of the error.

    0 where the champion is provisional, or neither is the champion: that spends nothing.
    """
    alpha: float | None = None
    """The chance of such a lead by luck that is allowed; None where nothing is decided by it."""
    provisional: bool = False
    """Whether nobody had chosen the champion."""
    neutral: bool = False
    """Whether neither was the champion: nothing is advised, and `p_value` is two-sided."""
    lacks: str = ""
    """Why `metric` is not the headline measure; empty where it is."""
