"""Why a version decides as it does: as a whole, for a sample, for what somebody types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from mlvajra_al.records import ENDED, Job, Person, Project, SampleExplanation
from mlvajra_al.services import overview, predicting, versions
from mlvajra_al.services.progress import progress
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.row_form import typed
from mlvajra_al.web.views.behind import champion_behind
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.importance import MEANT, feature_importance, image_importance
from mlvajra_al.web.views.names import (
    answer_words,
    by_name,
    choose_label,
    display,
    in_order,
    told_apart,
)
from mlvajra_al.web.views.newest import first_version, looking_at
from mlvajra_al.web.views.reasons import reasons
from mlvajra_al.web.views.whole_sample import whole_sample
from mlvajra_al.web.watching import await_job, awaited, follow, forget_job, job_words
from mlvajra_al.web.widgets import (
    act,
    current_project,
    empty,
    errors_shown,
    flashed,
    plain,
    plural,
    side_by_side,
)

person = require_role("admin")
project = current_project(person)
SAMPLE_TAB = ":material/article: A sample"
BY_KEY = "By key"


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
    if job.state not in ENDED:
        follow(job.id)
        return
    st.error(plain(job_words(job)), icon=":material/error:")
    if st.button("Try again", key=f"again:{place}"):
        forget_job(place)
        st.rerun()


def version_view(person: Person, project: Project, number: int) -> None:
    """Draw what a version pays attention to."""
    explanation = versions.global_explanation(store(), person, project.name, number)
    if explanation is None:
        ensure(person, project, number, "")
        return
    labels = by_name(project)
    if explanation.image:
        image_importance(explanation, project)
        return
    names = in_order(project, explanation.importances)
    label = choose_label(labels, names, key=f"global-label:{project.id}", first=names[0])
    meant = f" {MEANT[explanation.scale]}" if explanation.scale else ""
    st.caption(
        f"From {plural(explanation.n, 'sample')} of the pool. A weight above zero speaks for "
        f"**{plain(display(labels, label))}**, one below against it.{meant}"
    )
    feature_importance(explanation, label)


def sample_view(person: Person, project: Project, number: int) -> None:
    """Draw why a version answers as it does for one sample of the pool."""
    key = choose_sample(person, project)
    if key is None:
        return
    with errors_shown():
        sample = overview.sample(store(), person, project.name, key)
        explanation = versions.sample_explanation(store(), person, project.name, number, key)
        if explanation is None:
            ensure(person, project, number, key)
        else:
            gold = overview.gold_of(store(), person, project.name, key)
            reasons(
                project, explanation, sample.card, people=people_say(project, gold, explanation)
            )
            whole_sample(key, sample.card)


def people_say(project: Project, gold: str | None, explanation: SampleExplanation) -> str:
    """Say what people answered, and whether the version is right."""
    if gold is None:
        return ":gray[People: no answer that counts yet]"
    right = {*project.names_in(gold)} == {*project.names_in(explanation.label)}
    mark = ":green[:material/check_circle: right]" if right else ":red[:material/cancel: wrong]"
    return f"{mark} · People: **{plain(answer_words(project, gold))}** (gold)"


def choose_sample(person: Person, project: Project) -> str | None:
    """Draw the ways to a sample and return its key."""
    ways = ["Answered", "Asked next", BY_KEY]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state.setdefault("way", ways[0])
        way = st.segmented_control(
            "Find", ways, required=True, key="way", label_visibility="collapsed"
        )
        if way == BY_KEY:
            typed = st.text_input(
                "Key",
                key="sample-key",
                placeholder="The sample's key",
                label_visibility="collapsed",
            )
            return typed.strip() or None
        if way == ways[0]:
            text = st.text_input(
                "Search",
                key=f"sample-search:{project.id}",
                placeholder="Words or a key, Enter searches",
                label_visibility="collapsed",
            )
            items, nothing = recent(person, project, text), "Nothing here has these words."
        else:
            items, text, nothing = waiting(person, project), "", ""
        if not items:
            st.caption(nothing if text else "Nothing here yet.")
            return None
        return st.selectbox(
            "Sample",
            list(items),
            format_func=items.__getitem__,
            key=f"sample:{project.id}:{way}",
            label_visibility="collapsed",
        )


def recent(person: Person, project: Project, text: str) -> dict[str, str]:
    """Return the keys and first words of samples answered last, of those with `text` if any."""
    answers = overview.recent_answers(store(), person, project.name, text=text)
    words = overview.beginnings(store(), person, project.name, [item.position for item in answers])
    return told_apart(
        {
            item.sample_key: f"{answer_words(project, item.label)}: {text}"
            for item, text in zip(answers, words, strict=True)
        }
    )


def waiting(person: Person, project: Project) -> dict[str, str]:
    """Return the keys and first words of samples that are asked next."""
    ranked = overview.next_asked(store(), person, project.name)
    words = overview.beginnings(store(), person, project.name, [item.position for item in ranked])
    return told_apart({item.sample_key: text for item, text in zip(ranked, words, strict=True)})


def try_it(person: Person, project: Project, number: int) -> None:
    """Draw a form for a sample that is not in the pool, and what the version says of it."""
    place = f"try:{project.id}:{number}"
    if number == project.champion:
        champion_behind(person, project)
    left, right = side_by_side(2, at_least=340)
    with left:
        row = typed(person, project)
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
        elif job.state not in ENDED:
            follow(job.id)
        elif job.state == "done":
            answered(person, project, job)
        else:
            st.error(plain(job_words(job)), icon=":material/error:")


def ask(person: Person, project: Project, number: int, row: dict[str, Any], place: str) -> None:
    """Ask a version about a row, and wait for the answer a moment."""

    def send() -> None:
        question = predicting.Question(rows=[row], version=number)
        job = predicting.request(store(), person, project.name, question=question, now=now())
        await_job(place, predicting.wait(store(), job.id, seconds=2))

    with st.spinner("Asking"):
        act("", send)


def answered(person: Person, project: Project, job: Job) -> None:
    """Draw what a version said about a typed row."""
    answers = overview.answers_of(job)
    if not answers:
        st.caption("The answer is not kept any more. Ask again.")
        return
    answer, row = answers[0], job.payload["rows"][0]
    if answer.explanation is not None:
        card = overview.card_of(store(), person, project.name, row)
        reasons(project, answer.explanation, card, narrow=True)
        return
    st.markdown(f"### {plain(answer_words(project, answer.label))}")
    labels = by_name(project)
    look.show(explanations.probabilities(answer.probabilities, labels), key="typed", alt="Chances")


def follow_link(key: str, numbers: list[int]) -> None:
    """Turn to the version and the sample that the address names, once."""
    number, sample = (st.query_params.pop(name, "") for name in ("version", "sample"))
    if number in map(str, numbers):
        st.session_state[key] = int(number)
    if sample:
        st.session_state.update({"explain-tab": SAMPLE_TAB, "way": BY_KEY, "sample-key": sample})


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    heading("Explain", project)
    flashed()
    rows = versions.listed(store(), person, project.name)
    if not rows:
        empty(
            "No version to explain yet",
            first_version(progress(store(), person, project.name, now=now())),
            icon=":material/psychology:",
        )
        return
    number = _chosen(project, rows)
    views = {
        ":material/deployed_code: The version": version_view,
        SAMPLE_TAB: sample_view,
        ":material/psychology: Try it": try_it,
    }
    for tab, view in zip(
        st.tabs(list(views), on_change="rerun", key="explain-tab", bind="query-params"),
        views.values(),
        strict=True,
    ):
        if tab.open:
            with tab:
                view(person, project, number)


def _chosen(project: Project, rows: Sequence[VersionRow]) -> int:
    """Draw the choice of a version, and say where another one is newer or answers."""
    numbers = [row.version.number for row in rows[::-1]]
    first = project.champion if project.champion in numbers else numbers[0]
    words = {
        row.version.number: f"Version {row.version.number}"
        + (" ★ champion" if row.is_champion else "")
        for row in rows
    }
    key = f"explain-version:{project.id}"
    st.session_state.setdefault(key, first)
    follow_link(key, numbers)
    number: int = st.selectbox(
        "Version",
        numbers,
        format_func=words.__getitem__,
        width=260,
        key=key,
    )
    if said := looking_at(rows, number):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/info: {said}", width="content")
            st.button(
                f"Switch to version {numbers[0]}",
                type="tertiary",
                key="switch",
                on_click=partial(st.session_state.__setitem__, key, numbers[0]),
            )
    return number


draw(person, project)
