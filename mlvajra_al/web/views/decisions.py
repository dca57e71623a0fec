"""What a reviewer decided last: to undo at once, and to change later."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Annotation, Person, Project
from mlvajra_al.services import answers, reviewing
from mlvajra_al.services.answers import Said, Wanted
from mlvajra_al.web import widgets
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.keys import keys
from mlvajra_al.web.views.cases import go_to_case
from mlvajra_al.web.views.names import answer_words
from mlvajra_al.web.views.own_word import carry_out, last_change, own_word

LAST = 5
UNDONE = "undone"
OUTCOMES = {"skip": "somebody else is asked", "flag": "left as it is"}


def last_decisions(person: Person, project: Project) -> tuple[Said, ...]:
    """Do what was asked of one of the last decisions, and return these, newest first."""
    carry_out(person, project, back=_undo)
    wanted = Wanted(decisions=True)
    return answers.mine(store(), person, project.name, wanted=wanted, limit=LAST).said


def just_decided(person: Person, project: Project, decisions: tuple[Said, ...]) -> None:
    """Say what was decided in this visit, and offer to undo it."""
    if st.session_state.pop(UNDONE, False):
        st.caption("Taken back, to be decided anew", width="content")
    known = st.session_state.get("decided")
    said = next((one for one in decisions if one.annotation.event_id == known), None)
    if said is None:
        return
    words = widgets.shorten(outcome(project, said.annotation), 40)
    st.caption(f"Decided: {widgets.plain(words)}", width="content")
    with st.container(width="content", key="undo"):
        undone = st.button("Undo", icon=":material/undo:", key=f"undo_{known}")
    if undone:
        _undo(person, project, said)


def decisions_box(person: Person, project: Project, decisions: tuple[Said, ...]) -> None:
    """Draw the last decisions, each with the means to change it."""
    if not decisions:
        return
    with st.expander("Your last decisions", icon=":material/history:"):
        last_change(project, f"The last {LAST}, newest first")
        for said in decisions:
            words = (outcome(project, said.annotation), said.annotation.comment)
            own_word(project, person, said, about=words)


def outcome(project: Project, event: Annotation) -> str:
    """Say what a decision was."""
    if event.asks_again:
        return f"{OUTCOMES['skip']}, {answer_words(project, event.label)} stays"
    return OUTCOMES.get(event.action) or answer_words(project, event.label)


def _undo(person: Person, project: Project, said: Said) -> None:
    """Take a decision back, and go to its sample, which waits again."""
    done = widgets.act(
        "",
        lambda: reviewing.undo(
            store(), person, project.name, decision=said.annotation, at=(now(), lease())
        ),
    )
    if done:
        go_to_case(said.annotation.sample_key)
        st.session_state[UNDONE] = True
        st.rerun()
    keys.refused()
