"""What stands in the way of trusting what a page shows."""

from __future__ import annotations

import re
from contextlib import suppress

import streamlit as st

from mlvajra_al.errors import Damaged
from mlvajra_al.records import Person, Project
from mlvajra_al.services import damage, versions
from mlvajra_al.web.context import store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.widgets import plain

DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")
"""Files are named by their SHA-256; its beginning tells them apart."""


def damaged(person: Person, project: Project) -> None:
    """Say which stored files of a project are damaged, and what answers in their place."""
    found = [plain(briefly(item.what)) for item in damage.listed(store(), person, project.name)]
    if len(found) > 1:
        found = [f"**{len(found)} stored files are damaged.**\n", *(f"- {what}" for what in found)]
    if found:
        st.warning("\n".join(found), icon=":material/healing:")


def hardly_a_holdout(person: Person, project: Project) -> None:
    """Say that next to nothing is held out, where samples that are the same are the reason."""
    with suppress(Damaged):  # of which `damaged` tells
        scarcity = versions.held_out(store(), person, project.name).scarcity
        if scarcity is not None:
            st.warning(plain(sentence(scarcity)), icon=":material/content_copy:")


def briefly(what: str) -> str:
    """Return a sentence with the beginnings of the checksums in it.

    >>> briefly("artefacts/0a/" + "0a" * 32 + " is missing")
    'artefacts/0a/0a0a0a0a… is missing'
    """
    return DIGEST.sub(r"\1…", what)
