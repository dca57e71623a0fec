"""The way to measure every version on the same answers, those of today."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import measuring
from mlvajra_al.web.context import now, store
from mlvajra_al.web.watching import await_job, watched
from mlvajra_al.web.widgets import act, plural


def measure_all(person: Person, project: Project) -> None:
    """Draw the button that has all versions measured anew, where some lack answers."""
    behind = len(measuring.outdated(store(), person, project.name))
    if not behind:
        return
    if st.button(
        "Measure all again",
        icon=":material/refresh:",
        key=_place(project),
        help=f"{plural(behind, 'version was', 'versions were')} measured before all of today's "
        "holdout answers were given. On the same answers they can be compared.",
    ):
        act(
            "Measuring",
            lambda: await_job(
                _place(project), measuring.request_all(store(), person, project.name, now=now())
            ),
        )


def measuring_all(project: Project) -> None:
    """Draw the job the button started, while it runs; its error once it failed."""
    watched(_place(project), done="All are measured")


def _place(project: Project) -> str:
    return f"evaluate:{project.id}:all"
