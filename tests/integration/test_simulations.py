"""Simulations as jobs: kept game by game, cancelled at once, taken over, making room."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlvajra_al import worker
from mlvajra_al.cli.supervisor import STOP_SECONDS
from mlvajra_al.errors import Invalid, NotAllowed, NotFound, QueueFull
from mlvajra_al.records import (
    Column,
    Game,
    JobKind,
    JobState,
    Person,
    Plan,
    Project,
    Recipe,
    Role,
    Run,
    Scenario,
)
from mlvajra_al.services import importing, labelling, simulating, standings, training
from mlvajra_al.services.jobs import playing
from mlvajra_al.services.jobs import simulating as simulating_job
from mlvajra_al.services.jobs.telling import Later, Tell
from mlvajra_al.store import job_leases, jobs, projects, runs, turns, uploads
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_pool, a_project, an_answer, rank
from tests.forks import Forks
from tests.integration.conftest import BOXES
from tests.workers import after_the_lease, url_of, wait_until, work

RECIPE = Recipe((Column("width", "numeric"), Column("height", "numeric")))
PLAN = Plan(("margin", "random"), batch_size=5, seeds=2, most=20)
FILE = Scenario("file", "boxes.csv", RECIPE, PLAN, label="kind", uri=BOXES)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play in this process: others start slowly."""
    monkeypatch.setenv("MLVAJRA_PROCESSES", "1")


@pytest.fixture
def admin(store: Store) -> Person:
    return a_person(store, "Root", role="admin")


@pytest.fixture
def project(store: Store) -> Project:
    return a_project(store)


def asked(store: Store, admin: Person, scenario: Scenario = FILE) -> Run:
    return simulating.request(store, admin, "spam", scenario=scenario, now=worker.utc_now())


def played(store: Store, admin: Person, scenario: Scenario = FILE) -> Run:
    run = asked(store, admin, scenario)
    work(store)
    return simulating.get(store, admin, "spam", run.id)


def test_a_simulation_is_kept_with_all_its_games_and_what_it_was_made_of(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    run = played(store, admin)
    assert (run.state, run.person, run.scenario.name) == ("done", "Root", "boxes.csv")
    assert [(game.strategy, game.seed) for game in run.games] == [
        ("margin", 0), ("margin", 1), ("random", 0), ("random", 1),
    ]  # fmt: skip
    assert run.facts is not None
    assert run.facts.labels == (("flat", 30), ("tall", 30))
    assert run.facts.samples == run.facts.drawn_from == 60
    assert "scikit-learn" in run.facts.libraries
    [job] = training.jobs_of(store, None, "spam", kinds=("simulate",))
    assert job.result is not None
    assert (job.result["run"], job.result["games"], job.result["note"]) == (run.id, 4, "")
    ends = replace(
        run, games=tuple(replace(game, labels=game.labels[-1:], f1=()) for game in run.games)
    )
    assert simulating.listed(store, admin, "spam") == (ends,)
    assert simulating.glance(store, admin, "spam", run.id) == ends
    assert standings.advice(ends.games) == standings.advice(run.games)


KILLED = """
import os, signal
from pathlib import Path
from mlvajra_al import worker
from mlvajra_al.services.jobs import playing
from mlvajra_al.store.database import Store

url, home = arguments
os.environ["MLVAJRA_PROCESSES"] = "1"
one_game, games = playing.one_game, []

def the_third_kills(oracle, plan, game, **more):
    games.append(game)
    if len(games) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return one_game(oracle, plan, game, **more)

playing.one_game = the_third_kills
worker.run_once(Store.open(url, Path(home)), "to be killed")
"""


def test_games_of_a_killed_worker_are_kept_and_not_played_again(
    store: Store,
    admin: Person,
    project: Project,
    boxes: Path,
    forks: Forks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = asked(store, admin)
    assert forks.run(KILLED, url_of(store), store.home) == -signal.SIGKILL
    kept = simulating.get(store, admin, "spam", run.id)
    assert (kept.state, len(kept.games)) == ("running", 2)

    begun: list[tuple[str, int]] = []
    one_game = playing.one_game

    def noted(oracle: Any, plan: Plan, game: tuple[str, int], **more: Any) -> Game:
        begun.append(game)
        return one_game(oracle, plan, game, **more)

    monkeypatch.setattr(playing, "one_game", noted)
    done = worker.run_once(store, "w", clock=after_the_lease)
    assert done is not None
    assert (done.state, done.attempts) == ("done", 2)
    assert begun == [("margin", 1), ("random", 1)]
    assert len(simulating.get(store, admin, "spam", run.id).games) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_has_simulated_ends_soon_and_leaves_nothing_behind(
    store: Store, admin: Person, project: Project, boxes: Path, told: signal.Signals
) -> None:
    run = asked(store, admin)
    env = {"MLVAJRA_HOME": str(store.home), "MLVAJRA_DATABASE_URL": url_of(store)}
    with subprocess.Popen(
        [sys.executable, "-m", "mlvajra_al.worker"],
        env=os.environ | env | {"MLVAJRA_PROCESSES": "2"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(lambda: simulating.get(store, admin, "spam", run.id).state == "done")
            process.send_signal(told)
            process.wait(timeout=STOP_SECONDS)
        finally:
            process.kill()
            # All that inherited the pipe, the trackers of resources too, have ended by then.
            said = process.communicate()[1]
    assert process.returncode == (0 if told == signal.SIGTERM else -signal.SIGKILL)
    assert "leaked" not in said, said


def test_games_played_on_something_else_do_not_count(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    run = played(store, admin)
    assert run.facts is not None
    with store.begin() as connection:
        runs.begin(connection, run.id, run.facts)
        assert len(runs.get(connection, project.id, run.id).games) == 4
        runs.begin(connection, run.id, replace(run.facts, fingerprint="other"))
        assert runs.get(connection, project.id, run.id).games == ()


def test_a_cancelled_simulation_stops_and_keeps_what_was_played(
    store: Store, admin: Person, project: Project, boxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asked(store, admin)
    add_game = runs.add_game

    def cancelled_after_the_first(*args: Any) -> None:
        add_game(*args)
        jobs.finish(args[0], run.job_id, state="cancelled", now=worker.utc_now())

    monkeypatch.setattr(runs, "add_game", cancelled_after_the_first)
    assert worker.run_once(store, "w") is not None
    ended = simulating.get(store, admin, "spam", run.id)
    assert (ended.state, len(ended.games)) == ("cancelled", 1)


def test_a_simulation_makes_room_for_a_retrain_and_goes_on_later(
    store: Store, admin: Person, project: Project, boxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulating_job, "LOOK_S", 0.0)
    run = asked(store, admin)
    now = worker.utc_now()
    with store.begin() as connection:
        claimed = job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
        early = now - timedelta(seconds=9)
        jobs.enqueue(connection, project.id, "retrain", payload={}, now=early)
    assert claimed is not None
    tell = Tell(store, claimed, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Later):
        simulating_job.simulate(store, claimed, tell)
    with store.begin() as connection:
        job_leases.give_back(connection, run.job_id, worker="w", now=now)
    kinds = [done.kind for _ in range(2) if (done := worker.run_once(store, "w"))]
    assert kinds == ["retrain", "simulate"]
    assert simulating.get(store, admin, "spam", run.id).state == "done"


@pytest.mark.parametrize(
    ("kind", "age_s", "state", "held"),
    [
        ("retrain", 9, "queued", True),
        ("ingest", 9, "queued", True),
        ("retrain", 1, "queued", False),
        ("retrain", 9, "running", False),
        ("simulate", 9, "queued", False),
    ],
)
def test_who_waits_for_the_worker_of_a_simulation(
    store: Store, admin: Person, project: Project, boxes: Path, kind: JobKind, age_s: int,
    state: JobState, held: bool,
) -> None:  # fmt: skip
    run = asked(store, admin)
    now = worker.utc_now()
    with store.begin() as connection:
        job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
        begun = now - timedelta(seconds=age_s)
        jobs.enqueue(connection, project.id, kind, payload={}, now=begun)
        if state == "running":
            job_leases.claim(connection, worker="v", now=now, lease=worker.LEASE)
        assert turns.held_up(connection, run.job_id, now=now) is held


def test_what_must_wait_for_another_job_of_its_project_holds_nobody_up(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    run = asked(store, admin)
    now = worker.utc_now()
    early = now - timedelta(seconds=9)
    with store.begin() as connection:
        job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
        jobs.enqueue(connection, project.id, "retrain", payload={}, now=early)
        job_leases.claim(connection, worker="v", now=now, lease=worker.LEASE)
        jobs.enqueue(connection, project.id, "retrain", payload={}, now=early)
        assert not turns.held_up(connection, run.job_id, now=now)


def test_the_answers_people_gave_can_be_the_truth(store: Store, admin: Person) -> None:
    made = a_project(store)
    keys = rank(store, made, 40)
    for number, key in enumerate(keys[:30]):
        answer = an_answer(key, "spam" if number % 3 else "ham")
        labelling.record(store, admin, "spam", answers=[answer], now=NOW, lease=LEASE)
    run = played(store, admin, Scenario("answers", "spam", made.recipe, PLAN))
    assert run.facts is not None
    assert (run.state, run.facts.labels) == ("done", (("ham", 10), ("spam", 20)))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "spam: what people answered holds no labels; choose one with two labels or more"),
        (["ham"] * 3, "spam: what people answered holds only 'ham'"),
        (["ham", "spam"], "spam: what people answered labels 2 samples; at least 20 are needed"),
    ],
)
def test_too_little_truth_ends_the_job_with_a_sentence(
    store: Store, admin: Person, answers: list[str], said: str
) -> None:
    made = a_project(store)
    keys = rank(store, made, 5)
    for key, label in zip(keys, answers, strict=False):
        given = [an_answer(key, label)]
        labelling.record(store, admin, "spam", answers=given, now=NOW, lease=LEASE)
    run = played(store, admin, Scenario("answers", "spam", made.recipe, PLAN))
    assert run.state == "failed"
    assert run.message.startswith(said)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("id", "spam: the column 'id' holds 30 different labels of 30 samples; choose one that"),
        ("truth", "spam: there is no column 'truth'; choose from id, body"),
    ],
)
def test_a_column_of_the_pool_that_is_no_truth_is_named(
    store: Store, admin: Person, label: str, said: str
) -> None:
    made = a_project(store)
    a_pool(store, made, 30)
    run = played(store, admin, Scenario("pool", "spam", made.recipe, PLAN, label=label))
    assert run.state == "failed"
    assert run.message.startswith(said)


def test_a_column_of_the_pool_can_be_the_truth(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    recipe = replace(RECIPE, columns=(*RECIPE.columns, Column("kind", "ignored")))
    with store.begin() as connection:
        projects.set_recipe(connection, project.id, recipe)
    importing.start_import(store, admin, "spam", uri=boxes, now=worker.utc_now())
    assert worker.run_once(store, "w") is not None
    run = played(store, admin, Scenario("pool", "spam", RECIPE, PLAN, label="kind"))
    assert run.facts is not None
    assert run.facts.labels == (("flat", 30), ("tall", 13)), "copies are in the pool once"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (replace(FILE, label=None), "name the column that holds the true labels"),
        (replace(FILE, label="width"), "'width' holds the answers, so it cannot be an input"),
        (replace(FILE, recipe=Recipe(())), "the model needs at least one input column"),
        (replace(FILE, plan=Plan(("best",))), "there is no query strategy 'best'"),
        (replace(FILE, recipe=replace(RECIPE, estimator="tree")), "there is no estimator 'tree'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_played_is_refused_before_it_waits(
    store: Store, admin: Person, project: Project, boxes: Path, broken: Scenario, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        asked(store, admin, broken)
    assert simulating.listed(store, admin, "spam") == ()


@pytest.mark.parametrize("uri", ["", "../../etc/passwd", "0" * 32 + "/../x", "1" * 32 + "/no.csv"])
def test_only_an_upload_can_be_played(
    store: Store, admin: Person, project: Project, boxes: Path, uri: str
) -> None:
    with pytest.raises(NotFound):
        asked(store, admin, replace(FILE, uri=uri))


def test_a_file_that_lacks_a_column_says_which_it_has(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    run = played(store, admin, replace(FILE, label="sort"))
    assert run.message == "boxes.csv: there is no column 'sort'; choose from width, height, kind"
    assert run.state == "failed"


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_simulations_are_begun_by_admins_and_seen_by_reviewers(
    store: Store, admin: Person, project: Project, boxes: Path, role: Role
) -> None:
    run, other = asked(store, admin), a_person(store, "Eve", role=role)
    with pytest.raises(NotAllowed):
        asked(store, other)
    if role == "reviewer":
        assert simulating.get(store, other, "spam", run.id) == run
        return
    with pytest.raises(NotAllowed):
        simulating.listed(store, other, "spam")
    with pytest.raises(NotAllowed):
        simulating.get(store, other, "spam", run.id)


def test_only_so_many_wait(store: Store, admin: Person, project: Project, boxes: Path) -> None:
    for _ in range(simulating.MOST_WAITING):
        asked(store, admin)
    with pytest.raises(QueueFull, match="5 simulations of 'spam' wait already"):
        asked(store, admin)


@pytest.mark.parametrize("limit", [0, 201])
def test_a_list_has_a_length(store: Store, admin: Person, project: Project, limit: int) -> None:
    with pytest.raises(Invalid, match=f"asked for {limit} simulations at once; ask for 1 to 200"):
        simulating.listed(store, admin, "spam", limit=limit)


def swept(store: Store, now: datetime) -> int:
    with store.read() as connection:
        return uploads.sweep(connection, store.home, now=now)


def test_an_upload_that_a_simulation_waits_for_is_not_swept_away(
    store: Store, admin: Person, project: Project, boxes: Path
) -> None:
    asked(store, admin)
    later = worker.utc_now() + timedelta(days=3)
    assert swept(store, later) == 0
    assert worker.run_once(store, "w") is not None
    assert swept(store, later) == 1
