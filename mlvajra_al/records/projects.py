"""What is asked, of which data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mlvajra_al.records.label_sets import from_text
from mlvajra_al.records.notations import Notation

ColumnKind = Literal["text", "numeric", "categorical", "boolean", "date", "image", "ignored"]
EstimatorName = Literal[
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting"
]
TREES: tuple[EstimatorName, ...] = ("random_forest", "hist_gradient_boosting")
"""Always fitted in full: trees grown on fewer labels would stay in the model."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the source, what it holds, and how its numbers or dates are written."""

    name: str
    kind: ColumnKind
    written: Notation = "plain"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A column named as keys are that names no samples, and in words what stands in it twice."""

    column: str
    words: str


@dataclass(frozen=True, slots=True)
class Schema:
    """What was found in a source, before anything is imported.

    `key` is a column whose values name samples; without one, content names them. `answer` and
    `title` are columns that look like what is asked, and like what a sample is called. Where one
    that is named as keys are holds a value twice, `repeated` says so.
    """

    columns: tuple[Column, ...]
    key: str | None
    rows: int | None
    preview: tuple[dict[str, Any], ...]
    format: str
    answer: str | None = None
    title: str | None = None
    repeated: Repeated | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One value of a project's label set; `name` is stored, `display` is shown."""

    name: str
    display: str
    key: str
    color: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the pipeline is made of: input columns by kind, and the estimator."""

    columns: tuple[Column, ...]
    estimator: EstimatorName = "logistic_regression"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a project asks, resolves and retrains."""

    overlap: int = 1
    holdout_share: float = 0.2
    holdout_rate: float = 0.2
    retrain_every: int = 20
    full_every: int = 10
    strategy: str = "auto"
    explain_on_card: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """One question asked of one pool."""

    id: int
    name: str
    labels: tuple[Label, ...]
    recipe: Recipe
    policy: Policy
    seed: int
    key_column: str | None
    group_column: str | None
    gold_column: str | None
    title_column: str | None
    guidelines: str
    holdout_threshold: float
    """Share of the pool held out, fixed at the first import; 0 before it."""
    champion: int | None
    last_seq: int
    created_at: datetime
    archived_at: datetime | None
    restricted: bool = False
    """Whether only members and admins may see it."""
    multilabel: bool = False
    """Whether a sample may have several labels, or none of them."""

    def label(self, name: str) -> Label:
        """Return the label stored as `name`."""
        return next(label for label in self.labels if label.name == name)

    def names_in(self, answer: str) -> tuple[str, ...]:
        """Return the labels that an answer gives, in the order of the label set.

        Raises
        ------
        ValueError
            If the project asks for several labels and the answer is no set of labels.
        """
        if not self.multilabel:
            return (answer,)
        given = from_text(answer)
        known = [label.name for label in self.labels if label.name in given]
        return (*known, *(name for name in given if name not in known))

    def counted(self, answers: Iterable[str]) -> Counter[str]:
        """Return how many of these answers give each label."""
        counts: Counter[str] = Counter()
        for answer, n in Counter(answers).items():
            counts.update(dict.fromkeys(self.names_in(answer), n))
        return counts


@dataclass(frozen=True, slots=True)
class Shard:
    """An immutable Arrow IPC file holding samples `start` to `start + rows` of a pool."""

    project_id: int
    number: int
    start: int
    rows: int
    sha256: str
    source: str
    created_at: datetime
