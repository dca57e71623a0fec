"""A label to choose, or several to tick, for one sample."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from mlvajra_al.records import Project
from mlvajra_al.web.widgets import plain

TAKEN = frozenset("cr")
"""Keys that Streamlit has for itself."""
GIVE = """
.st-key-give button {
  border-color: color-mix(in srgb, var(--c) 45%, transparent);
  background: color-mix(in srgb, var(--c) 10%, transparent);
}
.st-key-give button:hover { background: color-mix(in srgb, var(--c) 22%, transparent); }
.st-key-give button::before {
  content: ""; flex: none; width: .65rem; height: .65rem; border-radius: 50%; background: var(--c);
  margin-right: .5rem;
}
"""


def label_buttons(project: Project, *, key: str) -> str | None:
    """Draw a button for each label, with the card's colour and key; return the one pressed."""
    st.html(_look(project))
    with st.container(horizontal=True, key="give"):
        for label in project.labels:
            if st.button(
                plain(label.display),
                key=f"{key}_{label.name}",
                help=plain(label.definition) or None,
                shortcut=None if label.key in TAKEN else label.key,
            ):
                return label.name
    return None


def _look(project: Project) -> str:
    rules = (
        f".st-key-give > :nth-child({place}) button {{--c: {label.color}}}"
        for place, label in enumerate(project.labels, start=1)
    )
    return f"<style>{GIVE}{''.join(rules)}</style>"


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
