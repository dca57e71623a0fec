"""Why a version answers as it does for one sample, in the form that fits the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from mlvajra_al.records import Attribution, Project, SampleExplanation
from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.views.names import answer_words, by_name, choose_label, display
from mlvajra_al.web.widgets import plain

TALL = 380


def reasons(
    project: Project, explanation: SampleExplanation, card: dict[str, Any], *, narrow: bool = False
) -> None:
    """Draw an answer, its probabilities, and the reasons in the form that fits the data."""
    pixels = next((b["pixels"] for b in card["blocks"] if b["kind"] == "image"), None)
    beside = explanation.words or explanation.image
    if narrow:
        answer_box(project, explanation)
        told(project, explanation, pixels)
        waterfall_box(project, explanation)
        return
    grid = st.grid(3, min_column_width=200)
    with grid.cell():
        answer_box(project, explanation)
    with grid.cell(column_span=2):
        if beside:
            told(project, explanation, pixels)
        else:
            waterfall_box(project, explanation)
    if beside:
        waterfall_box(project, explanation)


def answer_box(project: Project, explanation: SampleExplanation) -> None:
    """Draw the answer and the probability of each label."""
    labels = by_name(project)
    with st.container(border=True):
        st.caption(f"Version {explanation.version} answers")
        st.markdown(f"### {plain(answer_words(project, explanation.label))}")
        look.show(
            explanations.probabilities(explanation.probabilities, labels),
            key="probabilities",
            alt="Probability of each label",
        )


def waterfall_box(project: Project, explanation: SampleExplanation) -> None:
    """Draw how the features add up to the answer."""
    labels = by_name(project)
    with st.container(border=True):
        attribution = choose_attribution(project, explanation)
        st.markdown(f"**What speaks for and against {plain(display(labels, attribution.label))}**")
        look.show(explanations.waterfall(attribution), key="waterfall", alt="Waterfall of weights")
        st.caption(
            f"From the base, {attribution.base:.3g}, to this sample, {attribution.output:.3g} "
            f"({attribution.scale}). Red raises it, blue lowers it."
        )


def choose_attribution(project: Project, explanation: SampleExplanation) -> Attribution:
    """Draw the choice of the label to explain, the answer first; of several the likeliest."""
    found = {item.label: item for item in explanation.attributions}
    if project.multilabel:
        first = likeliest(explanation)
    elif len(found) == 1:
        return towards(explanation.attributions[0], explanation.label)
    else:
        first = explanation.label
    return found[choose_label(by_name(project), list(found), key="sample-label", first=first)]


def likeliest(explanation: SampleExplanation) -> str:
    """Return the label of the highest probability: the one that weights are for."""
    return max(explanation.probabilities, key=explanation.probabilities.__getitem__)


def towards(attribution: Attribution, label: str) -> Attribution:
    """Turn the attribution of one of two labels into that of `label`."""
    if attribution.label == label:
        return attribution
    total = 1.0 if attribution.scale == "probability" else 0.0
    return replace(
        attribution,
        label=label,
        base=total - attribution.base,
        output=total - attribution.output,
        values=tuple(-value for value in attribution.values),
        other=-attribution.other,
    )


def told(project: Project, explanation: SampleExplanation, pixels: Any) -> None:
    """Draw the sample itself with its weights: marked words, coloured pixels."""
    what = "the answer"
    if project.multilabel:
        what = f"**{plain(display(by_name(project), likeliest(explanation)))}**"
    if explanation.words:
        highlighted(explanation.words, what)
    if not explanation.image:
        return
    with st.container(border=True, horizontal_alignment="center"):
        same = pixels and len(pixels) == len(explanation.image)
        plain_heat = [[abs(weight) for weight in row] for row in explanation.image]
        figure = (
            explanations.heat_over(pixels, explanation.image, size=220)
            if same
            else explanations.heat_map(plain_heat, size=220)
        )
        look.show(figure, key="heat", alt="Weight of each pixel")
        st.caption(f"Red speaks for {what}, blue against it.")


def highlighted(words: Sequence[tuple[str, float]], what: str) -> None:
    """Draw a text with its words marked by weight for `what`; every piece is escaped."""
    largest = max((abs(weight) for _, weight in words), default=0.0) or 1.0
    with st.container(border=True):
        st.html(
            f'<div style="max-height: {TALL}px; overflow: auto; white-space: pre-wrap; '
            'overflow-wrap: anywhere; line-height: 1.6">'
            + "".join(_marked(text, weight / largest) for text, weight in words)
            + "</div>"
        )
        st.caption(f"Red words speak for {what}, blue ones against it; the stronger, the deeper.")


def _marked(text: str, strength: float) -> str:
    if abs(strength) < 0.02:
        return escape(text)
    color = "229, 72, 77" if strength > 0 else "59, 130, 246"
    alpha = 0.12 + 0.5 * math.sqrt(abs(strength))
    return (
        f'<span style="background: rgba({color}, {alpha:.2f}); border-radius: 3px; '
        f'padding: 0 2px">{escape(text)}</span>'
    )
