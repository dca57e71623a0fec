"""The label set, to look at and to edit."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.label_rows import to_labels
from mlvajra_al.web.widgets import act, flash, plain, stored_before

SHORT = 16
"""So many letters of a name leave room for others beside it."""
CHANGED = (
    "Somebody else has changed the labels meanwhile, so yours were not saved. Above is what is "
    "stored now: change that."
)


def labels_view(person: Person, project: Project) -> None:
    """Draw the label set to edit."""
    colors = _colors(project)
    rows = _rows(project)
    st.caption(
        "A click on a colour changes it. Add a row for a new label; key and colour fill themselves "
        "in. What answers are stored as stays: rename a label by what it is shown as. A label "
        "without answers can be removed."
    )
    saves = st.button("Save the labels", type="primary")
    shown = stored_before(f"labels:{project.id}", project.labels)
    if saves and shown != project.labels:
        st.warning(CHANGED, icon=":material/update:")
    elif saves and act(
        "",
        lambda: projects.set_labels(
            store(), person, project.name, labels=to_labels(rows, colors), now=now()
        ),
    ):
        flash("The label set is saved; open cards show it after a reload.")


def _rows(project: Project) -> list[dict[str, Any]]:
    """Draw the labels as a table to edit, and return what stands there."""
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
            "Colour": None,
            "Definition": st.column_config.TextColumn(width="large", max_chars=2_000),
        },
        alt="The label set",
    )
    return list(edited.to_dict("records"))


def _colors(project: Project) -> dict[str, str]:
    """Draw the colours to pick from, side by side, and return them by label.

    Below long names they stand in columns: each as wide as its name, no two would be in line.
    """
    long = any(len(label.display) > SHORT for label in project.labels)
    with st.grid(4, min_column_width=150) if long else st.container(horizontal=True, gap="medium"):
        return {
            label.name: st.color_picker(
                plain(label.display),
                label.color,
                key=f"color:{project.id}:{hash(project.labels)}:{label.name}",
            )
            for label in project.labels
        }
