"""The guidelines: to read beside the samples, and to write."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import act, flash, follow, plain, side_by_side, without_images

CHANGED = (
    "Somebody else has changed the guidelines meanwhile, so yours are not saved yet. Below is what "
    "is stored now: save once more to replace it with yours."
)


def guidelines(project: Project) -> None:
    """Draw what the admin wrote, and what the labels mean."""
    defined = [label for label in project.labels if label.definition]
    if not project.guidelines and not defined:
        return
    with st.popover("Guidelines", icon=":material/menu_book:"):
        st.markdown(without_images(project.guidelines))
        for label in defined:
            st.markdown(f"**{plain(label.display)}**: {plain(label.definition)}")


def guidelines_editor(person: Person, project: Project) -> None:
    """Draw the guidelines to edit, and how annotators see them."""
    key = f"guidelines:{project.id}"
    changed = follow(key, project.guidelines)
    left, right = side_by_side(2, at_least=300)
    with left:
        st.caption("In markdown")
        text = st.text_area(
            "Guidelines",
            project.guidelines,
            height=420,
            label_visibility="collapsed",
            key=key,
            placeholder="What each label means, with examples and the hard cases.",
        )
        saves = st.button("Save the guidelines", type="primary")
        if changed:
            st.warning(CHANGED, icon=":material/update:")
            st.code(project.guidelines, language="markdown", wrap_lines=True)
        elif saves and act(
            "",
            lambda: projects.set_guidelines(store(), person, project.name, text=text, now=now()),
        ):
            flash("The guidelines are saved.")
    with right:
        st.caption("As annotators see them")
        with st.container(border=True, height=420):
            st.markdown(without_images(text) or ":gray[Nothing yet.]")
