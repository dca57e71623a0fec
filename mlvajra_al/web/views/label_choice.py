"""Several labels to tick, for one sample."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from mlvajra_al.records import Project
from mlvajra_al.web.widgets import plain


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
