"""Jobs, versions, reports, explanations, predictions; promote and roll back."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from mlvajra_al.errors import NotAllowed, NotFound
from mlvajra_al.records import (
    ENDED,
    Advice,
    Doubt,
    Examination,
    GlobalExplanation,
    Job,
    Report,
    SampleExplanation,
)
from mlvajra_al.services import (
    advice,
    champions,
    measuring,
    mistakes,
    people,
    predicting,
    projects,
    training,
    versions,
)
from mlvajra_al.services.job_words import said_of
from mlvajra_al.store import uploads
from mlvajra_al.web.api.answers import Json, failed_job
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.shapes import (
    DOWNLOAD,
    FILE,
    HIDDEN_OF_JOB,
    QUEUED,
    Champion,
    PredictedJob,
    ShownExplanation,
    ShownJob,
    VersionLine,
    VersionMade,
    WrongPage,
    many,
    shown,
)
from mlvajra_al.web.api.uploads import FileName, saved
from mlvajra_al.web.context import now, store

router = APIRouter(tags=["models"])
PATIENCE_S = 2.0
"""How long a request waits for a job before it answers 202 with its id."""


class Strict(BaseModel):
    """A body in which a name nobody knows is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class NewJob(Strict):
    """Work to queue."""

    kind: Literal["retrain", "evaluate"]
    mode: training.Mode = "incremental"
    versions: list[int] | Literal["all"] = []
    """Which to evaluate: one, two against each other, or all whose report lacks answers."""


class Rows(Strict):
    """What to predict: some rows, or the whole pool."""

    rows: list[dict[str, Any]] | None = Field(
        default=None, description="1 to 1,000, each with every column the model looks at"
    )
    pool: bool = Field(default=False, description="Predict the whole pool into a file; for admins")
    version: int | None = Field(default=None, description="Which answers; else the champion")
    format: predicting.Format = Field(default="csv", description="Of the file of the pool")
    probabilities: bool = Field(
        default=False, description="One more column for each label in the file of the pool"
    )
    explain: bool = Field(
        default=True, description="Say of each of the rows why; without, they are answered sooner"
    )


class Move(Strict):
    """A move of the champion; `expected` is the champion you saw."""

    expected: int | None = None
    reason: str = ""


class Back(Strict):
    """A way back, and why; `expected` is the champion you saw."""

    expected: int | None = None
    reason: str = ""


def public_job(job: Job) -> dict[str, Any]:
    """Return a job as plain values, with labels as lists where there may be several.

    The message of one that is done says what became of it.
    """
    job = replace(job, message=said_of(job)) if job.state == "done" else job
    said = (job.result or {}).get("predictions") or []
    if not any(isinstance(one["label"], list) and one["explanation"] for one in said):
        return shown(job, HIDDEN_OF_JOB)
    lists = [one | {"explanation": one["explanation"] | {"label": one["label"]}} for one in said]
    return shown(job, HIDDEN_OF_JOB) | {"result": (job.result or {}) | {"predictions": lists}}


@router.post("/projects/{project}/jobs", status_code=202, response_model=ShownJob)
def enqueue(project: str, caller: Caller, body: NewJob) -> Response:
    """Queue a retrain, or an evaluation: of one version, of two against each other, or of all.

    Where one of two is the champion the other challenges it, which is counted; of two others only
    what is found is said, and nothing is counted.
    """
    if body.kind == "retrain":
        job = training.request_retrain(store(), caller, project, mode=body.mode, now=now())
    elif body.versions == "all":
        job = measuring.request_all(store(), caller, project, now=now())
    else:
        numbers = tuple(body.versions)
        job = versions.request_evaluation(store(), caller, project, numbers=numbers, now=now())
    return Json(public_job(job), status_code=202)


@router.get("/projects/{project}/jobs", response_model=many(ShownJob))
def jobs_of(
    project: str, caller: Caller, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Response:
    """Return a project's jobs, newest first; annotators see those they asked for."""
    found = training.jobs_of(store(), caller, project, limit=limit)
    return Json([public_job(job) for job in found])


@router.get("/jobs/{job_id}", response_model=ShownJob)
def get_job(job_id: int, caller: Caller) -> Response:
    """Return a job as it stands."""
    return Json(public_job(_readable(caller, job_id)))


@router.delete("/jobs/{job_id}", response_model=ShownJob)
def cancel_job(job_id: int, caller: Caller) -> Response:
    """Cancel a job that waits or runs."""
    return Json(public_job(training.cancel(store(), caller, job_id, now=now())))


@router.get("/jobs/{job_id}/file", response_class=Response, responses=DOWNLOAD)
def job_file(job_id: int, caller: Caller) -> Response:
    """Return the file of predictions a finished job has written."""
    path = predicting.file_for(store(), caller, _readable(caller, job_id))
    return FileResponse(path, filename=path.name)


def _readable(caller: Caller, job_id: int) -> Job:
    job = training.job(store(), caller, job_id)
    if job.person != caller.name and not people.may(caller, "reviewer"):
        raise NotAllowed("see somebody else's job", "a reviewer")
    return job


def _answer(job: Job) -> Response:
    return Json(public_job(job), status_code=200 if job.state in ENDED else 202)


@router.post("/projects/{project}/predict", response_model=PredictedJob, responses=QUEUED)
def predict(project: str, caller: Caller, body: Rows) -> Response:
    """Ask the champion, or the named version; 202 and a job to ask for if it takes longer."""
    question = predicting.Question(
        rows=body.rows,
        pool=body.pool,
        version=body.version,
        file_format=body.format,
        probabilities=body.probabilities,
        explain=body.explain,
    )
    job = predicting.request(store(), caller, project, question=question, now=now())
    seconds = PATIENCE_S if body.rows is not None else 0.0
    found = predicting.wait(store(), job.id, seconds=seconds)
    return failed_job(found) if found.state == "failed" else _answer(found)


@router.post(
    "/projects/{project}/predict/file",
    status_code=202,
    response_model=ShownJob,
    openapi_extra=FILE,
)
async def predict_file(
    project: str,
    request: Request,
    caller: Caller,
    name: FileName = "",
    version: int | None = None,
    format: predicting.Format = "csv",
    probabilities: bool = False,
) -> Response:
    """Take a CSV, JSON Lines or Parquet file as the body, and queue its predictions."""
    path = await saved(request, caller, name=name)
    question = predicting.Question(
        upload=uploads.id_of(path),
        version=version,
        file_format=format,
        probabilities=probabilities,
    )
    job = await run_in_threadpool(
        predicting.request, store(), caller, project, question=question, now=now()
    )
    return _answer(job)


@router.get("/projects/{project}/versions", response_model=list[VersionLine])
def listed(
    project: str,
    caller: Caller,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=versions.PAGE_MAX)] = versions.PAGE_MAX,
) -> Response:
    """Return the versions, oldest first; `after` set to the last number asks for the next page."""
    found = versions.listed(store(), caller, project, after=after, limit=limit)
    return Json([row.as_document() for row in found])


@router.get("/projects/{project}/versions/{number}", response_model=VersionMade)
def get(project: str, number: int, caller: Caller) -> Response:
    """Return one version with how it was made; annotators do not see the label snapshot.

    From the fingerprint or the seed one could find out which of one's answers are held out.
    """
    row = versions.one(store(), caller, project, number)
    made = ["recipe", "shards", "libraries", "cpu"]
    if people.may(caller, "reviewer"):
        made += ["label_seq", "label_fingerprint", "seed", "fitted"]
    return Json(row.as_document() | {name: getattr(row.version, name) for name in made})


@router.get("/projects/{project}/versions/{number}/report", response_model=Report)
def report(project: str, number: int, caller: Caller) -> Response:
    """Return the newest report of a version."""
    found = versions.report(store(), caller, project, number)
    if found is None:
        raise NotFound("report of version", number)
    return Json(found)


@router.get("/projects/{project}/versions/{number}/mistakes", response_model=WrongPage)
def mistakes_of(
    project: str,
    number: int,
    caller: Caller,
    label: Annotated[str | None, Query(description="Only those that truly have it")] = None,
    answered: Annotated[str | None, Query(description="Only those it was answered for")] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=mistakes.MOST)] = 50,
) -> Response:
    """Return the holdout samples that the newest report has wrong, the surest first; for admins."""
    wanted = mistakes.Wanted(label, answered, offset, limit)
    found = mistakes.listed(store(), caller, project, number, wanted=wanted)
    return Json(mistakes.as_document(projects.get(store(), caller, project), found))


@router.get("/projects/{project}/versions/{number}/advice", response_model=Advice)
def advice_of(project: str, number: int, caller: Caller) -> Response:
    """Say whether to go on labelling, as it looked when a version was made: an estimate."""
    found = advice.of_version(store(), caller, project, number)
    if found is None:
        raise NotFound("advice of version", number)
    return Json(found)


@router.get("/projects/{project}/examination", response_model=Examination)
def examination(project: str, caller: Caller) -> Response:
    """Say what the last look at the labels found: how people agree, how many look wrong."""
    found = advice.examination(store(), caller, project)
    if found is None:
        raise NotFound("examination of", project)
    return Json(found)


@router.get("/projects/{project}/doubts", response_model=list[Doubt])
def doubts(
    project: str, caller: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Return the labels that look wrong beside all the others, the worst first."""
    return Json(advice.doubted(store(), caller, project, limit=limit))


@router.get(
    "/projects/{project}/versions/{number}/explanation",
    response_model=ShownExplanation | GlobalExplanation,
    responses=QUEUED,
)
def explanation(
    project: str,
    number: int,
    caller: Caller,
    sample_key: Annotated[str, Query(description="Of one sample; without, of the version")] = "",
) -> Response:
    """Explain a version or one of its answers; 202 and a job where it has to be computed."""
    job = versions.request_explanation(
        store(), caller, project, number=number, sample_key=sample_key, now=now()
    )
    if job is not None:
        job = predicting.wait(store(), job.id, seconds=PATIENCE_S)
        if job.state == "failed":
            return failed_job(job)
        if job.state != "done":
            return Json(public_job(job), status_code=202)
    found = (
        versions.sample_explanation(store(), caller, project, number, sample_key)
        if sample_key
        else versions.global_explanation(store(), caller, project, number)
    )
    of = projects.get(store(), caller, project)
    if of.multilabel and isinstance(found, SampleExplanation):
        return Json(shown(found, frozenset()) | {"label": of.names_in(found.label)})
    return Json(found)


@router.post("/projects/{project}/versions/{number}/promote", response_model=Champion)
def promote(project: str, number: int, caller: Caller, move: Move | None = None) -> Response:
    """Make a version the champion, if the champion still is the one you `expected`."""
    move = move or Move()
    sent = "expected" in move.model_fields_set
    expected = move.expected if sent else projects.get(store(), caller, project).champion
    champions.promote(
        store(),
        caller,
        project,
        number=number,
        expected=expected,
        reason=move.reason,
        now=now(),
    )
    return Json({"champion": number})


@router.post("/projects/{project}/rollback", response_model=Champion)
def rollback(project: str, caller: Caller, back: Back | None = None) -> Response:
    """Make the champion before this one champion again; labels are untouched."""
    back = back or Back()
    number = champions.rollback(
        store(), caller, project, reason=back.reason, now=now(), expected=back.expected
    )
    return Json({"champion": number})
