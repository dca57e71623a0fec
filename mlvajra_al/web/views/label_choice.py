"""A label to choose, or several to tick, for one sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from mlvajra_al.records import Label, Project
from mlvajra_al.web.keys.keys import cap
from mlvajra_al.web.widgets import plain

NAMED = 2
"""So many people are named beside a label; of the others there is the number."""


def label_buttons(project: Project, *, key: str) -> str | None:
    """Draw a button for each label, with the card's colour and key; return the one pressed."""
    st.html(_look(project.labels, "button"))
    with st.container(horizontal=True, key="give"):
        for label in project.labels:
            if st.button(
                plain(label.display),
                key=f"{key}_{label.name}",
                help=plain(label.definition) or None,
            ):
                return label.name
    return None


def label_boxes(
    project: Project, given: Collection[str], *, by: Mapping[str, Sequence[str]], key: str
) -> list[str]:
    """Draw the labels to tick, like the card's, each with who gave it; return what is ticked."""
    st.html(_look(project.labels, "label"))
    with st.container(horizontal=True, key="give"):
        return [
            label.name
            for label in project.labels
            if st.checkbox(
                plain(label.display) + _givers(by.get(label.name, ())),
                label.name in given,
                help=plain(label.definition) or None,
                key=f"{key}_{label.name}",
            )
        ]


def label_keys(project: Project) -> dict[str, str]:
    """Return what the keys of the labels press, drawn by one of those above."""
    what = "label" if project.multilabel else "button"
    return {
        label.key: f".st-key-give > :nth-child({place}) {what}"
        for place, label in enumerate(project.labels, start=1)
    }


def label_choice(project: Project, given: Collection[str], *, key: str) -> list[str]:
    """Draw the label set, with what is given already ticked, and return what is ticked now."""
    with st.container(horizontal=True, gap="medium"):
        return [
            label.name
            for label in project.labels
            if st.checkbox(
                plain(label.display),
                label.name in given,
                help=plain(label.definition) or None,
                key=f"{key}_{label.name}",
            )
        ]


def _givers(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return f" :gray[· {plain(', '.join(names[:NAMED]))}{plain(more)}]"


def _look(labels: Sequence[Label], what: str) -> str:
    rules = []
    for place, label in enumerate(labels, start=1):
        at = f".st-key-give > :nth-child({place}) {what}"
        rules.append(f"{at} {{--c: {label.color}}}")
        rules.append(cap(at, label.key.upper(), side="before", color=label.color))
    return f"<style>{''.join(rules)}</style>"
