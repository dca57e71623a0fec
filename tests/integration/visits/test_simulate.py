"""The page that simulates: begun in a form, followed while it is played, kept and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlvajra_al import worker
from mlvajra_al.records import Column, Game, Plan, Project, Recipe, Run, Scenario
from mlvajra_al.services import simulating
from mlvajra_al.store import job_leases, runs
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from mlvajra_al.web.upload.upload import Uploaded
from tests.integration.conftest import BOXES
from tests.integration.visits.visiting import Visitor, press, say, words
from tests.workers import work

NEW = {"simulate-tab": ":material/add: New simulation"}
RECIPE = Recipe((Column("width", "numeric"), Column("height", "numeric")))
PLAN = Plan(("margin", "random"), batch_size=5, seeds=1, most=20)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play in this process: others start slowly."""
    monkeypatch.setenv("MLVAJRA_PROCESSES", "1")


def asked(store: Store, admin: Visitor, plan: Plan = PLAN) -> Run:
    scenario = Scenario("file", "boxes.csv", RECIPE, plan, label="kind", uri=BOXES)
    return simulating.request(store, admin.person, "spam", scenario=scenario, now=now())


def test_without_a_run_the_page_says_what_it_is_for(admin: Visitor, project: Project) -> None:
    page = admin.opens("simulate")
    assert "No simulation yet" in words(page)
    assert "Start" not in words(page), "there is no file yet"


def test_a_simulation_is_begun_with_a_file_and_drawn_once_it_is_over(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    taken = {f"uploaded:simulate:{project.id}": Uploaded(BOXES, "boxes.csv")}
    page = admin.opens("simulate", **taken)
    press(page, "Start")
    assert "Name the column that holds the true labels." in words(page)
    [label] = [one for one in page.main.selectbox if one.label == "Column of true labels"]
    label.set_value("kind").run()
    assert "The model sees 2 columns: width, height" in words(page)
    assert "15 games: each strategy once with each seed." in words(page)
    [seeds] = [one for one in page.main.number_input if one.label == "Seeds"]
    seeds.set_value(1).run()
    press(page, "Start")
    [run] = simulating.listed(store, admin.person, "spam")
    assert run.scenario.plan == Plan(seeds=1)
    assert run.scenario.recipe.columns == RECIPE.columns
    assert f"Run {run.id} · boxes.csv" in words(page)
    work(store)
    page.run()
    said = words(page)
    assert "60 samples, 2 labels, by some admin" in said
    assert "labels to 95% (mean of 1 seed)" in said
    assert len(page.get("plotly_chart")) == 1


def test_a_bad_file_is_said_in_a_sentence(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    boxes.write_bytes(b"\x00\x01\x02 no table")
    taken = {f"uploaded:simulate:{project.id}": Uploaded(BOXES, "boxes.csv")}
    page = admin.opens("simulate", **taken)
    [error] = page.error
    assert "boxes.csv" in error.value.replace("\\", "")
    assert "Start" not in words(page)


def test_a_run_that_is_played_shows_how_far_it_is_and_is_cancelled(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    run = asked(store, admin)
    with store.begin() as connection:
        job_leases.claim(connection, worker="w", now=now(), lease=worker.LEASE)
        runs.add_game(connection, run.id, Game("margin", 0, 0.9, (5, 10), (0.5, 0.8), 10, None))
    page = admin.opens("simulate")
    assert "Running" in words(page)
    assert "So far" not in words(page), "random has not played yet"
    press(page, "Cancel")
    assert simulating.get(store, admin.person, "spam", run.id).state == "cancelled"
    assert "Cancelled after 1 of 2 games." in words(admin.opens("simulate"))


def test_what_went_wrong_stands_where_the_curves_would(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    asked(store, admin)
    boxes.unlink()
    work(store)
    [error] = admin.opens("simulate").error
    assert "boxes.csv" in error.value.replace("\\", "")


def test_runs_are_compared_in_one_chart_and_one_table(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    first, second = asked(store, admin), asked(store, admin, Plan(("entropy",), 5, 1, 20))
    work(store)
    page = admin.opens("simulate", **{f"runs:{project.id}": [first.id, second.id]})  # type: ignore[arg-type]
    assert len(page.get("plotly_chart")) == 1
    table = page.dataframe[0].value
    assert list(zip(table["Run"], table["Strategy"], strict=True)) == [
        (first.id, "Margin"), (first.id, "Random"), (second.id, "Entropy"),
    ]  # fmt: skip


def test_the_next_simulation_is_begun_beside_the_results_and_shown_at_once(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    asked(store, admin)
    page = admin.opens("simulate", **NEW, **{f"truth:{project.id}": "answers"})
    press(page, "Start")
    assert not page.exception
    newest, _ = simulating.listed(store, admin.person, "spam")
    assert f"Run {newest.id} · spam" in words(page)
    assert "Waiting" in words(page)


def test_a_run_that_is_gone_is_not_looked_at(
    store: Store, admin: Visitor, project: Project, boxes: Path
) -> None:
    run = asked(store, admin)
    page = admin.opens("simulate", **{f"runs:{project.id}": [run.id + 7]})  # type: ignore[arg-type]
    assert not page.exception


def test_the_answers_so_far_and_a_column_of_the_pool_can_be_chosen(
    store: Store, admin: Visitor, project: Project
) -> None:
    say(store, admin.person, "p0", "ham")
    page = admin.opens("simulate", **{f"truth:{project.id}": "answers"})
    assert "1 answer so far" in words(page)
    press(page, "Start")
    [run] = simulating.listed(store, admin.person, "spam")
    assert (run.scenario.truth, run.scenario.recipe) == ("answers", project.recipe)
    pool = admin.opens("simulate", **NEW, **{f"truth:{project.id}": "pool"})
    [label] = [one for one in pool.main.selectbox if one.label == "Column of true labels"]
    assert label.options == ["id"] or label.value is None
