"""Why a case waits: what was said about it, who skipped it, what the model would say."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mlvajra_al.records import Annotation, Doubt, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services.reviewing import Case
from mlvajra_al.web import widgets
from mlvajra_al.web.views.agreement import SUREST
from mlvajra_al.web.views.decisions import outcome
from mlvajra_al.web.views.names import answer_words


def what_was_said(project: Project, case: Case) -> None:
    """Draw who said what about a case, and when."""
    st.markdown("**What was said**")
    for event in case.said:
        with st.container(border=True, gap=None):
            st.markdown(f"**{widgets.plain(event.person)}** {_words(project, event)}")
            if event.comment:
                st.markdown(widgets.plain(event.comment))
            late = ", late: it had gone to somebody else" if event.late else ""
            st.caption(widgets.ago(event.created_at) + late)


def skipped_line(people: Sequence[str]) -> None:
    """Say who could not tell what a sample is."""
    names = ", ".join(f"**{widgets.plain(name)}**" for name in people)
    st.info(f"Skipped by {names}. Nobody has answered it.", icon=":material/skip_next:")


def _words(project: Project, event: Annotation) -> str:
    if event.asks_again:
        return f"answered {label_words(project, event.label)}, and asks somebody else"
    if event.adjudicates:
        return "decided: " + widgets.plain(widgets.shorten(outcome(project, event), 60))
    if event.action == "answer":
        return "answered " + label_words(project, event.label)
    return {"flag": "flagged it", "skip": "skipped it"}[event.action]


def label_words(project: Project, label: str | None) -> str:
    """Return a label, or several, in markdown that fits into a sentence."""
    return widgets.plain(widgets.shorten(answer_words(project, label), 60))


def rather(project: Project, doubt: Doubt) -> str:
    """Say what the model would do with the label, or with which of several."""
    sure = f"({min(doubt.probability, SUREST):.0%} sure)"
    if not project.multilabel:
        likely, stands = label_words(project, doubt.likely), label_words(project, doubt.label)
        return f"would say **{likely}** {sure} and not {stands}"
    has, should = (set(project.names_in(label)) for label in (doubt.label, doubt.likely))
    changes = [
        f"{verb} **{label_words(project, to_text(names))}**"
        for verb, names in (("add", should - has), ("leave out", has - should))
        if names
    ]
    return f"would {' and '.join(changes)} {sure}"
