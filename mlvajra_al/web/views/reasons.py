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
from mlvajra_al.web.views.names import answer_words, by_name, choose_label, display, in_order
from mlvajra_al.web.widgets import plain
from mlvajra_al.words import rounded

TALL = 380
NEAR = 0.005
"""Log-odds that make up a probability this well stand for it alone; earlier releases called scores
log-odds too."""


def reasons(
    project: Project,
    explanation: SampleExplanation,
    card: dict[str, Any],
    *,
    narrow: bool = False,
    people: str = "",
) -> None:
    """Draw an answer, its probabilities, and the reasons in the form that fits the data.

    `people` is what they say to it, as markdown.
    """
    pixels = next((b["pixels"] for b in card["blocks"] if b["kind"] == "image"), None)
    beside = explanation.words or explanation.image
    if narrow:
        answer_box(project, explanation, people)
        told(project, explanation, pixels)
        waterfall_box(project, explanation)
        return
    grid = st.grid(3, min_column_width=200)
    with grid.cell():
        answer_box(project, explanation, people)
    with grid.cell(column_span=2):
        if beside:
            told(project, explanation, pixels)
        else:
            waterfall_box(project, explanation)
    if beside:
        waterfall_box(project, explanation)


def answer_box(project: Project, explanation: SampleExplanation, people: str) -> None:
    """Draw the answer, what people say to it, and the probability of each label."""
    labels = by_name(project)
    with st.container(border=True):
        st.caption(f"Version {explanation.version} answers")
        st.markdown(f"### {plain(answer_words(project, explanation.label))}")
        if people:
            st.markdown(f":small[{people}]")
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
        chance = explanation.probabilities.get(attribution.label)
        first, detail = added_up(attribution, chance, shown=display(labels, attribution.label))
        st.markdown(plain(first))
        look.show(explanations.waterfall(attribution), key="waterfall", alt="Waterfall of weights")
        st.caption(plain(detail))


def added_up(attribution: Attribution, chance: float | None, *, shown: str) -> tuple[str, str]:
    """Say what reasons add up to: the probability first, then what the numbers at the bars are."""
    legend = f"Solid bars speak for {shown}, striped ones against it."
    base, output = attribution.base, attribution.output
    if attribution.scale == "probability":
        detail = "The numbers are probabilities: from the dotted line, of an average sample, to "
        return f"{_from_to(base, output, shown)} {legend}", f"{detail}the solid one, of this one."
    run = f"from {rounded(base)} (dotted line) to {rounded(output)} (solid line)"
    if chance is None:
        whole = ""
    elif attribution.scale == "log-odds" and abs(_chance_of(output) - chance) < NEAR:
        numbers = f"The numbers are log-odds, in which reasons add up: {run}; 0 stands for a "
        said = _from_to(_chance_of(base), chance, shown)
        return f"{said} {legend}", f"{numbers}probability of 50%."
    else:
        whole = f"Probability of {shown}: {chance:.1%}. "
    if attribution.scale == "one-vs-rest log-odds":
        numbers = f"The numbers are log-odds of {shown} against all other labels: {run}. What they "
        return f"{whole}{legend}", f"{numbers}stand for, divided by its sum, are the probabilities."
    numbers = f"The numbers are scores, in which reasons add up: {run}. The softmax of the scores "
    return f"{whole}{legend}", f"{numbers}of all labels is their probability."


def _from_to(base: float, output: float, shown: str) -> str:
    return f"Probability of {shown}: {output:.1%}; of an average sample it would be {base:.1%}."


def _chance_of(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, log_odds)))


def choose_attribution(project: Project, explanation: SampleExplanation) -> Attribution:
    """Draw the choice of the label to explain, the answer first; of several the likeliest.

    What is chosen lasts while the answer stays: another one is explained itself first.
    """
    found = {item.label: item for item in explanation.attributions}
    if project.multilabel:
        first = likeliest(explanation)
    elif len(found) == 1:
        return towards(explanation.attributions[0], explanation.label)
    else:
        first = explanation.label
    names = in_order(project, found)
    key = f"sample-label:{project.id}:{first}"
    return found[choose_label(by_name(project), names, key=key, first=first)]


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
    with st.grid(2, min_column_width=170):
        for title, sign in ((f"Speaks for {what}", 1), (f"Speaks against {what}", -1)):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                pixel_heat(explanation, pixels, sign=sign)
                st.caption(f"{title}: the deeper the colour, the more.")


def pixel_heat(explanation: SampleExplanation, pixels: Any, *, sign: int) -> None:
    """Draw the pixels that speak for the answer, or those against it, over the image."""
    felt = [[max(0.0, sign * weight) for weight in row] for row in explanation.image]
    largest = max(abs(weight) for row in explanation.image for weight in row) or 1.0
    if not pixels or len(pixels) != len(felt):
        pixels = [[0.0] * len(row) for row in felt]
    look.show(
        explanations.heat_over(pixels, felt, largest=largest, size=200),
        key=f"heat:{sign}",
        alt=f"Weight of each pixel {'for' if sign > 0 else 'against'} the answer",
    )


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
        st.caption(
            f"Shaded words speak for {what}, the deeper, the more; words over a dashed line speak "
            "against it, the thicker, the more."
        )


def _marked(text: str, strength: float) -> str:
    if abs(strength) < 0.02:
        return escape(text)
    felt = math.sqrt(abs(strength))
    look_of = (
        f"background: rgba(128, 128, 140, {0.15 + 0.45 * felt:.2f}); border-radius: 3px"
        if strength > 0
        else f"border-bottom: {1 + 2 * felt:.1f}px dashed currentColor"
    )
    return f'<span style="{look_of}; padding: 0 2px">{escape(text)}</span>'
