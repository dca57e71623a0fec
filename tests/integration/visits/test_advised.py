"""What is asked next and when to stop: said where people look, in the engine's own words."""

from __future__ import annotations

import pytest

from mlvajra_al.records import Advice, Forecast, Measure, Project, Stability
from mlvajra_al.store import advice, jobs
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import a_pool, a_project, a_report, a_version
from tests.integration.visits.visiting import Visitor, words, work

STOP = (
    "Labels 300 to 350 would probably raise F1 (spam) by 0.004 ± 0.003: a good moment to stop. "
    "The model expects F1 (spam) 0.941."
)


def advised(store: Store, project: Project) -> None:
    """Store a version, and the advice that was given with it."""
    version = a_version(store, project, labels=300)
    a_report(store, project, value=0.94)
    given = Advice(
        version=version.number,
        n_labels=300,
        action="stop",
        words=STOP,
        stability=Stability(earlier=3, kappa=0.995, differing=0.002, samples=1_000),
        mean_kappa=0.993,
        estimated=Measure("expected F1 (spam)", 0.941, 0.921, 0.958, 2_000),
        forecast=Forecast(
            metric="F1 (spam)", labels=50, gain=0.004, margin=0.003, least=0.001,
            ahead=(310.0, 350.0), middle=(0.942, 0.945), low=(0.941, 0.942), high=(0.943, 0.948),
        ),
        missing="",
    )  # fmt: skip
    with store.begin() as connection:
        advice.add(connection, project.id, given, now=now())


@pytest.mark.parametrize("page", ["home", "train"])
def test_a_good_moment_to_stop_is_said_as_an_estimate(
    store: Store, admin: Visitor, project: Project, page: str
) -> None:
    advised(store, project)
    said = words(admin.opens(page))
    assert STOP in said and "An estimate, made with version 1." in said


def test_train_shows_what_the_advice_rests_on(
    store: Store, admin: Visitor, project: Project
) -> None:
    advised(store, project)
    said = words(admin.opens("train"))
    for sign in ("**0.993**", "**0.941**", "0.921 to 0.958", "**+0.004 ± 0.003**"):
        assert sign in said


def test_before_the_first_version_train_says_how_the_first_samples_were_chosen(
    store: Store, admin: Visitor
) -> None:
    made = a_project(store)
    a_pool(store, made, 60)
    with store.begin() as connection:
        jobs.enqueue(connection, made.id, "prepare", payload={}, now=now())
    work(store)
    said = words(admin.opens("train", project="spam"))
    assert "\nCold start: there is no model yet" in said
