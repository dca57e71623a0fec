"""Which case a reviewer has on the screen, and whether it still is what was drawn there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Person, Project
from mlvajra_al.services import reserving
from mlvajra_al.services.reserving import Opened
from mlvajra_al.services.reviewing import Case
from mlvajra_al.web.auth import live
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import plain

LOADED = 50
"""So many cases are read at once; whoever steps to the last of them gets as many more."""
RENEWED_S = 30
AWAY = timedelta(minutes=15)
"""Who has done nothing on the page for so long has no case open any more."""
GONE = "The sample before this one was settled meanwhile, by somebody else; you decided nothing."


def reach_of(project: Project) -> int:
    """Return how many cases to read: those before the one on the screen, and some behind it."""
    of, at = st.session_state.get("place", (project.id, 0))
    return LOADED * (1 + (int(at) + 2) // LOADED) if of == project.id else LOADED


def case_on_screen(
    project: Project, person: Person, found: tuple[Case, ...], *, total: int
) -> Case:
    """Return the case on the screen, which is reserved for who looks at it.

    One that is settled makes room for the one behind it, of those that nobody else has open. Of a
    `total` those `found` are the first.
    """
    waiting = [case.sample_key for case in found]
    known, place = _known(), _place(project, len(waiting))
    if _is_gone(project, waiting):
        st.warning(GONE, icon=":material/update:")
    wanted = [known] if known in waiting else waiting[place:] + waiting[:place]
    at = waiting.index(_opened(project, person, wanted))
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        _steps(waiting, at)
        st.caption(f"{at + 1:,} of {total:,}", width="content")
        _beside(project, waiting[at])  # here: no button moves when it comes or goes
    st.session_state["case"] = st.query_params["case"] = waiting[at]
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


def _opened(project: Project, person: Person, wanted: Sequence[str]) -> str:
    """Return the case to show, and reserve it in place of the one before."""
    of, before = st.session_state.get("reserved", (None, None))
    key = _reserve(project, person, wanted, leaving=before if of == project.id else None).sample_key
    st.session_state["reserved"], st.session_state["at_work"] = (project.id, key), now()
    return key


def _reserve(
    project: Project, person: Person, wanted: Sequence[str], *, leaving: str | None = None
) -> Opened:
    """Reserve one of the cases; where nothing can be written now, that holds up nobody."""
    try:
        return reserving.open_case(
            store(), person, project.name, wanted=wanted, now=now(), leaving=leaving
        )
    except MlvajraError:
        return Opened(wanted[0], None)


@live("reviewer", every=RENEWED_S)
def _beside(person: Person, project: Project, key: str) -> None:
    """Keep the case reserved while the page is open, and say who else has it open."""
    if now() - st.session_state["at_work"] > AWAY:
        return
    also_open = _reserve(project, person, [key]).also_open
    if also_open is not None:
        st.markdown(
            f":material/group: **{plain(also_open)}** has this open too. Whoever decides first "
            "settles it.",
            width="content",
        )


def _steps(waiting: Sequence[str], at: int) -> None:
    """Draw the ways to the cases before and behind."""
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


def _known() -> str | None:
    """Return the case that was on the screen; after a reload the one that the address names."""
    known: str | None = st.session_state.get("case", st.query_params.get("case"))
    return known


def _place(project: Project, waiting: int) -> int:
    """Return where the case stood that was on the screen last; the first once none is behind it."""
    of, at = st.session_state.get("place", (project.id, 0))
    return int(at) if of == project.id and at < waiting else 0
