"""Which case a reviewer has on the screen, and whether it still is what was drawn there."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mlvajra_al.records import Project
from mlvajra_al.services.reviewing import Case

GONE = "The sample before this one was settled meanwhile, by somebody else; you decided nothing."


def case_on_screen(project: Project, found: tuple[Case, ...]) -> Case:
    """Return the case on the screen; one that is settled makes room for the one behind it."""
    waiting = [case.sample_key for case in found]
    known, place = st.session_state.get("case"), _place(project, len(waiting))
    at = waiting.index(known) if known in waiting else place
    if _is_gone(project, waiting):
        st.warning(GONE, icon=":material/update:")
    _steps(waiting, at)
    st.session_state["case"] = waiting[at]
    st.session_state["place"] = (project.id, at)
    return found[at]


def go_to_case(key: str) -> None:
    """Have a case on the screen from the next run on, if it waits then."""
    st.session_state["case"] = key


def note_settled(key: str) -> None:
    """Remember that this person has settled a case, so that nobody else is said to have done it."""
    st.session_state["settled"] = key


def is_as_drawn(project: Project, case: Case) -> bool:
    """Say whether a case is what was on the screen when something was pressed there."""
    here = (project.id, case.sample_key)
    drawn = (case.label, [event.event_id for event in case.said])
    where, what = st.session_state.get("drawn", (here, drawn))
    st.session_state["drawn"] = (here, drawn)
    return bool(where != here or what == drawn)


def _steps(waiting: Sequence[str], at: int) -> None:
    """Draw the ways to the cases before and behind."""
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        for words, icon, to in (("Previous", "left", at - 1), ("Next", "right", at + 1)):
            there = 0 <= to < len(waiting)
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                disabled=not there,
                on_click=go_to_case,
                args=(waiting[to] if there else waiting[at],),
            )


def _is_gone(project: Project, waiting: Sequence[str]) -> bool:
    """Say whether the case that was on the screen is settled, and not by who looks at it."""
    known, of = st.session_state.get("case"), st.session_state.get("place", (None, 0))[0]
    return of == project.id and known not in (st.session_state.get("settled"), *waiting)


def _place(project: Project, waiting: int) -> int:
    """Return where the case stood that was on the screen last; the first once none is behind it."""
    of, at = st.session_state.get("place", (project.id, 0))
    return int(at) if of == project.id and at < waiting else 0
