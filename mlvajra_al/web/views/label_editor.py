"""The label set, to look at and to edit."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from mlvajra_al.records import Label, Person, Project
from mlvajra_al.services import projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.label_rows import to_labels
from mlvajra_al.web.widgets import act, flash


def labels_view(person: Person, project: Project) -> None:
    """Draw the label set to edit."""
    st.html(
        '<div style="display: flex; flex-wrap: wrap; gap: 8px">'
        + "".join(_chip(label) for label in project.labels)
        + "</div>"
    )
    edited = st.data_editor(
        pd.DataFrame(
            [
                {
                    "Stored as": label.name,
                    "Shown as": label.display,
                    "Key": label.key,
                    "Colour": label.color,
                    "Definition": label.definition,
                }
                for label in project.labels
            ],
            dtype="string",
        ),
        num_rows="dynamic",
        hide_index=True,
        key=f"labels:{project.id}:{hash(project.labels)}",
        column_config={
            "Stored as": st.column_config.TextColumn(required=True, max_chars=200),
            "Key": st.column_config.TextColumn(max_chars=1, width="small"),
            "Colour": st.column_config.TextColumn(
                validate="^#[0-9a-fA-F]{6}$", width="small", help="Like #2563eb"
            ),
            "Definition": st.column_config.TextColumn(width="large", max_chars=2_000),
        },
        alt="The label set",
    )
    st.caption(
        "Add a row for a new label; key and colour fill themselves in. What answers are stored "
        "as stays: rename a label by what it is shown as. A label without answers can be removed."
    )
    if st.button("Save the labels", type="primary") and act(
        "",
        lambda: projects.set_labels(
            store(), person, project.name, labels=to_labels(edited.to_dict("records")), now=now()
        ),
    ):
        flash("The label set is saved; open cards show it after a reload.")


def _chip(label: Label) -> str:
    return (
        f'<span style="border: 1px solid {escape(label.color)}; border-left-width: 8px; '
        f'border-radius: 6px; padding: 2px 10px; overflow-wrap: anywhere">'
        f"<b>{escape(label.key)}</b>&nbsp; {escape(label.display)}</span>"
    )
