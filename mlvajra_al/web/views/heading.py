"""Where one is: the page's name as its one top heading, and beside it the project."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mlvajra_al.records import Project
from mlvajra_al.web.widgets import plain

SLIM = """<style>
.stMainBlockContainer {padding-top: 4rem; padding-bottom: 2rem}
.stMainBlockContainer:has(.st-key-annotate_view) > * {max-width: 81rem}
.st-key-slim h1 {font-size: 1.15rem; padding: 0.25rem 0}
.st-key-slim button {min-height: 2rem; padding-top: 0; padding-bottom: 0}
@media (max-width: 48rem) {
  .st-key-slim {gap: 0.5rem; flex-wrap: nowrap}
  .st-key-slim > :nth-child(2) {min-width: 0; flex-shrink: 1}
  .st-key-slim > :nth-child(2) p {
    max-width: 4.5rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  }
  .st-key-slim .stPopover p {
    position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%);
  }
}
</style>"""


def heading(page: str, project: Project | None = None) -> None:
    """Draw the name of a page, and of the project it is about."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.title(page, anchor=False, width="content")
        if project is not None:
            st.markdown(f":gray[{plain(project.name)}]", width="content")


def figure(words: str) -> None:
    """Draw a number large, without making a heading of it."""
    st.html(f'<div class="mlv-figure">{escape(words)}</div>')


def slim_heading(page: str, project: Project) -> DeltaGenerator:
    """Draw the same in one low row, and return the row: what is below needs the screen."""
    st.html(SLIM)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="slim")
    row.title(page, anchor=False, width="content")
    row.markdown(f":gray[{plain(project.name)}]", width="content")
    return row
