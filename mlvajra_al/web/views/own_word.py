"""One thing a person said about a sample, to be read again, changed or taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import answers
from mlvajra_al.web import widgets
from mlvajra_al.web.card.card import sample_card
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.thumbnails import thumbnails
from mlvajra_al.web.views.label_choice import label_choice
from mlvajra_al.web.views.names import answer_words

OPENED = "opened_word"
DONE = "changed_word"
ASKED = "asked_of_word"


def own_word(
    project: Project,
    person: Person,
    said: answers.Said,
    *,
    about: tuple[str, ...] = (),
) -> None:
    """Draw the sample's beginning, what is to be said `about` it, and both ways to correct it.

    All of the sample is drawn below, once it is opened.
    """
    event = said.annotation
    opened = st.session_state.get(OPENED) == event.event_id
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            if said.images:
                st.html(thumbnails(said.images), width="content")
            with st.container(gap=None):
                _beginning(said)
                words = (widgets.ago(event.created_at), *about)
                st.caption(widgets.plain(" · ".join(filter(None, words))))
            with st.container(width=420, horizontal=True, vertical_alignment="center"):
                (_several if project.multilabel else _one)(project, said)
                key = f"back_{event.event_id}"
                st.button("Take back", key=key, on_click=_ask, args=(said, None))
                st.button(
                    "Close" if opened else "Open",
                    key=f"open_{event.event_id}",
                    type="tertiary",
                    icon=":material/unfold_less:" if opened else ":material/unfold_more:",
                    help=None if opened else "Read all of the sample",
                    on_click=partial(_open, None if opened else event.event_id),
                )
        if opened:
            card = answers.card(store(), person, project.name, event)
            sample_card(card, key=f"said_{event.event_id}")


def carry_out(
    person: Person,
    project: Project,
    *,
    back: Callable[[Person, Project, answers.Said], None],
) -> None:
    """Do what was asked of one of the words as they were drawn last, before they are drawn anew.

    Another tab may have said something else meanwhile, and then the sentence says so.
    """
    said, label = st.session_state.pop(ASKED, (None, None))
    if said is None or said.annotation.project_id != project.id:
        return
    if label is None:
        back(person, project, said)
    elif label != said.annotation.label:
        change(person, project, said, label)


def last_change(project: Project, otherwise: str) -> None:
    """Say in one line what was changed last, or what is to be said otherwise."""
    about, words = st.session_state.get(DONE, (project.id, otherwise))
    st.caption(widgets.plain(words if about == project.id else otherwise))


def change(person: Person, project: Project, said: answers.Said, label: str | None) -> None:
    """Replace what was said by a label, or take it back where that is None."""
    done = widgets.act(
        "",
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
        about = f": {widgets.shorten(said.beginning, 60)}" if said.beginning else ""
        what = "Taken back" if label is None else f"Changed to {answer_words(project, label)}"
        st.session_state[DONE] = (project.id, what + about)
        st.rerun()


def _ask(said: answers.Said, label: str | None) -> None:
    st.session_state[ASKED] = said, label


def _ask_chosen(said: answers.Said, key: str) -> None:
    if st.session_state[key] is not None:
        _ask(said, st.session_state[key])


def _open(event_id: str | None) -> None:
    st.session_state[OPENED] = event_id


def _beginning(said: answers.Said) -> None:
    """Draw how a sample begins, and the place in it that was searched for."""
    if said.beginning or not said.images:
        st.markdown(widgets.plain(said.beginning) or "*(empty)*")
    if said.passage is not None:
        before, hit, after = said.passage
        gaps = " " if before.endswith(" ") else "", " " if after.startswith(" ") else ""
        shown = f":orange-background[{widgets.plain(hit)}]"
        st.caption(widgets.plain(before) + gaps[0] + shown + gaps[1] + widgets.plain(after))


def _one(project: Project, said: answers.Said) -> None:
    """Draw the label that was given, to be changed."""
    event, key = said.annotation, f"change_{said.annotation.event_id}"
    names = {label.name: label.display for label in project.labels}
    st.selectbox(
        "Label",
        list(names),
        index=list(names).index(event.label) if event.label in names else None,
        format_func=lambda name: names[name],
        placeholder="Give it a label",
        label_visibility="collapsed",
        key=key,
        on_change=_ask_chosen,
        args=(said, key),
    )


def _several(project: Project, said: answers.Said) -> None:
    """Draw the labels that were given, to be changed at once: one after another would be lost."""
    event = said.annotation
    before = None if event.label is None else project.names_in(event.label)
    words = answer_words(project, event.label) or "Give it labels"
    with st.popover(widgets.plain(widgets.shorten(words, 30)), width="stretch"):
        given = label_choice(project, before or (), key=f"change_{event.event_id}")
        key = f"save_{event.event_id}"
        st.button("Save", type="primary", key=key, on_click=_ask, args=(said, to_text(given)))
