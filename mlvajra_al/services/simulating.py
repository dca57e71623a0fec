"""What labelling would have cost: strategies play against known labels, tracked as a run.

This is how a strategy is chosen before anybody is asked for a label.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mlvajra_al.errors import Conflict, Invalid, QueueFull
from mlvajra_al.records import Person, Plan, Project, Run, Scenario
from mlvajra_al.services import access
from mlvajra_al.services.overview import OF_SEVERAL, STRATEGIES, require_strategy
from mlvajra_al.services.people import require
from mlvajra_al.services.projects import check_column_names, check_recipe
from mlvajra_al.store import audit, jobs, runs, uploads
from mlvajra_al.store.database import Connection, Store

MOST_SEEDS, MOST_BATCH, MOST_LABELS = 50, 1_000, 20_000
MOST_WAITING = 5
SOON = 60
"""In so many seconds there may be room for one more."""
MOST_LISTED = 200


def usual(*, multilabel: bool) -> tuple[str, ...]:
    """Return the strategies that are compared unless told otherwise.

    Examples
    --------
    >>> usual(multilabel=True)
    ('auto', 'binary_doubt', 'random')
    """
    return ("auto", "binary_doubt" if multilabel else "margin", "random")


def check(plan: Plan, *, multilabel: bool = False) -> None:
    """Refuse a plan that cannot be played.

    Raises
    ------
    Invalid
    """
    strategies = OF_SEVERAL if multilabel else STRATEGIES
    for name in plan.strategies:
        require_strategy(name, strategies)
    if not plan.strategies:
        raise Invalid("there is nothing to play; name at least one strategy")
    if len(set(plan.strategies)) < len(plan.strategies):
        raise Invalid("a strategy is named twice; name each once")
    for what, value, most in (
        ("batch", plan.batch_size, MOST_BATCH),
        ("seeds", plan.seeds, MOST_SEEDS),
        ("most", plan.most, MOST_LABELS),
    ):
        if not 1 <= value <= most:
            raise Invalid(f"{what} is {value} but must be 1 to {most:,}")


def request(
    store: Store, person: Person, project_name: str, *, scenario: Scenario, now: datetime
) -> Run:
    """Queue a simulation and return the run that tracks it.

    Parameters
    ----------
    scenario : Scenario
        Of a file, `uri` is the id its upload was answered with. How many labels a sample has
        is as in the project.

    Raises
    ------
    Invalid
        If it cannot be played.
    NotFound
        If the uploaded file is gone.
    QueueFull
        If too many wait already.
    """
    require(person, "admin", "simulate")
    if scenario.truth == "file":
        path = uploads.named(store.home, scenario.uri or "")
        scenario = replace(scenario, uri=str(path), name=path.name)
    return queue(store, person, project_name, scenario=scenario, now=now)


def queue(
    store: Store, person: Person, project_name: str, *, scenario: Scenario, now: datetime
) -> Run:
    """Queue a simulation of which `uri` is any place, for who may read all files of this machine.

    Raises
    ------
    Invalid
        If it cannot be played.
    QueueFull
        If too many wait already.
    """
    require(person, "admin", "simulate")

    def operation(connection: Connection) -> Run:
        project = access.open_project(connection, person, project_name)
        played = replace(scenario, multilabel=project.multilabel)
        check(played.plan, multilabel=played.multilabel)
        _check_truth(played)
        _leave_room(connection, project)
        job_id = jobs.enqueue(
            connection,
            project.id,
            "simulate",
            payload={"uri": played.uri},
            now=now,
            person_id=person.id,
        )
        if job_id is None:
            raise Conflict("the simulation could not be queued; try again")
        run_id = runs.add(
            connection, project.id, job_id=job_id, person_id=person.id, scenario=played, now=now
        )
        audit.add(
            connection,
            "simulation asked for",
            now=now,
            person_id=person.id,
            project_id=project.id,
            detail=f"run {run_id}: {', '.join(played.plan.strategies)} on {played.name}",
        )
        return runs.get(connection, project.id, run_id)

    return store.write(operation)


def _check_truth(scenario: Scenario) -> None:
    check_column_names((scenario.label, *(column.name for column in scenario.recipe.columns)))
    asked = scenario.truth != "answers"
    if asked and not scenario.label:
        raise Invalid("name the column that holds the true labels")
    check_recipe(scenario.recipe, answers=scenario.label if asked else None)


def _leave_room(connection: Connection, project: Project) -> None:
    waiting = jobs.counted(connection, [project.id], kinds=("simulate",))["queued"]
    if waiting >= MOST_WAITING:
        raise QueueFull(
            "simulations", project.name, waiting=waiting, most=MOST_WAITING, seconds=SOON
        )


def listed(store: Store, person: Person, project_name: str, *, limit: int = 50) -> tuple[Run, ...]:
    """Return a project's simulations, newest first; of their games no more than the ends."""
    require(person, "reviewer", "see simulations")
    if not 1 <= limit <= MOST_LISTED:
        raise Invalid(f"asked for {limit} simulations at once; ask for 1 to {MOST_LISTED}")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return runs.listed(connection, project.id, limit=limit)


def get(store: Store, person: Person, project_name: str, run_id: int) -> Run:
    """Return one simulation with the games played so far.

    Raises
    ------
    NotFound
    """
    require(person, "reviewer", "see simulations")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return runs.get(connection, project.id, run_id)


def glance(store: Store, person: Person, project_name: str, run_id: int) -> Run:
    """Return one simulation with no more than the ends of its games, to look how far it is.

    Raises
    ------
    NotFound
    """
    require(person, "reviewer", "see simulations")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return runs.get_ends(connection, project.id, run_id)
