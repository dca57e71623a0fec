"""What to do next, what the loop is doing, how good the champion is."""

from __future__ import annotations

from functools import partial

import streamlit as st

from mlvajra_al.records import Person, Progress, Project
from mlvajra_al.services import advice, overview, reviewing, training, versions
from mlvajra_al.services.job_words import work_words
from mlvajra_al.services.progress import progress
from mlvajra_al.services.projects import listed
from mlvajra_al.web.auth import live, require_role
from mlvajra_al.web.charts import counts, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.advice import advice_in_short, asks_line
from mlvajra_al.web.views.agreement import waiting_words
from mlvajra_al.web.views.behind import champion_behind
from mlvajra_al.web.views.curve import curves, reached
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.newest import (
    compare_button,
    headline,
    newer,
    standing,
)
from mlvajra_al.web.views.reach import OutOfReach, out_of_reach
from mlvajra_al.web.views.warnings import damaged
from mlvajra_al.web.widgets import (
    ago,
    chosen_project,
    duration,
    flashed,
    go_to_page,
    go_to_project,
    local,
    page_link,
    plain,
    plural,
    side_by_side,
)

person = require_role("annotator")

MOST_CARDS = 7

LOOP = {
    "waiting": ("Waiting for answers", "blue"),
    "queued": ("Retrain queued", "blue"),
    "training": ("Training now", "green"),
    "preparing": ("Preparing", "blue"),
    "needs_labels": ("Needs examples", "orange"),
    "no_worker": ("Worker not running", "red"),
    "failed": ("Last retrain failed", "red"),
    "unread": ("Pool not read", "red"),
    "done": ("All answered", "green"),
}
FEW, NAMED = 5, 5


def kind_of(project: Project) -> tuple[str, str]:
    """Return an icon and a word for what the samples are."""
    kinds = {column.kind for column in project.recipe.columns}
    if "image" in kinds:
        return ":material/image:", "images"
    return (":material/article:", "texts") if "text" in kinds else (":material/table:", "rows")


def project_card(person: Person, project: Project) -> None:
    """Draw one project to choose from."""
    icon, word = kind_of(project)
    rows = sum(shard.rows for shard in overview.imports(store(), person, project.name))
    names = " or ".join(plain(label.display) for label in project.labels)
    if len(project.labels) > 3:
        names = plural(len(project.labels), "label")
    with st.container(border=True, height="stretch"):
        st.markdown(f"{icon} **{plain(project.name)}**")
        st.caption(f"{rows:,} {word}: {names}" if rows else f"{names}; no samples yet")
        st.space("stretch")
        if st.button("Open", key=f"open:{project.name}", width="stretch"):
            go_to_project(project.name)


def start_here(projects: tuple[Project, ...], person: Person) -> None:
    """Draw the projects to choose from and how to bring one's own data."""
    st.subheader("Start here")
    with st.grid(4, min_column_width=200):
        for project in projects[:MOST_CARDS]:
            project_card(person, project)
        if person.role == "admin":
            own_data_card()
        elif not projects:
            st.caption("An admin brings data and adds people to a project.")
    if (more := len(projects) - MOST_CARDS) > 0:
        st.caption(f"{plural(more, 'more project')} can be chosen in the sidebar.")


def own_data_card() -> None:
    """Draw the way to a project of one's own."""
    with st.container(border=True, height="stretch"):
        st.markdown(":material/upload_file: **Your own data**")
        st.caption("CSV, JSON Lines or Parquet: upload, check the columns, name the labels")
        st.space("stretch")
        page_link("data", "Import data", icon=":material/arrow_forward:")


def empty_home(person: Person) -> None:
    """Draw the page of a workspace without projects."""
    st.title("Welcome")
    st.markdown(
        "Label a few samples, and a model learns from each answer, asks about what it understands "
        "least, and shows how good it is on samples it has never seen."
    )
    start_here((), person)
    if person.role == "admin":
        st.caption("Or make the three demo projects on the server: `mlvajra demo create`")


def next_steps(
    person: Person, project: Project, state: Progress, rows: tuple[versions.VersionRow, ...]
) -> None:
    """Draw what this person could do now, most useful first."""
    with st.container(border=True, height="stretch"):
        st.markdown("**What to do next**")
        label_button(person, project, state)
        advice_in_short(advice.newest(store(), person, project.name))
        if person.role != "annotator":
            review_link(person, project)
        if person.role == "admin":
            version_link(person, project, state, rows)


def nothing_left(person: Person, project: Project, state: Progress) -> None:
    """Say why there is nothing to label."""
    if state.loop_state == "preparing":
        st.caption("The samples are being read.")
    elif overview.imports(store(), person, project.name):
        st.caption(f"Every sample has an answer{' or a flag' if state.flagged else ''}.")
        if person.role == "admin":
            page_link("data", "Import more", icon=":material/upload_file:")
    elif person.role == "admin":
        st.caption("There are no samples yet.")
        page_link("data", "Import data", icon=":material/upload_file:")
    else:
        st.caption("There are no samples yet. An admin imports them.")


def label_button(person: Person, project: Project, state: Progress) -> None:
    """Draw the button to the labelling card, or say that nothing is left."""
    if not state.left:
        nothing_left(person, project, state)
        return
    words = "Continue labelling" if state.mine else "Start labelling"
    if st.button(words, type="primary", icon=":material/edit:", width="stretch"):
        go_to_page("annotate")
    st.caption(f"{plural(state.mine, 'answer')} of yours so far, {state.left:,} samples left")


def review_link(person: Person, project: Project) -> None:
    """Draw the way to what waits for a reviewer."""
    waiting = reviewing.waiting(store(), person, project.name)
    if waiting.needed or waiting.possible:
        page_link("review", waiting_words(waiting), icon=":material/flag:")


def version_link(
    person: Person, project: Project, state: Progress, rows: tuple[versions.VersionRow, ...]
) -> None:
    """Draw the one way to comparing the newest version with the champion."""
    if not rows or state.champion is None or state.version == state.champion:
        return
    verdict = versions.last_verdict(
        store(), person, project.name, champion=state.champion, challenger=rows[-1].version.number
    )
    if verdict is None:
        compare_button(f"Compare version {state.version} with {state.champion}", key="compare")
    elif not verdict.better:
        words = f"Version {state.version} is not shown to be better yet"
        page_link("versions", words, icon=":material/balance:")


@live(every=3)
def loop_card(person: Person, project: Project) -> None:
    """Draw what the loop is doing, and whether the worker is alive."""
    state = progress(store(), person, project.name, now=now())
    word, color = LOOP.get(state.loop_state, (state.loop_state, "gray"))
    alive, seen = overview.worker_seen(store(), now=now())
    st.markdown("**Learning**")
    st.badge(word, color=color)  # type: ignore[arg-type]
    st.markdown(plain(state.loop_message))
    if state.until_retrain:
        every = state.retrain_every
        done = every - state.until_retrain
        st.progress(done / every, text=f":small[{done} of {plural(every, 'answer')}]")
    if state.left and person.role != "annotator":  # who answers is not told what a model doubts
        asks_line(training.asks(store(), person, project.name))
    if alive:
        doing = work_words(overview.at_work(store(), person, project.name, now=now()))
        pulse = f":green[●] Worker running{', ' + plain(doing) if doing else ''}"
    else:
        pulse = f":red[●] Worker last seen {ago(seen)}"
    st.caption(pulse)
    seen_now = (project.id, state.version, state.loop_state == "preparing")
    if st.session_state.setdefault("home_seen", seen_now) != seen_now:
        st.session_state["home_seen"] = seen_now
        st.rerun(scope="app")


def champion_card(rows: tuple[versions.VersionRow, ...], never: OutOfReach | None) -> None:
    """Draw the champion's headline measure with its interval, and the newest version's beside."""
    row = next((row for row in rows if row.is_champion), None)
    title = "Champion" if person.role == "admin" else "Model in use"
    with st.container(border=True, height="stretch"):
        if row is None:
            st.markdown(f"**{title}**")
            st.caption("None yet: the first one comes once two labels have answers.")
            return
        newest = newer(rows)
        if newest is None or (measure := headline(newest)) is None or measure.value is None:
            standing(row, title, never)
        else:
            left, right = side_by_side(2, at_least=110)
            with left:
                standing(row, title, never)
            with right:
                standing(newest, "Newest", never)
        if person.role == "admin":
            page_link("versions", "Report", icon=":material/arrow_forward:")


def warnings(person: Person, project: Project, state: Progress) -> None:
    """Say what stands in the way of a good model."""
    few = [label for label in project.labels if state.counts.get(label.name, 0) < FEW]
    if state.answered >= 4 * FEW and few:
        names = ", ".join(plain(label.display) for label in few[:NAMED])
        if len(few) > NAMED:
            names += f" and {plural(len(few) - NAMED, 'more label')}"
        st.warning(
            f"Fewer than {FEW} answers for {names}: the model can hardly know "
            f"{'it' if len(few) == 1 else 'them'}, and nothing can be said about its quality.",
            icon=":material/warning:",
        )
    imports = training.jobs_of(store(), person, project.name, kinds=("ingest",), limit=1)
    failed = next(iter(imports), None)
    if failed is not None and failed.state == "failed":
        st.error(f"The last import failed: {plain(failed.error)}", icon=":material/error:")
    if state.loop_state == "no_worker":
        st.error(
            "Answers are saved, but nothing learns from them: the worker is not running. "
            "On the server, `mlvajra run` starts it, or `mlvajra worker` alone.",
            icon=":material/error:",
        )


def label_chart(project: Project, state: Progress) -> None:
    """Draw the answers per label."""
    st.markdown(f"**Answers per label** :gray[{state.answered:,} in all]")
    look.show(
        counts.label_counts(project.labels, state.counts),
        key="counts",
        alt="Answers per label",
    )


def labelling_rate(person: Person, project: Project) -> None:
    """Draw how many answers came when, and how long one takes."""
    rate = overview.answer_rate(store(), person, project.name, now=now())
    st.markdown(f"**Labelling rate** :gray[{rate.last_hour:,} in the last hour]")
    look.show(
        counts.rate([(local(at) or at, count) for at, count in rate.counts], period=rate.period),
        key="rate",
        alt="Answers over time",
    )
    if rate.seconds is not None:
        st.caption(f"Half of the answers took {duration(rate.seconds)} or less")


def small_curve(
    rows: tuple[versions.VersionRow, ...], champion: int | None, never: OutOfReach | None
) -> None:
    """Draw the learning curve, or say when it appears."""
    points = next(iter(curves(rows).values()), [])
    if reached(points) < 2:
        st.markdown("**Learning curve**")
        later = "Appears with the second version that can be measured."
        st.caption(sentence(never.words) if never else later)
        return
    st.markdown(f"**Learning curve** :gray[{plain(points[0][2].name)}]")
    look.show(
        counts.learning_curve(points, champion=champion, height=190),
        key="curve",
        alt="Measure of each version against its number of labels",
    )


def draw(person: Person, project: Project) -> None:
    """Draw the page of a project."""
    heading("Home", project)
    state = progress(store(), person, project.name, now=now())
    rows = versions.listed(store(), person, project.name)
    never = out_of_reach(versions.held_out(store(), person, project.name))
    flashed()
    damaged(person, project)
    champion_behind(person, project)
    warnings(person, project, state)
    figures = (
        partial(label_chart, project, state),
        partial(labelling_rate, person, project),
        partial(small_curve, rows, state.champion, never),
    )
    left, middle, right, *below = side_by_side(3, at_least=230, cells=6 if state.answered else 3)
    with left:
        next_steps(person, project, state, rows)
    with middle, st.container(border=True, height="stretch"):
        loop_card(project)
    with right:
        champion_card(rows, never)
    for place, figure in zip(below, figures, strict=False):
        with place, st.container(border=True, height="stretch"):
            figure()
    if not state.answered:
        start_here(listed(store(), person), person)


chosen = chosen_project(person)
if chosen is None:
    empty_home(person)
else:
    draw(person, chosen)
