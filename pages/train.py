"""Start a retrain, watch it, and set how the project learns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from mlvajra_al.records import ACTIVE, TREES, Advice, Job, Person, Progress, Project
from mlvajra_al.services import advice, overview, training, versions
from mlvajra_al.services.job_words import KINDS
from mlvajra_al.services.overview import AtWork
from mlvajra_al.services.progress import progress
from mlvajra_al.web.auth import live, require_role
from mlvajra_al.web.charts import counts, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.advice import advice_box
from mlvajra_al.web.views.curve import chosen_curve, curves, onwards
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.measure_all import measure_all, measuring_all
from mlvajra_al.web.views.reach import OutOfReach, out_of_reach
from mlvajra_al.web.views.report import drift_words
from mlvajra_al.web.views.settings import policy_form, recipe_form
from mlvajra_al.web.views.warnings import damaged, hardly_a_holdout
from mlvajra_al.web.watching import STATES, job_line, job_words, took
from mlvajra_al.web.widgets import (
    act,
    clock,
    current_project,
    duration,
    empty,
    flashed,
    plain,
    plural,
    shorten,
    side_by_side,
)

person = require_role("admin")
project = current_project(person)

CURVE_WAITS = (
    "The curve starts with the first version that has at least 20 holdout answers, and 5 of each "
    "label. They come by themselves while you label."
)
MOST_JOBS = 100
WIDE, LETTERS = 485, 80
"""How wide the column is that says what became of a job, and what it holds; errors stay whole."""
MODES: dict[training.Mode, str] = {"incremental": "Incremental", "full": "Full fit"}


def start_box(person: Person, project: Project, rows: tuple[versions.VersionRow, ...]) -> None:
    """Draw the choice of how to retrain, what it will do, and the button."""
    state = progress(store(), person, project.name, now=now())
    with st.container(border=True, height="stretch"):
        st.markdown("**Retrain now**")
        mode = st.segmented_control(
            "How", list(MODES), format_func=MODES.__getitem__, default="incremental", required=True,
            label_visibility="collapsed", key="mode",
        )  # fmt: skip
        st.caption(what_happens(mode, project, rows))
        # Once there is a version two labels were seen, and reading all answers again takes a while.
        reason = "" if rows else training.not_yet(store(), person, project.name)
        if reason:
            st.markdown(f":small[:orange[{plain(sentence(reason))}]]")
        if st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            key="retrain",
            disabled=bool(reason),
        ):
            act(
                "The retrain is queued",
                lambda: training.request_retrain(
                    store(), person, project.name, mode=mode, now=now()
                ),
            )
        if words := last_drift(rows):
            st.caption(words)
        st.caption(plain(by_itself(state)))
        if asks := training.asks(store(), person, project.name):
            ranks = f"Version {rows[-1].version.number} ranks the pool. " if rows else ""
            st.caption(plain(f"{ranks}{asks}"))


def by_itself(state: Progress) -> str:
    """Say when a retrain happens without being asked for, or why it does not."""
    if not state.until_retrain:
        return state.loop_message
    return f"Without this, it happens after {plural(state.until_retrain, 'more answer')}."


def last_drift(rows: tuple[versions.VersionRow, ...]) -> str:
    """Say what the last full fit showed about continuing, or nothing."""
    found = next((row.version for row in reversed(rows) if row.version.drift), None)
    if found is None or found.drift is None:
        return ""
    return f"Version {found.number} was a full fit. {drift_words(found.drift)}"


def what_happens(
    mode: training.Mode, project: Project, rows: tuple[versions.VersionRow, ...]
) -> str:
    """Say what a retrain will do."""
    champion = "the champion stays until you promote another"
    if not rows:
        champion = "as the first version it becomes champion by itself"
    after = f"Then it is measured on the holdout and ranks the pool; {champion}."
    trees = project.recipe.estimator in TREES
    full = mode == "full" or trees or not rows
    last = next((r.version for r in rows[::-1] if (r.version.mode == "full") == full), None)
    usual = f" The last one took {duration(last.duration_s)}." if last else ""
    if full:
        why = ": trees do not continue" if trees and rows and mode != "full" else ""
        return f"Fits a new model on every label, from nothing{why}.{usual} {after}"
    parent = rows[-1].version.number
    return (
        f"Continues from version {parent} with the answers since. It is a full fit all the same "
        f"after a rollback or a change of recipe, and every {project.policy.full_every} "
        f"retrains.{usual} {after}"
    )


@live("admin", every=1)
def running(person: Person, project_name: str) -> None:
    """Draw the jobs that wait or run, with a way to cancel them."""
    jobs = training.jobs_of(store(), person, project_name, limit=20)
    active = [job for job in jobs if job.state in ACTIVE]
    alive, _ = overview.worker_seen(store(), now=now())
    st.markdown("**Now**")
    if not active:
        st.caption("Nothing is running." if alive else "The worker is not running.")
    elif not alive:
        st.caption(":red[The worker is not running, so these wait.]")
    doing = overview.at_work(store(), person, project_name, now=now()) if active else ()
    for job in active:
        job_line(job, doing)
        if st.button("Cancel", key=f"cancel:{job.id}", icon=":material/close:"):
            act("Cancelled", partial(training.cancel, store(), person, job.id, now=now()))
    over = (project_name, tuple(job.id for job in jobs if job not in active))
    if st.session_state.setdefault("train_over", over) != over:
        st.session_state["train_over"] = over
        st.rerun(scope="app")


def curve(
    person: Person,
    project: Project,
    rows: tuple[versions.VersionRow, ...],
    given: Advice | None,
    never: OutOfReach | None,
) -> None:
    """Draw the learning curve, and onwards where that can be estimated."""
    found = curves(rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Learning curve")
        if found:
            measure_all(person, project)
    measuring_all(project)
    if not found:
        empty(
            "Nothing measured yet",
            sentence(never.words) if never else CURVE_WAITS,
            icon=":material/show_chart:",
        )
        return
    points = chosen_curve(found, key=f"curve-measure:{project.id}")
    name, ahead = points[0][2].name, given.forecast if given else None
    look.show(
        counts.learning_curve(points, champion=project.champion, ahead=ahead),
        key="curve",
        alt=f"{name[0].upper()}{name[1:]} with its 95% interval against the number of labels",
    )
    st.caption(
        "Each point is a version, measured on randomly drawn samples it was not trained on. The "
        "band is the 95% interval; the star is the champion."
        + onwards(ahead if ahead and ahead.metric == name else None)
    )


def outcome(job: Job, doing: Sequence[AtWork]) -> str:
    """Say what became of a job in the room there is."""
    words = job_words(job, doing)
    return words if job.state == "failed" else shorten(words, LETTERS)


def jobs_table(person: Person, project: Project) -> None:
    """Draw what has been done, with durations and errors in words."""
    st.subheader("Jobs")
    jobs = training.jobs_of(store(), person, project.name, limit=MOST_JOBS)
    if not jobs:
        empty(
            "No jobs yet", "Imports, retrains and explanations appear here.", icon=":material/list:"
        )
        return
    doing = overview.at_work(store(), person, project.name, now=now())
    frame = pd.DataFrame(
        [
            {
                "Job": KINDS[job.kind],
                "State": STATES[job.state][0],
                "What became of it": outcome(job, doing),
                "Took": duration(took(job)),
                "Started": clock(job.started_at or job.created_at),
                "By": job.person or "the loop",
            }
            for job in jobs
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={"What became of it": st.column_config.TextColumn(width=WIDE)},
        alt="Jobs of this project, newest first",
    )
    if len(jobs) == MOST_JOBS:
        st.caption(f"The newest {MOST_JOBS}; `mlvajra jobs` on the server lists up to 1,000.")


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    heading("Train", project)
    flashed()
    damaged(person, project)
    hardly_a_holdout(person, project)
    rows = versions.listed(store(), person, project.name)
    work, settings = st.tabs(
        [":material/model_training: Training", ":material/tune: Settings"],
        on_change="rerun",
        key="train-tab",
        bind="query-params",
    )
    with work:
        left, right = side_by_side(2, at_least=300)
        with left:
            start_box(person, project, rows)
        with right, st.container(border=True, height="stretch"):
            running(project.name)
        given = advice.newest(store(), person, project.name)
        never = out_of_reach(versions.held_out(store(), person, project.name))
        if rows:
            advice_box(given, never)
        curve(person, project, rows, given, never)
        jobs_table(person, project)
    with settings:
        st.caption(f"Settings of {plain(project.name)}. Changes are in the audit trail.")
        policy_form(person, project)
        recipe_form(person, project)


draw(person, project)
