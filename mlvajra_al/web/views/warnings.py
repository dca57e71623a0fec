"""What stands in the way of trusting what a page shows."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import damage
from mlvajra_al.web.context import store
from mlvajra_al.web.widgets import plain


def damaged(person: Person, project: Project) -> None:
    """Say which stored files of a project are damaged, and what answers in their place."""
    for found in damage.listed(store(), person, project.name):
        st.warning(plain(found.what), icon=":material/healing:")
