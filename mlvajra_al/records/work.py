"""Jobs and the state of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

JobKind = Literal[
    "ingest", "prepare", "retrain", "evaluate", "explain", "predict", "simulate", "examine"
]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ACTIVE: tuple[JobState, ...] = ("queued", "running")
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")


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
class Failure:
    """The kind of error that a job ended with; the result of one that failed."""

    type: str
    status: int


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
    retrain_every: int
    """Answers from one retrain to the next; fewer where the pool cannot give as many any more."""
    until_retrain: int
    loop_state: str
    """One of "waiting", "queued", "training", "needs_labels", "no_worker", "failed", "done"."""
    loop_message: str
