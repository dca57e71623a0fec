"""Labels by what they are shown as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import streamlit as st

from mlvajra_al.records import Label, Project
from mlvajra_al.web.widgets import plain

FEW_LABELS, FEW_LETTERS = 6, 80
"""More of either are a list: side by side they would break into lines."""
Labels = dict[str, Label]


def choose_label(labels: Labels, names: Sequence[str], *, key: str, first: str) -> str:
    """Draw the choice of one of the labels an explanation has."""
    if len(names) == 1:
        return names[0]
    start = first if first in names else names[0]
    letters = sum(len(display(labels, name)) for name in names)
    if len(names) > FEW_LABELS or letters > FEW_LETTERS:
        return st.selectbox(
            "Label",
            names,
            index=names.index(start),
            format_func=lambda name: display(labels, name),
            key=key,
        )
    return st.segmented_control(
        "Label",
        names,
        format_func=lambda name: plain(display(labels, name)),
        default=start,
        required=True,
        key=key,
    )


def display(labels: Labels, name: str) -> str:
    """Return what a label is shown as."""
    return labels[name].display if name in labels else name


def in_order(project: Project, names: Iterable[str]) -> list[str]:
    """Return labels in the order of the project's, those that are gone last."""
    places = {label.name: place for place, label in enumerate(project.labels)}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def answer_words(project: Project, answer: str | None) -> str:
    """Return what an answer is shown as: a label, several, or that none of them fits.

    What has no label, a skip for example, has no words.
    """
    if answer is None:
        return ""
    labels = by_name(project)
    shown = [display(labels, name) for name in project.names_in(answer)]
    return ", ".join(shown) or "none of these"


def by_name(project: Project) -> Labels:
    """Return the labels of a project by what they are stored as."""
    return {label.name: label for label in project.labels}


def told_apart(texts: dict[str, str]) -> dict[str, str]:
    """Add their keys to samples that begin alike: a choice knows its entries by what it shows.

    Examples
    --------
    >>> told_apart({"d1": "7: (image)", "d2": "7: (image)", "d3": "1: (image)"})
    {'d1': '7: (image) · d1', 'd2': '7: (image) · d2', 'd3': '1: (image)'}
    """
    times = Counter(texts.values())
    return {key: f"{text} · {key}" if times[text] > 1 else text for key, text in texts.items()}
