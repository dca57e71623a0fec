"""Simulations: begin one, list them, read what came of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from mlvajra_al.records import (
    Column,
    ColumnKind,
    EstimatorName,
    Facts,
    JobState,
    Plan,
    Recipe,
    Run,
    Scenario,
    Truth,
)
from mlvajra_al.records.notations import Notation
from mlvajra_al.services import projects, simulating, standings
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.models import Strict
from mlvajra_al.web.api.shapes import many
from mlvajra_al.web.context import now, store

router = APIRouter(tags=["simulations"])
USUAL = Plan()


class ShownColumn(Strict):
    """A column the model sees, what it holds, and how its numbers or dates are written."""

    name: str
    kind: ColumnKind
    written: Notation = "plain"


class NewSimulation(Strict):
    """What to play; without columns and estimator those of the project's recipe.

    `truth` says where the true labels are: in the column `label` of an uploaded file (`upload` is
    the id the upload was answered with), in the column `label` of the pool, or in the answers.
    """

    truth: Truth = "file"
    upload: str | None = None
    label: str | None = None
    columns: list[ShownColumn] | None = None
    estimator: EstimatorName | None = None
    strategies: list[str] | None = Field(
        None, description="What plays; the usual ones if not given: auto, margin and random, or "
        "auto, binary_doubt and random where a sample may have several labels.",
    )  # fmt: skip
    batch: int = USUAL.batch_size
    seeds: int = USUAL.seeds
    most: int = USUAL.most


class RunLine(BaseModel):
    """A simulation: what it is of, how far it is, what it advises."""

    id: int
    job_id: int
    name: str
    state: JobState
    message: str
    person: str | None
    created_at: datetime
    finished_at: datetime | None
    plan: Plan
    games: int
    advice: str | None


class RunWhole(RunLine):
    """A simulation with every game, and what it was played with."""

    truth: Truth
    label: str | None
    recipe: Recipe
    facts: Facts | None
    result: dict[str, Any]


def line(run: Run) -> dict[str, Any]:
    """Return a simulation as plain values, without its games."""
    return {
        "id": run.id,
        "job_id": run.job_id,
        "name": run.scenario.name,
        "state": run.state,
        "message": run.message,
        "person": run.person,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "plan": run.scenario.plan,
        "games": len(run.games),
        "advice": standings.advice(run.games, guess=standings.guess_of(run)) if run.games else None,
    }


def whole(run: Run) -> dict[str, Any]:
    """Return a simulation as plain values."""
    return line(run) | {
        "truth": run.scenario.truth,
        "label": run.scenario.label,
        "recipe": run.scenario.recipe,
        "facts": run.facts,
        "result": standings.document(run.games, guess=standings.guess_of(run)),
    }


@router.post("/projects/{project}/simulations", status_code=202, response_model=RunWhole)
def begin(project: str, caller: Caller, body: NewSimulation) -> Response:
    """Queue a simulation; ask for it again to see how far it is."""
    found = projects.get(store(), caller, project)
    columns = found.recipe.columns
    if body.columns is not None:
        columns = tuple(Column(c.name, c.kind, c.written) for c in body.columns)
    strategies = body.strategies
    if strategies is None:
        strategies = list(simulating.usual(multilabel=found.multilabel))
    scenario = Scenario(
        truth=body.truth,
        name=project,
        recipe=Recipe(columns, body.estimator or found.recipe.estimator),
        plan=Plan(tuple(strategies), body.batch, body.seeds, body.most),
        label=body.label,
        uri=body.upload,
    )
    run = simulating.request(store(), caller, project, scenario=scenario, now=now())
    return Json(whole(run), status_code=202)


@router.get("/projects/{project}/simulations", response_model=many(RunLine))
def listed(
    project: str,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=simulating.MOST_LISTED)] = 50,
) -> Response:
    """Return a project's simulations, newest first."""
    return Json([line(run) for run in simulating.listed(store(), caller, project, limit=limit)])


@router.get("/projects/{project}/simulations/{run_id}", response_model=RunWhole)
def get(project: str, run_id: int, caller: Caller) -> Response:
    """Return a simulation with the games played so far."""
    return Json(whole(simulating.get(store(), caller, project, run_id)))
