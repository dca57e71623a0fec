"""What is asked next and when to stop: said where people look, in the engine's own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlvajra_al.records import Advice, Forecast, Measure, Project, Rest, Role, Stability
from mlvajra_al.store import advice, jobs
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import a_pool, a_project, a_report, a_version
from tests.integration.visits.visiting import Visitor, words
from tests.workers import work

STOP = (
    "Labels 300 to 350 would probably raise F1 (spam) by 0.004 ± 0.003: a good moment to stop. "
    "The model expects F1 (spam) 0.941."
)


def advised(store: Store, project: Project, *, rest: Rest | None = None) -> None:
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
        estimated=Measure("estimated F1 (spam)", 0.941, 0.921, 0.958, 2_000),
        forecast=Forecast(
            metric="F1 (spam)", labels=50, gain=0.004, margin=0.003, least=0.001,
            ahead=(310.0, 350.0), middle=(0.942, 0.945), low=(0.941, 0.942), high=(0.943, 0.948),
        ),
        missing="",
        rest=rest,
        mean_rest=rest and 0.04,
    )  # fmt: skip
    with store.begin() as connection:
        advice.add(connection, project.id, given, now=now())


@pytest.mark.parametrize("page", ["home", "train"])
def test_a_good_moment_to_stop_is_said_as_an_estimate(
    store: Store, admin: Visitor, project: Project, page: str
) -> None:
    advised(store, project)
    said = words(admin.opens(page))
    assert STOP in said and "An estimate, made with version 1" in said


def test_home_says_what_f1_is_estimated_with_its_band(
    store: Store, admin: Visitor, project: Project
) -> None:
    advised(store, project)
    said = words(admin.opens("home"))
    assert "version 1: F1 (spam) is probably **0.941** (0.921 to 0.958)." in said


@pytest.mark.parametrize(("role", "sees"), [("annotator", False), ("reviewer", True)])
def test_home_says_what_is_asked_next_and_why_but_not_to_who_answers(
    store: Store,
    visitor: Callable[..., Visitor],
    project: Project,
    role: Role,
    sees: bool,
) -> None:
    a_version(store, project, asks="Rare label: 1 of 31 labels so far is 'spam'.")
    said = words(visitor(role).opens("home"))
    assert ("**Asks next.** Rare label: 1 of 31 labels so far is 'spam'." in said) == sees


def test_train_says_what_all_that_is_left_would_bring_where_labels_are_several(
    store: Store, admin: Visitor, project: Project
) -> None:
    advised(store, project, rest=Rest(since=140, samples=560, today=0.8, share=0.03))
    said = words(admin.opens("train"))
    assert "All 560 samples left" in said and "**+0.032**" in said
    assert "(4.0% of it, mean of the last three steps), judged by the rise since 140" in said


def test_train_shows_what_the_advice_rests_on(
    store: Store, admin: Visitor, project: Project
) -> None:
    advised(store, project)
    said = words(admin.opens("train"))
    for sign in ("**0.993**", "**0.941**", "0.921 to 0.958", "**+0.004 ± 0.003**"):
        assert sign in said


def test_of_many_jobs_the_newest_are_said_to_be_so(
    store: Store, admin: Visitor, project: Project
) -> None:
    assert "The newest" not in words(admin.opens("train"))
    with store.begin() as connection:
        for _ in range(100):
            jobs.enqueue(connection, project.id, "explain", payload={}, now=now())
    assert "The newest 100; " in words(admin.opens("train"))


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
