"""The nouns: frozen values that cross every border in the house."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

ColumnKind = Literal["text", "numeric", "categorical", "boolean", "date", "image", "ignored"]
EstimatorName = Literal[
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting"
]
Role = Literal["annotator", "reviewer", "admin"]
Action = Literal["answer", "skip", "flag", "retract"]
JobKind = Literal["ingest", "prepare", "retrain", "evaluate", "explain", "predict"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
TrainingMode = Literal["full", "warm_start", "partial_fit"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the source and what it holds."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class Schema:
    """What was found in a source, before anything is imported.

    `key` is a column whose values name samples; without one, content names them.
    """

    columns: tuple[Column, ...]
    key: str | None
    rows: int | None
    preview: tuple[dict[str, Any], ...]
    format: str


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

    def label(self, name: str) -> Label:
        """Return the label stored as `name`."""
        return next(label for label in self.labels if label.name == name)


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


@dataclass(frozen=True, slots=True)
class Why:
    """Why a sample was asked about, stored with its answer.

    `inclusion_probability` is known only where the draw was random.
    """

    strategy: str
    utility: float | None
    rank: int
    version: int | None
    inclusion_probability: float | None
    holdout: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A sample handed to an annotator until `lease_until`."""

    id: str
    project_id: int
    sample_key: str
    position: int
    person_id: int
    lease_until: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person's browser, a program or an import sends: not yet stored."""

    event_id: str
    sample_key: str
    action: Action
    label: str | None = None
    claim_id: str | None = None
    supersedes: str | None = None
    comment: str = ""
    elapsed_ms: int | None = None
    client_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One person's answer, skip, flag or retraction: an immutable event."""

    seq: int
    event_id: str
    project_id: int
    sample_key: str
    position: int
    person_id: int
    person: str
    action: Action
    label: str | None
    supersedes: str | None
    comment: str
    elapsed_ms: int | None
    client_time: datetime | None
    created_at: datetime
    late: bool
    adjudicates: bool
    source: str
    why: Why | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one answer."""

    event_id: str
    sample_key: str
    seq: int
    repeat: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Gold:
    """The label of a sample after its annotations were resolved."""

    sample_key: str
    position: int
    label: str
    seq: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sample to be asked about: the input of a new ranking."""

    sample_key: str
    position: int
    why: Why


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
    """Rows are true labels, columns predicted ones, in the order of `labels`."""
    precision_recall: tuple[Curve, ...]
    calibration: tuple[Curve, ...]


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
    number: int = 0
    """Which comparison of the project it was: each may spend a share of the error."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A stored file that was found damaged or missing, and what was done about it."""

    path: str
    """Below the workspace."""
    what: str
    """A sentence for people."""
    found_at: datetime


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
    scale: str
    """Of `output`: "log-odds" or "probability"."""


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


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a version answers for one sample."""

    sample_key: str
    label: str
    probability: float
    version: int


@dataclass(frozen=True, slots=True)
class Job:
    """A queued unit of work and what became of it."""

    id: int
    project_id: int
    kind: JobKind
    state: JobState
    payload: dict[str, Any]
    progress: float
    message: str
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    person: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account."""

    id: int
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


Scope = Literal["read", "annotate", "manage"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the network address and what the browser calls itself."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a live session or API token belongs to; `scopes` None is everything the person may do."""

    person: Person
    session_id: int
    scopes: frozenset[Scope] | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in of a browser, or an API token: what is shown of it, never the secret."""

    id: int
    person_id: int
    person: str
    kind: Literal["browser", "token"]
    name: str
    agent: str
    scopes: frozenset[Scope] | None
    created_at: datetime
    seen_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link that waits to be used."""

    id: int
    role: Role
    invited_by: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may see a restricted project."""

    name: str
    role: Role
    added_at: datetime
    added_by: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rail shows: counts, the next retrain, and why nothing happens."""

    counts: dict[str, int]
    answered: int
    skipped: int
    flagged: int
    mine: int
    left: int
    version: int | None
    champion: int | None
    until_retrain: int
    loop_state: str
    """One of "waiting", "queued", "training", "needs_labels", "no_worker", "failed", "done"."""
    loop_message: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """One move of the champion pointer."""

    project_id: int
    version: int
    previous: int | None
    person: str | None
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A privileged act, for the record."""

    id: int
    at: datetime
    person: str | None
    action: str
    project: str | None
    detail: str
