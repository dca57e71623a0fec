"""What the API answers with, for its description; made from the records, so that they agree."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, get_type_hints

from pydantic import BaseModel, Field, create_model

from mlvajra_al.records import (
    Annotation,
    Drift,
    Job,
    Label,
    Measure,
    Progress,
    Project,
    Recipe,
    SampleExplanation,
)
from mlvajra_al.services.export_formats import MEDIA_TYPES

HIDDEN_OF_PROJECT = frozenset({"id", "seed", "holdout_threshold"})
"""From these one could find out who is held out."""
HIDDEN_OF_JOB = frozenset({"project_id", "payload", "attempts"})
HIDDEN_OF_ANNOTATION = frozenset({"project_id", "person_id", "position"})


def shown(record: Any, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a record as plain values, without what is hidden."""
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in hidden}


def shape(record: type, hidden: frozenset[str] = frozenset(), **other: Any) -> type[BaseModel]:
    """Return what `shown` makes of a record, as a model; `other` are types that differ."""
    hints = get_type_hints(record) | other
    kept: dict[str, Any] = {name: (kind, ...) for name, kind in hints.items() if name not in hidden}
    return create_model(f"Shown{record.__name__}", __doc__=record.__doc__, **kept)


def many(kind: type[BaseModel]) -> Any:
    """Return the type of a list of shapes."""
    return list[kind]  # type: ignore[valid-type]


ShownProject = shape(Project, HIDDEN_OF_PROJECT)
ShownJob = shape(Job, HIDDEN_OF_JOB)
ShownAnnotation = shape(Annotation, HIDDEN_OF_ANNOTATION, label=str | list[str] | None)
ShownProgress = shape(Progress)
ShownExplanation = shape(SampleExplanation, label=str | list[str])


class Problem(BaseModel):
    """What went wrong: its kind, a sentence for people, and the values it speaks of."""

    type: str
    message: str
    detail: Any


class Failed(BaseModel):
    """Every error of the API."""

    error: Problem


class Card(BaseModel):
    """What an annotator sees of a sample."""

    title: str | None
    blocks: list[dict[str, Any]]


class Reason(BaseModel):
    """Why a sample is asked about; none where it would tell who is held out."""

    strategy: str
    utility: float | None
    version: int | None
    words: str


class HandedOut(BaseModel):
    """A sample to label until its lease ends."""

    claim_id: str
    sample_key: str
    card: Card
    lease_until: datetime
    why: Reason | None


class Reminder(BaseModel):
    """What the caller said about a sample, with its card, to be taken back."""

    event_id: str
    sample_key: str
    action: str
    label: str | list[str] | None
    comment: str
    card: Card


class Released(BaseModel):
    """How many claims were given back."""

    released: int


class Beat(ShownProgress):  # type: ignore[misc, valid-type]
    """What the rail shows, which of the claims are still held, and the labels as they are now."""

    held: list[str]
    labels: list[Label]


class Champion(BaseModel):
    """The number of the version that is champion now."""

    champion: int


class Prediction(BaseModel):
    """What a version answers for a row, and why if asked; lists where labels may be several."""

    label: str | list[str]
    probability: float | list[float]
    probabilities: dict[str, float]
    explanation: ShownExplanation | None  # type: ignore[valid-type]


class Predictions(BaseModel):
    """What a version answers for rows, in their order."""

    version: int
    predictions: list[Prediction]


class PredictedJob(ShownJob):  # type: ignore[misc, valid-type]
    """A prediction that has ended, with what the version answers."""

    result: Predictions | None


class Uploaded(BaseModel):
    """A file that is kept for a day, or as long as a job waits for it: its id, and its name."""

    upload: str
    name: str


class Wrong(BaseModel):
    """A holdout sample that a version has wrong; lists where there may be several labels."""

    sample_key: str
    label: str | list[str]
    answered: str | list[str]
    probability: float
    beginning: str


class WrongPage(BaseModel):
    """A page of them; `total` is how many there are, `holdout_seq` what the report knows."""

    version: int
    holdout_seq: int
    total: int
    mistakes: list[Wrong]


class VersionLine(BaseModel):
    """A version with the measures of its newest report."""

    number: int
    created_at: datetime
    parent: int | None
    mode: str
    n_labels: int
    label_counts: dict[str, int]
    metrics: dict[str, Measure] | None
    champion: bool
    trigger: str
    duration_s: float
    asks: str
    drift: Drift | None
    estimator: str
    revision: int = Field(
        description="Which revision of the project's recipe it was made with, counted from 1"
    )


class VersionMade(VersionLine):
    """A version with how it was made; what tells the label snapshot is for reviewers."""

    recipe: Recipe
    shards: list[str]
    libraries: dict[str, str]
    cpu: str
    label_seq: int | None = None
    label_fingerprint: str | None = None
    seed: int | None = None
    fitted: str | None = None


ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Failed}, "5XX": {"model": Failed}}
QUEUED: dict[int | str, dict[str, Any]] = {202: {"model": ShownJob}}
"""Where a route answers with a job that takes longer than it waits."""


FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A CSV, JSON Lines or Parquet file as it is, packed with gzip or not",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""How routes describe a file that is the body: they read it piece by piece, not FastAPI."""

DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {}} for kind in MEDIA_TYPES.values()}}
}
