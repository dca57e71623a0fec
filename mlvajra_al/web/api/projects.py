"""Projects: list, make, import into, export from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from mlvajra_al.records import (
    Column,
    ColumnKind,
    EstimatorName,
    Label,
    Person,
    Policy,
    Project,
    Recipe,
)
from mlvajra_al.services import exporting, importing, projects
from mlvajra_al.services.export_formats import MEDIA_TYPES, Format
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import HEAD_ONLY, Caller
from mlvajra_al.web.api.models import public_job
from mlvajra_al.web.api.shapes import (
    DOWNLOAD,
    FILE,
    HIDDEN_OF_PROJECT,
    ShownJob,
    ShownProject,
    many,
    shown,
)
from mlvajra_al.web.api.uploads import FileName, saved
from mlvajra_al.web.context import now, store

router = APIRouter(tags=["projects"])
POLICY = Policy()


class NewLabel(BaseModel):
    """A label with how it is shown; what is left out is filled in."""

    model_config = ConfigDict(extra="forbid")

    name: str
    display: str | None = None
    key: str | None = None
    color: str | None = None
    definition: str = ""


class NewProject(BaseModel):
    """A question to ask of a pool; the pool is imported afterwards."""

    model_config = ConfigDict(extra="forbid")

    name: str
    labels: list[str | NewLabel]
    columns: list[Column] = Field(default=[], description="Inputs of the model, with their kinds")
    text: list[str] = Field(default=[], description="Short for columns of kind text")
    estimator: EstimatorName = "logistic_regression"
    key_column: str | None = Field(default=None, description="Its values name samples")
    group_column: str | None = None
    gold_column: str | None = None
    title_column: str | None = None
    guidelines: str = Field(default="", description="Markdown, shown beside the card")
    seed: int | None = Field(default=None, ge=0, lt=projects.SEEDS)
    overlap: int = POLICY.overlap
    holdout_share: float = POLICY.holdout_share
    holdout_rate: float = POLICY.holdout_rate
    retrain_every: int = POLICY.retrain_every
    strategy: str = Field(default=POLICY.strategy, description="A query strategy, or auto")
    multilabel: bool = Field(default=False, description="A sample may have several labels")

    def columns_of_recipe(self) -> tuple[Column, ...]:
        """Return the inputs, those named twice only once."""
        kind: ColumnKind = "text"
        every = [*self.columns, *(Column(name, kind) for name in self.text)]
        return tuple({column.name: column for column in every}.values())


class PolicyChange(BaseModel):
    """What is to be otherwise in how a project asks and retrains; the rest stays as it is."""

    model_config = ConfigDict(extra="forbid")

    strategy: str | None = Field(default=None, description="A query strategy, or auto")
    overlap: int | None = None
    holdout_rate: float | None = None
    retrain_every: int | None = None
    full_every: int | None = None
    explain_on_card: bool | None = None


@router.get("/projects", response_model=many(ShownProject))
def listed(caller: Caller, archived: bool = False) -> Response:
    """Return the projects, archived ones only on request."""
    return Json([public(item) for item in projects.listed(store(), caller, archived=archived)])


@router.post("/projects", status_code=201, response_model=ShownProject)
def create(caller: Caller, body: NewProject) -> Response:
    """Make a project."""
    draft = projects.draft(
        body.name,
        labels=_labels(body.labels),
        recipe=Recipe(body.columns_of_recipe(), body.estimator),
        now=now(),
        seed=body.seed,
    )
    draft = replace(
        draft,
        policy=replace(
            draft.policy,
            overlap=body.overlap,
            holdout_share=body.holdout_share,
            holdout_rate=body.holdout_rate,
            retrain_every=body.retrain_every,
            strategy=body.strategy,
        ),
        key_column=body.key_column,
        group_column=body.group_column,
        gold_column=body.gold_column,
        title_column=body.title_column,
        guidelines=body.guidelines,
        multilabel=body.multilabel,
    )
    return Json(public(projects.create(store(), caller, draft)), status_code=201)


def _labels(given: list[str | NewLabel]) -> tuple[Label, ...]:
    wanted = [NewLabel(name=item) if isinstance(item, str) else item for item in given]
    made = make_labels([item.name for item in wanted])
    by_name = {item.name.strip(): item for item in wanted}
    return tuple(_overlay(label, by_name[label.name]) for label in made)


def _overlay(label: Label, given: NewLabel) -> Label:
    return replace(
        label,
        display=given.display or label.display,
        key=given.key or label.key,
        color=given.color or label.color,
        definition=given.definition,
    )


@router.get("/projects/{project}", response_model=ShownProject)
def get(project: str, caller: Caller) -> Response:
    """Return one project."""
    return Json(public(projects.get(store(), caller, project)))


@router.patch("/projects/{project}/policy", response_model=ShownProject)
def set_policy(project: str, caller: Caller, body: PolicyChange) -> Response:
    """Change how a project asks and retrains; another strategy ranks what waits at once."""
    changes = body.model_dump(exclude_none=True)
    return Json(
        public(projects.change_policy(store(), caller, project, changes=changes, now=now()))
    )


def public(project: Project) -> dict[str, Any]:
    """Return a project as plain values; nothing that tells who is held out."""
    return shown(project, HIDDEN_OF_PROJECT)


@router.post(
    "/projects/{project}/import", status_code=202, response_model=ShownJob, openapi_extra=FILE
)
async def import_file(
    project: str,
    request: Request,
    caller: Caller,
    name: FileName = "",
    labels_from: Annotated[
        str | None, Query(description="A column of labels that exist already: they become answers")
    ] = None,
) -> Response:
    """Take a CSV, JSON Lines or Parquet file as the body, and queue its import."""
    path = await saved(request, caller, name=name)
    job = await run_in_threadpool(
        importing.start_import,
        store(),
        caller,
        project,
        uri=path,
        labels_from=labels_from,
        now=now(),
    )
    return Json(public_job(job), status_code=202)


@router.get("/projects/{project}/labels", response_class=Response, responses=DOWNLOAD)
def labels(request: Request, project: str, caller: Caller, format: Format = "csv") -> Response:
    """Return the gold labels with their samples, streamed."""
    return _download(request, project, caller, "labels", format)


@router.get("/projects/{project}/history", response_class=Response, responses=DOWNLOAD)
def history(request: Request, project: str, caller: Caller, format: Format = "csv") -> Response:
    """Return everything that was ever said, streamed."""
    return _download(request, project, caller, "history", format)


def _download(
    request: Request, project: str, caller: Person, what: exporting.What, file_format: Format
) -> Response:
    pieces: Iterator[bytes] = iter(())
    if HEAD_ONLY in request.scope:  # nothing leaves, so nothing is written down
        exporting.require_may(caller)
    else:
        pieces = exporting.export(
            store(), caller, project, what=what, file_format=file_format, now=now()
        )
    name = quote(f"{project}-{what}.{file_format}")
    return StreamingResponse(
        pieces,
        media_type=MEDIA_TYPES[file_format],
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )
