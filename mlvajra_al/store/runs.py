"""Tracked simulations and their games, one row a game, so that none is played twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from mlvajra_al.errors import NotFound
from mlvajra_al.records import Facts, Game, Run, Scenario
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.schema import game, job, person, run
from mlvajra_al.store.statements import insert_once


def add(
    connection: Connection,
    project_id: int,
    *,
    job_id: int,
    person_id: int | None,
    scenario: Scenario,
    now: datetime,
) -> int:
    """Store a simulation that waits for its job, and return its id."""
    values = {
        "project_id": project_id,
        "job_id": job_id,
        "person_id": person_id,
        "scenario": dump(scenario),
        "created_at": now,
    }
    found = connection.scalar(insert(run).values(values).returning(run.c.id))
    return int(found or 0)


def begin(connection: Connection, run_id: int, facts: Facts) -> None:
    """Store what a simulation found; games that were played on something else are forgotten."""
    before = connection.scalar(select(run.c.facts).where(run.c.id == run_id))
    if before is not None and load(Facts, before).fingerprint != facts.fingerprint:
        connection.execute(delete(game).where(game.c.run_id == run_id))
    connection.execute(update(run).where(run.c.id == run_id).values(facts=dump(facts)))


def add_game(connection: Connection, run_id: int, played: Game) -> None:
    """Store a game; one that is there already stays as it is."""
    values = {"run_id": run_id, "strategy": played.strategy, "seed": played.seed}
    connection.execute(insert_once(connection, game).values(values | {"body": dump(played)}))


def get(connection: Connection, project_id: int, run_id: int) -> Run:
    """Return one simulation of a project.

    Raises
    ------
    NotFound
    """
    row = _one(connection, project_id, run_id)
    return _run(row, games(connection, [run_id])[run_id])


def get_ends(connection: Connection, project_id: int, run_id: int) -> Run:
    """Return one simulation of a project, with the ends of its games as in a list.

    Raises
    ------
    NotFound
    """
    row = _one(connection, project_id, run_id)
    return _run(row, _ends(connection, [run_id])[run_id])


def of_job(connection: Connection, job_id: int) -> Run:
    """Return the simulation that a job plays."""
    row = connection.execute(_select().where(run.c.job_id == job_id)).one()
    return _run(row, games(connection, [row.id])[row.id])


def listed(connection: Connection, project_id: int, *, limit: int) -> tuple[Run, ...]:
    """Return a project's simulations, newest first; of their games no more than the ends."""
    query = _select().where(run.c.project_id == project_id).order_by(run.c.id.desc()).limit(limit)
    rows = connection.execute(query).all()
    played = _ends(connection, [row.id for row in rows])
    return tuple(_run(row, played[row.id]) for row in rows)


def games(connection: Connection, run_ids: Collection[int]) -> dict[int, list[Game]]:
    """Return the games of simulations, by strategy and seed."""
    query = select(game.c.run_id, game.c.body).where(game.c.run_id.in_(run_ids))
    found: dict[int, list[Game]] = defaultdict(list)
    for row in connection.execute(query.order_by(game.c.run_id, game.c.strategy, game.c.seed)):
        found[row.run_id].append(load(Game, row.body))
    return found


def _ends(connection: Connection, run_ids: Collection[int]) -> dict[int, list[Game]]:
    """Return the games of simulations without their curves, which may be thousands of points."""
    said = game.c.body
    if connection.dialect.name == "postgresql":
        last = said["labels"][-1].as_integer()
    else:
        last = func.json_extract(said, "$.labels[#-1]")
    query = select(
        game.c.run_id,
        game.c.strategy,
        game.c.seed,
        said["full_f1"].as_float().label("full_f1"),
        last.label("last"),
        said["labels_to_95"].as_integer().label("to_95"),
        said["labels_to_98"].as_integer().label("to_98"),
    ).where(game.c.run_id.in_(run_ids))
    found: dict[int, list[Game]] = defaultdict(list)
    for row in connection.execute(query):
        ends = Game(row.strategy, row.seed, row.full_f1, (row.last,), (), row.to_95, row.to_98)
        found[row.run_id].append(ends)
    return found


def _one(connection: Connection, project_id: int, run_id: int) -> Row[Any]:
    query = _select().where(run.c.project_id == project_id, run.c.id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("simulation", run_id)
    return row


def _select() -> Select[Any]:
    told = (job.c.state, job.c.message, job.c.error, job.c.started_at, job.c.finished_at)
    return (
        select(run, *told, person.c.name.label("person"))
        .join(job, job.c.id == run.c.job_id)
        .outerjoin(person, person.c.id == run.c.person_id)
    )


def _run(row: Row[Any], played: list[Game]) -> Run:
    scenario = load(Scenario, row.scenario)
    place = {name: number for number, name in enumerate(scenario.plan.strategies)}
    return Run(
        id=row.id,
        project_id=row.project_id,
        job_id=row.job_id,
        person=row.person,
        scenario=scenario,
        facts=None if row.facts is None else load(Facts, row.facts),
        games=tuple(sorted(played, key=lambda one: (place[one.strategy], one.seed))),
        state=row.state,
        message=row.error or row.message,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
