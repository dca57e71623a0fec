"""One thing a person said about a sample, to be changed or taken back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from mlvajra_al.records import Annotation, Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import answers
from mlvajra_al.web import widgets
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.views.label_choice import label_choice
from mlvajra_al.web.views.names import answer_words


def own_word(
    project: Project,
    person: Person,
    said: answers.Said,
    *,
    about: tuple[str, ...] = (),
    back: Callable[[Person, Project, answers.Said], None],
) -> None:
    """Draw the sample's beginning, what is to be said `about` it, and both ways to correct it."""
    event = said.annotation
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(widgets.plain(said.beginning) or "*(empty)*")
            words = (widgets.ago(event.created_at), *about)
            st.caption(widgets.plain(" · ".join(filter(None, words))))
        with st.container(width=320, horizontal=True, vertical_alignment="center"):
            chosen = (_several if project.multilabel else _one)(project, event)
            taken_back = st.button("Take back", key=f"back_{event.event_id}")
    if taken_back:
        back(person, project, said)
    elif chosen is not None and chosen != event.label:
        change(person, project, said, chosen)


def change(person: Person, project: Project, said: answers.Said, label: str | None) -> None:
    """Replace what was said by a label, or take it back where that is None."""
    done = widgets.act(
        "Taken back." if label is None else "Changed.",
        lambda: answers.change(
            store(),
            person,
            project.name,
            before=said.annotation,
            label=label,
            at=(now(), lease()),
        ),
    )
    if done:
        st.rerun()


def _one(project: Project, event: Annotation) -> str | None:
    """Draw the label that was given, to be changed."""
    names = {label.name: label.display for label in project.labels}
    return st.selectbox(
        "Label",
        list(names),
        index=list(names).index(event.label) if event.label in names else None,
        format_func=lambda name: names[name],
        placeholder="Give it a label",
        label_visibility="collapsed",
        key=f"change_{event.event_id}",
    )


def _several(project: Project, event: Annotation) -> str | None:
    """Draw the labels that were given, to be changed at once: one after another would be lost."""
    before = None if event.label is None else project.names_in(event.label)
    words = answer_words(project, event.label) or "Give it labels"
    with st.popover(widgets.plain(widgets.shorten(words, 30)), width="stretch"):
        given = label_choice(project, before or (), key=f"change_{event.event_id}")
        if st.button("Save", type="primary", key=f"save_{event.event_id}"):
            return to_text(given)
    return None
