"""Let strategies play against known labels, before anybody is asked for one."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import ACTIVE, Person, Project, Run
from mlvajra_al.services import simulating
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.context import store
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.scenario_form import scenario_form
from mlvajra_al.web.views.simulation import (
    all_runs,
    figures,
    follow_run,
    made_of,
    name_of,
    outcome,
)
from mlvajra_al.web.widgets import current_project, empty

person = require_role("admin")
project = current_project(person)

SHOWN, LISTED = 4, 30
RESULTS, NEW = ":material/show_chart: Results", ":material/add: New simulation"


def chosen(runs: tuple[Run, ...], project: Project) -> list[Run]:
    """Draw the choice of runs to look at, the newest unless told otherwise."""
    found = {run.id: run for run in runs}
    key = f"runs:{project.id}"
    if "next_run" in st.session_state:
        st.session_state[key] = [st.session_state.pop("next_run")]
    st.session_state.setdefault(key, [runs[0].id])
    st.session_state[key] = [run_id for run_id in st.session_state[key] if run_id in found]
    picked = st.multiselect(
        "Look at",
        list(found),
        format_func=lambda run_id: name_of(found[run_id]),
        max_selections=SHOWN,
        key=key,
        help="Several are drawn into one chart.",
    )
    return [found[run_id] for run_id in picked]


def look_at(person: Person, project: Project, chosen: list[Run]) -> None:
    """Draw what came of some runs."""
    runs = [simulating.get(store(), person, project.name, run.id) for run in chosen]
    active = [run for run in runs if run.state in ACTIVE]
    if len(runs) == 1 and active:
        follow_run(project.name, runs[0])
        return
    for run in runs:
        outcome(run)
    if played := [run for run in runs if run.games]:
        figures(played)
    for run in runs:
        made_of(run)


def new_run(person: Person, project: Project) -> None:
    """Draw the form, and go to the run it begins."""
    begun = scenario_form(person, project)
    if begun is not None:
        st.session_state["next_run"] = begun.id
        st.rerun()


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    heading("Simulate", project)
    st.caption(
        "How many labels would each way to ask have needed? Strategies play against labels that "
        "are known already, from zero on."
    )
    runs = simulating.listed(store(), person, project.name, limit=LISTED)
    if not runs:
        empty(
            "No simulation yet",
            "Bring a file whose labels are known, like last year's. What comes of it is kept here.",
            icon=":material/casino:",
        )
        new_run(person, project)
        return
    if "next_run" in st.session_state:
        st.session_state["simulate-tab"] = RESULTS
    results, new = st.tabs([RESULTS, NEW], on_change="rerun", key="simulate-tab")
    if results.open:
        with results:
            look_at(person, project, chosen(runs, project))
            all_runs(runs)
    if new.open:
        with new:
            new_run(person, project)


draw(person, project)
