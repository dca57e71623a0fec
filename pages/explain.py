"""Why a version decides as it does: as a whole, for a sample, for what somebody types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import (
    Attribution,
    GlobalExplanation,
    Label,
    Person,
    Project,
    SampleExplanation,
)
from mlvajra_al.services import overview, predicting, versions
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.row_form import typed
from mlvajra_al.web.watching import OVER, await_job, awaited, follow, forget_job, job_words
from mlvajra_al.web.widgets import (
    act,
    current_project,
    empty,
    errors_shown,
    plain,
    side_by_side,
)

person = require_role("admin")
project = current_project(person)

SHOWN = 15
FEW_LABELS = 6
TALL = 380
Labels = dict[str, Label]


def choose_label(labels: Labels, names: Sequence[str], *, key: str, first: str) -> str:
    """Draw the choice of one of the labels an explanation has."""

    def shown(name: str) -> str:
        return labels[name].display if name in labels else name

    if len(names) == 1:
        return names[0]
    start = first if first in names else names[0]
    if len(names) <= FEW_LABELS:
        return st.segmented_control(
            "Label", names, format_func=shown, default=start, required=True, key=key
        )
    return st.selectbox("Label", names, index=names.index(start), format_func=shown, key=key)


def ensure(person: Person, project: Project, number: int, sample_key: str) -> None:
    """Start the job that explains, and show it until it is over."""
    place = f"explain:{project.id}:{number}:{sample_key}"
    job = awaited(place)
    if job is None:
        with errors_shown():
            asked = versions.request_explanation(
                store(), person, project.name, number=number, sample_key=sample_key, now=now()
            )
            await_job(place, asked)
            job = asked
    if job is None:
        return
    if job.state not in OVER:
        follow(job.id)
        return
    st.error(plain(job_words(job)), icon=":material/error:")
    if st.button("Try again", key=f"again:{place}"):
        forget_job(place)
        st.rerun()


def version_view(person: Person, project: Project, number: int) -> None:
    """Draw what a version pays attention to."""
    explanation = versions.global_explanation(store(), project.name, number)
    if explanation is None:
        ensure(person, project, number, "")
        return
    labels = {label.name: label for label in project.labels}
    if explanation.image:
        image_importance(explanation, labels)
        return
    names = list(explanation.importances)
    label = choose_label(labels, names, key="global-label", first=names[-1])
    display = plain(labels[label].display if label in labels else label)
    st.caption(
        f"From {explanation.n} samples of the pool. A weight above zero speaks for "
        f"**{display}**, one below against it."
    )
    feature_importance(explanation, label)


def feature_importance(explanation: GlobalExplanation, label: str) -> None:
    """Draw the importance of features and the beeswarm of one label."""
    features = explanation.importances[label][:SHOWN]
    if not features:
        st.caption("No feature has a weight.")
        return
    with st.grid(2, min_column_width=380):
        with st.container(border=True, height="stretch"):
            st.markdown("**How much each feature matters**")
            look.show(
                explanations.importance(features), key="importance", alt="Mean absolute weights"
            )
        with st.container(border=True, height="stretch"):
            st.markdown("**How it matters** :gray[a dot per sample]")
            look.show(explanations.beeswarm(features), key="beeswarm", alt="Beeswarm of weights")
    with st.expander(f"All {len(explanation.importances[label])} features as a table"):
        st.dataframe(
            pd.DataFrame(
                {
                    "Feature": [item.feature for item in explanation.importances[label]],
                    "Mean absolute weight": [
                        item.importance for item in explanation.importances[label]
                    ],
                }
            ),
            hide_index=True,
            alt="Mean absolute weight of each feature",
        )


def image_importance(explanation: GlobalExplanation, labels: Labels) -> None:
    """Draw which pixels matter for each label."""
    st.caption(
        f"How much each pixel matters for each label: its mean absolute weight over "
        f"{explanation.n} samples of the pool."
    )
    with st.grid("auto", min_column_width=170):
        for place, (name, weights) in enumerate(explanation.image.items()):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                st.markdown(f"**{plain(labels[name].display if name in labels else name)}**")
                look.show(
                    explanations.heat_map(weights, size=150),
                    key=f"heat:{place}",
                    alt="Mean weights",
                )


def sample_view(person: Person, project: Project, number: int) -> None:
    """Draw why a version answers as it does for one sample of the pool."""
    key = choose_sample(project)
    if key is None:
        return
    with errors_shown():
        sample = overview.sample(store(), project.name, key)
        explanation = versions.sample_explanation(store(), project.name, number, key)
        if explanation is None:
            ensure(person, project, number, key)
        else:
            reasons(project, explanation, sample.card)


def choose_sample(project: Project) -> str | None:
    """Draw the ways to a sample and return its key."""
    ways = ["Answered", "Asked next", "By key"]
    with st.container(horizontal=True, vertical_alignment="center"):
        way = st.segmented_control(
            "Find", ways, default=ways[0], required=True, key="way", label_visibility="collapsed"
        )
        if way == "By key":
            typed = st.text_input(
                "Key",
                key="sample-key",
                placeholder="The sample's key",
                label_visibility="collapsed",
            )
            return typed.strip() or None
        items = recent(project) if way == ways[0] else waiting(project)
        if not items:
            st.caption("Nothing here yet.")
            return None
        return st.selectbox(
            "Sample",
            list(items),
            format_func=items.__getitem__,
            key=f"sample:{project.id}:{way}",
            label_visibility="collapsed",
        )


def recent(project: Project) -> dict[str, str]:
    """Return the keys and first words of samples answered last."""
    answers = overview.recent_answers(store(), project.name)
    words = overview.beginnings(store(), project.name, [item.position for item in answers])
    labels = {label.name: label.display for label in project.labels}
    return {
        item.sample_key: f"{labels.get(item.label or '', item.label)}: {text}"
        for item, text in zip(answers, words, strict=True)
    }


def waiting(project: Project) -> dict[str, str]:
    """Return the keys and first words of samples that are asked next."""
    ranked = overview.next_asked(store(), project.name)
    words = overview.beginnings(store(), project.name, [item.position for item in ranked])
    return {item.sample_key: text for item, text in zip(ranked, words, strict=True)}


def reasons(
    project: Project, explanation: SampleExplanation, card: dict[str, Any], *, narrow: bool = False
) -> None:
    """Draw an answer, its probabilities, and the reasons in the form that fits the data."""
    labels = {label.name: label for label in project.labels}
    pixels = next((b["pixels"] for b in card["blocks"] if b["kind"] == "image"), None)
    beside = explanation.words or explanation.image
    if narrow:
        answer_box(explanation, labels)
        told(explanation, pixels)
        waterfall_box(explanation, labels)
        return
    grid = st.grid(3, min_column_width=200)
    with grid.cell():
        answer_box(explanation, labels)
    with grid.cell(column_span=2):
        if beside:
            told(explanation, pixels)
        else:
            waterfall_box(explanation, labels)
    if beside:
        waterfall_box(explanation, labels)


def answer_box(explanation: SampleExplanation, labels: Labels) -> None:
    """Draw the answer and the probability of each label."""
    with st.container(border=True):
        st.caption(f"Version {explanation.version} answers")
        st.markdown(f"### {plain(display(labels, explanation.label))}")
        look.show(
            explanations.probabilities(explanation.probabilities, labels),
            key="probabilities",
            alt="Probability of each label",
        )


def display(labels: Labels, name: str) -> str:
    """Return what a label is shown as."""
    return labels[name].display if name in labels else name


def waterfall_box(explanation: SampleExplanation, labels: Labels) -> None:
    """Draw how the features add up to the answer."""
    with st.container(border=True):
        attribution = choose_attribution(explanation, labels)
        st.markdown(f"**What speaks for and against {plain(display(labels, attribution.label))}**")
        look.show(explanations.waterfall(attribution), key="waterfall", alt="Waterfall of weights")
        st.caption(
            f"From the base, {attribution.base:.3g}, to this sample, {attribution.output:.3g} "
            f"({attribution.scale}). Red raises it, blue lowers it."
        )


def choose_attribution(explanation: SampleExplanation, labels: Labels) -> Attribution:
    """Draw the choice of the label to explain, the answer first."""
    if len(explanation.attributions) == 1:
        return towards(explanation.attributions[0], explanation.label)
    found = {item.label: item for item in explanation.attributions}
    name = choose_label(labels, list(found), key="sample-label", first=explanation.label)
    return found[name]


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


def told(explanation: SampleExplanation, pixels: Any) -> None:
    """Draw the sample itself with its weights: marked words, coloured pixels."""
    if explanation.words:
        highlighted(explanation.words)
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
        st.caption("Red speaks for the answer, blue against it.")


def highlighted(words: Sequence[tuple[str, float]]) -> None:
    """Draw a text with its words marked by weight; every piece is escaped."""
    largest = max((abs(weight) for _, weight in words), default=0.0) or 1.0
    with st.container(border=True):
        st.html(
            f'<div style="max-height: {TALL}px; overflow: auto; white-space: pre-wrap; '
            'overflow-wrap: anywhere; line-height: 1.6">'
            + "".join(_marked(text, weight / largest) for text, weight in words)
            + "</div>"
        )
        st.caption(
            "Red words speak for the answer, blue ones against it; the stronger, the deeper."
        )


def _marked(text: str, strength: float) -> str:
    if abs(strength) < 0.02:
        return escape(text)
    color = "229, 72, 77" if strength > 0 else "59, 130, 246"
    alpha = 0.12 + 0.5 * math.sqrt(abs(strength))
    return (
        f'<span style="background: rgba({color}, {alpha:.2f}); border-radius: 3px; '
        f'padding: 0 2px">{escape(text)}</span>'
    )


def try_it(person: Person, project: Project, number: int) -> None:
    """Draw a form for a sample that is not in the pool, and what the version says of it."""
    place = f"try:{project.id}:{number}"
    left, right = side_by_side(2, at_least=340)
    with left:
        row = typed(project)
        if row is not None:
            ask(person, project, number, row, place)
    with right:
        job = awaited(place)
        if job is None:
            empty(
                "No answer yet",
                "Fill in the form and ask; the version answers with its reasons.",
                icon=":material/psychology:",
            )
        elif job.state not in OVER:
            follow(job.id)
        elif job.state == "done":
            answered(project, overview.answers_of(job), job.payload["rows"][0])
        else:
            st.error(plain(job_words(job)), icon=":material/error:")


def ask(person: Person, project: Project, number: int, row: dict[str, Any], place: str) -> None:
    """Ask a version about a row, and wait for the answer a moment."""

    def send() -> None:
        job = predicting.request(
            store(), person, project.name, rows=[row], version=number, now=now()
        )
        await_job(place, predicting.wait(store(), job.id, seconds=2))

    with st.spinner("Asking"):
        act("", send)


def answered(project: Project, answers: Sequence[overview.Answered], row: dict[str, Any]) -> None:
    """Draw what a version said about a typed row."""
    if not answers:
        st.caption("It answered nothing.")
        return
    answer = answers[0]
    if answer.explanation is not None:
        card = overview.card_of(store(), project.name, row)
        reasons(project, answer.explanation, card, narrow=True)
        return
    st.markdown(f"### {plain(answer.label)}")
    labels = {label.name: label for label in project.labels}
    look.show(explanations.probabilities(answer.probabilities, labels), key="typed", alt="Chances")


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    st.title("Explain")
    rows = versions.listed(store(), project.name)
    if not rows:
        empty(
            "No version to explain yet",
            f"The first one comes {project.policy.retrain_every} answers in.",
            icon=":material/psychology:",
        )
        return
    numbers = [row.version.number for row in rows[::-1]]
    first = project.champion if project.champion in numbers else numbers[0]
    words = {
        row.version.number: f"Version {row.version.number}"
        + (" ★ champion" if row.is_champion else "")
        for row in rows
    }
    number = st.selectbox(
        "Version",
        numbers,
        index=numbers.index(first),
        format_func=words.__getitem__,
        width=260,
        key=f"explain-version:{project.id}",
    )
    views = {
        ":material/deployed_code: The version": version_view,
        ":material/article: A sample": sample_view,
        ":material/psychology: Try it": try_it,
    }
    for tab, view in zip(
        st.tabs(list(views), on_change="rerun", key="explain-tab"), views.values(), strict=True
    ):
        if tab.open:
            with tab:
                view(person, project, number)


draw(person, project)
