"""Ask a version for its answers: on rows typed in, an uploaded file, or the whole pool."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, isnan
from pathlib import Path
from typing import Any, Literal, get_args

from mlvajra_al.errors import Conflict, Invalid, NotFound, QueueFull
from mlvajra_al.records import ENDED, Job, Person, Project
from mlvajra_al.services import access
from mlvajra_al.services.people import require
from mlvajra_al.store import audit, jobs, predictions, uploads, versions
from mlvajra_al.store.database import Connection, Store

Format = Literal["csv", "parquet"]
MAX_ROWS = 1_000
MOST_WAITING = 20
SOON = 5
"""In so many seconds there may be room for one more."""
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Question:
    """What to predict: exactly one of `rows`, `upload` and `pool`; by whom, and written how.

    `upload` is the id an upload was answered with. Without `version` the champion answers, or the
    newest version where there is none. A file has the probability of every label with
    `probabilities`, in columns ``p:LABEL``; rows have their reasons with `explain`.
    """

    rows: Sequence[Mapping[str, Any]] | None = None
    upload: str | None = None
    pool: bool = False
    version: int | None = None
    file_format: Format = "csv"
    probabilities: bool = False
    explain: bool = True

    def check(self) -> None:
        """Refuse what cannot be answered.

        Raises
        ------
        Invalid
        """
        if (self.rows is not None) + (self.upload is not None) + self.pool != 1:
            raise Invalid("predict exactly one of: some rows, an uploaded file, the whole pool")
        if self.file_format not in get_args(Format):
            raise Invalid(f"{self.file_format!r} cannot be written; use 'csv' or 'parquet'")
        if self.rows is not None:
            _check_rows(self.rows)

    def payload(self, home: Path) -> dict[str, Any]:
        """Return what the job is to know in a workspace.

        Raises
        ------
        NotFound
            If the uploaded file is gone.
        """
        how = {
            "version": self.version,
            "format": self.file_format,
            "probabilities": self.probabilities,
        }
        if self.rows is not None:
            rows = [_storable(row) for row in self.rows]
            return {"rows": rows, "explain": self.explain} | how
        if self.upload is None:
            return {"pool": True} | how
        return {"uri": str(uploads.named(home, self.upload))} | how


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as every database takes it: PostgreSQL knows no NaN in JSON, and no infinity.

    >>> _storable({"length": float("nan"), "width": float("inf"), "body": "hi"})
    {'length': None, 'width': 'inf', 'body': 'hi'}
    """
    return {name: _storable_cell(value) for name, value in row.items()}


def _storable_cell(value: Any) -> Any:
    if not isinstance(value, float) or isfinite(value):
        return value
    return None if isnan(value) else str(value)


def _check_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid(
            f"got {len(rows)} rows to predict; send 1 to {MAX_ROWS}, or upload them as a file"
        )
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise Invalid(f"row {place} is a {type(row).__name__}; send an object of columns")


def request(
    store: Store, person: Person, project_name: str, *, question: Question, now: datetime
) -> Job:
    """Queue predictions for some rows, an uploaded file or the whole pool.

    Raises
    ------
    Invalid
        If the question cannot be answered.
    Conflict
        If there is no version yet.
    QueueFull
        If too many predictions wait already.
    NotFound
        If the uploaded file is gone.
    """
    if question.rows is None:
        require(person, "admin", "predict whole files")
    else:  # an annotator could ask about the very sample that waits for an answer
        require(person, "reviewer", "ask a model")
    question.check()
    payload = question.payload(store.home)

    def operation(connection: Connection) -> Job:
        project = access.open_project(connection, person, project_name)
        chosen(connection, project, question.version)
        _leave_room(connection, project)
        job_id = jobs.enqueue(
            connection,
            project.id,
            "predict",
            payload=payload,
            now=now,
            person_id=person.id,
        )
        if job_id is None:
            raise Conflict("the predictions could not be queued; try again")
        if question.rows is None:
            of = "the whole pool" if question.pool else str(question.upload).rpartition("/")[2]
            audit.add(
                connection,
                "predictions asked for",
                now=now,
                person_id=person.id,
                project_id=project.id,
                detail=of,
            )
        return jobs.get(connection, job_id)

    return store.write(operation)


def _leave_room(connection: Connection, project: Project) -> None:
    waiting = jobs.counted(connection, [project.id], kinds=("predict",))["queued"]
    if waiting >= MOST_WAITING:
        raise QueueFull(
            "predictions", project.name, waiting=waiting, most=MOST_WAITING, seconds=SOON
        )


def chosen(connection: Connection, project: Project, version: int | None) -> int:
    """Return the version that answers: the one named, else the champion, else the newest.

    Raises
    ------
    Conflict
        If there is no version yet.
    """
    if version is not None:
        return versions.get(connection, project.id, version).number
    if project.champion is not None:
        return project.champion
    newest = versions.latest(connection, project.id)
    if newest is None:
        raise Conflict(f"{project.name!r} has no model yet; label some samples first")
    return newest.number


def wait(store: Store, job_id: int, *, seconds: float) -> Job:
    """Return a job once it has ended, or as it stands after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        with store.read() as connection:
            found = jobs.get(connection, job_id)
        if found.state in ENDED or time.monotonic() >= deadline:
            return found
        time.sleep(POLL_S)


def with_files(store: Store, person: Person, project_name: str, *, limit: int) -> tuple[Job, ...]:
    """Return the jobs that have written a file of predictions, newest first.

    Raises
    ------
    NotAllowed
        If an annotator asks.
    """
    require(person, "reviewer", "see predictions")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return predictions.with_files(connection, project.id, limit=limit)


def result_folder(store: Store) -> Path:
    """Return where files of predictions are kept."""
    return store.home / "results"


def file_for(store: Store, person: Person, job: Job) -> Path:
    """Return the file a finished job has written, to who may read it.

    Raises
    ------
    NotAllowed
        If it is of the pool and no admin asks: it tells what is held out.
    NotFound
        If there is none, or the file is gone.
    """
    if job.payload.get("pool"):
        require(person, "admin", "read the predictions of a pool")
    return result_path(store, job)


def result_path(store: Store, job: Job) -> Path:
    """Return the file a finished job has written.

    Raises
    ------
    NotFound
        If it wrote none, or the file is gone.
    """
    name = (job.result or {}).get("file")
    path = result_folder(store) / str(name)
    if name is None or not path.is_file():
        raise NotFound("file of predictions of job", job.id)
    return path
