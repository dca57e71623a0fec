"""A warning where the champion that answers is clearly worse than the newest version."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services.behind import Behind, behind
from mlvajra_al.services.people import may
from mlvajra_al.web.context import store
from mlvajra_al.web.views.champion import promote
from mlvajra_al.web.widgets import plain


def champion_behind(person: Person, project: Project) -> None:
    """Say that a better version waits, with the button that promotes it, or who can."""
    found = behind(store(), person, project.name)
    if found is None:
        return
    number = found.newest.version.number
    words = plain(said_of(found))
    if not may(person, "admin"):
        words = f"{words} An admin can promote version {number}."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(words, icon=":material/warning:")
        if may(person, "admin") and st.button(
            f"Promote version {number}",
            icon=":material/workspace_premium:",
            key=f"promote-better:{number}",
        ):
            promote(project, number)


def said_of(found: Behind) -> str:
    """Say in a sentence which version answers, and how much better the other one is."""
    old, new = found.champion, found.newest
    said = (
        f"Version {old.version.number} still answers, though version {new.version.number} "
        "is clearly better"
    )
    if old.summary is None or new.summary is None:
        return f"{said}."
    before, after = old.summary.headline, new.summary.headline
    if before.value is None or after.value is None:
        return f"{said}."
    return f"{said}: {after.name} {after.value:.3f}, not {before.value:.3f}."
