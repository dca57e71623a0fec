"""What people are asked and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Action = Literal["answer", "skip", "flag", "retract"]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a sample was asked about, stored with its answer.

    `inclusion_probability` is that of the draw into the ranking, known only where it was random;
    how much of a ranking is asked depends on the people.
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
    asks_again: bool = False
    """Whether a reviewer asks somebody else, and this answer stands beside what they will say."""


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
