"""Why a version decides as it does: as a whole, for a sample, for what somebody types."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from mlvajra_al.web import charts
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.context import now, store
from mlvajra_al.web.watching import OVER, await_job, awaited, follow, forget_job, job_words
from mlvajra_al.web.widgets import (
    act,
    current_project,
    empty,
    errors_shown,
    plain,
)

person = require_role("admin")
project = current_project(person)

SHOWN = 15
FEW_LABELS = 6
TALL = 380
MOST_PIXELS = 24
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
    names = list(explanation.importances) or list(explanation.image)
    label = choose_label(labels, names, key="global-label", first=names[-1])
    display = plain(labels[label].display if label in labels else label)
    st.caption(
        f"From {explanation.n} samples of the pool. A weight above zero speaks for "
        f"**{display}**, one below against it."
    )
    if explanation.image.get(label):
        image_importance(explanation, labels)
    else:
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
            charts.show(charts.importance(features), key="importance", alt="Mean absolute weights")
        with st.container(border=True, height="stretch"):
            st.markdown("**How it matters** :gray[a dot per sample]")
            charts.show(charts.beeswarm(features), key="beeswarm", alt="Beeswarm of weights")
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
    with st.grid("auto", min_column_width=170):
        for place, (name, weights) in enumerate(explanation.image.items()):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                st.markdown(f"**{plain(labels[name].display if name in labels else name)}**")
                charts.show(
                    charts.heat_map(weights, size=150), key=f"heat:{place}", alt="Mean weights"
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
    ways = ["Recent answers", "Asked next", "By key"]
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        way = st.segmented_control(
            "Find", ways, default=ways[0], required=True, key="way", label_visibility="collapsed"
        )
    with right:
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


def reasons(project: Project, explanation: SampleExplanation, card: dict[str, Any] | None) -> None:
    """Draw an answer, its probabilities, and the reasons in the form that fits the data."""
    labels = {label.name: label for label in project.labels}
    shown = labels[explanation.label].display if explanation.label in labels else explanation.label
    left, right = st.columns([1, 2])
    with left, st.container(border=True, height="stretch"):
        st.caption("Answer")
        st.markdown(f"### {plain(shown)}")
        charts.show(
            charts.probabilities(explanation.probabilities, labels),
            key="probabilities",
            alt="Probability of each label",
        )
        pictures(explanation, card)
    with right, st.container(border=True, height="stretch"):
        attribution = choose_attribution(explanation, labels)
        if explanation.words and attribution.label == explanation.label:
            highlighted(explanation.words)
        title = labels[attribution.label].display if attribution.label in labels else ""
        st.markdown(f"**What speaks for and against {plain(title or attribution.label)}**")
        charts.show(charts.waterfall(attribution), key="waterfall", alt="Waterfall of weights")


def choose_attribution(explanation: SampleExplanation, labels: Labels) -> Attribution:
    """Draw the choice of the label to explain, the answer first."""
    found = {item.label: item for item in explanation.attributions}
    name = choose_label(labels, list(found), key="sample-label", first=explanation.label)
    return found[name]


def pictures(explanation: SampleExplanation, card: dict[str, Any] | None) -> None:
    """Draw the image under its weights."""
    if not explanation.image:
        return
    blocks = (card or {}).get("blocks", [])
    pixels = next((block["pixels"] for block in blocks if block["kind"] == "image"), None)
    figure = (
        charts.heat_over(pixels, explanation.image)
        if pixels and len(pixels) == len(explanation.image)
        else charts.heat_map([[abs(w) for w in row] for row in explanation.image])
    )
    charts.show(figure, key="heat", alt="Weight of each pixel")
    st.caption("Red speaks for the answer, blue against it.")


def highlighted(words: Sequence[tuple[str, float]]) -> None:
    """Draw a text with its words marked by weight; every piece is escaped."""
    largest = max((abs(weight) for _, weight in words), default=0.0) or 1.0
    with st.container(height=TALL, border=True):
        st.html(
            '<div style="white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6">'
            + "".join(_marked(text, weight / largest) for text, weight in words)
            + "</div>"
        )
    st.caption("Red words speak for the answer, blue ones against it; the stronger, the deeper.")


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
    left, right = st.columns([2, 3])
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
        reasons(project, answer.explanation, overview.card_of(store(), project.name, row))
        return
    st.markdown(f"### {plain(answer.label)}")
    labels = {label.name: label for label in project.labels}
    charts.show(charts.probabilities(answer.probabilities, labels), key="typed", alt="Chances")


def typed(project: Project) -> dict[str, Any] | None:
    """Draw the form for the input columns; return the row once it is sent."""
    columns = [column for column in project.recipe.columns if column.kind != "ignored"]
    start = beginning_row(project)
    row: dict[str, Any] = {}
    with st.form(f"try:{project.id}", border=True):
        for column in columns:
            if column.kind == "text":
                tall = 260 if len(columns) == 1 or column is columns[-1] else 80
                row[column.name] = st.text_area(plain(column.name), height=tall)
            elif column.kind == "image":
                row[column.name] = pixels_form(column.name, start.get(column.name))
        cells = [column.name for column in columns if column.kind not in ("text", "image")]
        if cells:
            row |= cells_form(project, cells, start)
        sent = st.form_submit_button("Ask", type="primary", icon=":material/psychology:")
    return row if sent else None


def beginning_row(project: Project) -> dict[str, Any]:
    """Return a sample of the pool for the form to start from, where there is one."""
    items = overview.next_asked(store(), project.name, limit=1)
    return overview.sample(store(), project.name, items[0].sample_key).row if items else {}


def cells_form(project: Project, names: list[str], start: dict[str, Any]) -> dict[str, Any]:
    """Draw a row as a table of columns and values."""
    kinds = {column.name: column.kind for column in project.recipe.columns}
    given = [start.get(name) for name in names]
    edited = st.data_editor(
        pd.DataFrame(
            {"Column": names, "Value": ["" if value is None else str(value) for value in given]}
        ),
        disabled=["Column"],
        hide_index=True,
        height=min(460, 40 + 35 * len(names)),
        key=f"cells:{project.id}",
        alt="Values of the row",
    )
    values = dict(zip(edited["Column"], edited["Value"], strict=True))
    return {name: cell(values[name], kinds[name]) for name in names}


def cell(text: Any, kind: str) -> Any:
    """Return what was typed into a cell as a value of the column's kind."""
    words = "" if text is None else str(text).strip()
    if not words:
        return None
    if kind == "boolean":
        return words.lower() in ("true", "yes", "1")
    if kind == "numeric":
        try:
            return float(words)
        except ValueError:
            return words
    return words


def pixels_form(name: str, start: Any) -> list[list[float]]:
    """Draw a small image as a table of numbers."""
    rows = [list(row) for row in start] if start and isinstance(start[0], list) else []
    if not rows and start:
        side = math.isqrt(len(start))
        rows = [list(start[at : at + side]) for at in range(0, side * side, side)]
    if len(rows) > MOST_PIXELS:
        st.caption("The image is too large to type; this asks about a sample of the pool.")
        return rows
    st.caption(f"{plain(name)}: change the numbers of a sample's pixels")
    edited = st.data_editor(
        pd.DataFrame(rows, columns=[str(place) for place in range(len(rows[0]) if rows else 0)]),
        hide_index=True,
        key=f"pixels:{name}",
        alt="Pixels",
    )
    return [[float(value) for value in row] for row in edited.to_numpy().tolist()]


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
