"""The labelling card as a Streamlit component: plain JavaScript that talks to /api/v1 itself.

The script sends the label set once; samples, answers and counters never pass through it, so
that a key press costs no script run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from mlvajra_al.records import Person, Project

FOLDER = Path(__file__).parent
SCRIPTS = (
    "outbox.js", "paint.js", "rail.js", "card.js", "buffer.js", "undo.js", "arrange.js",
    "relabel.js",
)  # fmt: skip
"""One module for the browser, in parts that a person can read."""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "mlvajra_card",
        html='<div class="mlvajra-card"></div>',
        css=(FOLDER / "card.css").read_text(),
        js="\n".join((FOLDER / name).read_text() for name in SCRIPTS),
    )


def labelling_card(project: Project, person: Person) -> None:
    """Draw the card on which a person answers what the project asks."""
    labels = [
        {
            "name": label.name,
            "display": label.display,
            "key": label.key,
            "color": label.color,
            "definition": label.definition,
        }
        for label in project.labels
    ]
    data = {
        "project": project.name,
        "person": person.name,
        "labels": labels,
        "multilabel": project.multilabel,
        "admin": person.role == "admin",
    }
    _component()(key=f"card-{project.name}", data=data)


def sample_card(card: dict[str, Any], *, key: str) -> None:
    """Draw one sample to read, without buttons."""
    _component()(key=key, data={"show": card})
