"""Start a retrain, watch it, and set how the project learns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Column, Person, Project, Recipe
from mlvajra_al.services import overview, projects, training, versions
from mlvajra_al.services.progress import progress
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.charts import counts, look
from mlvajra_al.web.context import now, store
from mlvajra_al.web.watching import KINDS, STATES, job_line, job_words, took
from mlvajra_al.web.widgets import (
    act,
    clock,
    current_project,
    duration,
    empty,
    flash,
    flashed,
    plain,
    plural,
    side_by_side,
)

person = require_role("admin")
project = current_project(person)

INPUTS = ["text", "numeric", "categorical", "boolean", "date", "image", "ignored"]
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
        if st.button("Start", type="primary", icon=":material/play_arrow:", key="retrain"):
            act(
                "The retrain is queued",
                lambda: training.request_retrain(
                    store(), person, project.name, mode=mode, now=now()
                ),
            )
        answers = plural(state.until_retrain, "answer")
        st.caption(f"Without this, it happens after {answers} more.")


def what_happens(
    mode: training.Mode, project: Project, rows: tuple[versions.VersionRow, ...]
) -> str:
    """Say what a retrain will do."""
    after = (
        "Then it is measured on the holdout and ranks the pool; the champion stays until you "
        "promote another."
    )
    last = next(
        (r.version for r in rows[::-1] if (r.version.mode == "full") == (mode == "full")), None
    )
    usual = f" The last one took {duration(last.duration_s)}." if last else ""
    if mode == "full" or not rows:
        return f"Fits a new model on every label, from nothing.{usual} {after}"
    parent = rows[-1].version.number
    return (
        f"Continues from version {parent} with the answers since. It is a full fit all the same "
        f"after a rollback or a change of recipe, and every {project.policy.full_every} "
        f"retrains.{usual} {after}"
    )


@st.fragment(run_every=1)
def running(person: Person, project_name: str) -> None:
    """Draw the jobs that wait or run, with a way to cancel them."""
    jobs = training.jobs_of(store(), project_name, limit=20)
    active = [job for job in jobs if job.state in ("queued", "running")]
    alive, _, _ = overview.worker_seen(store(), now=now())
    st.markdown("**Now**")
    if not active:
        st.caption("Nothing is running." if alive else "The worker is not running.")
    elif not alive:
        st.caption(":red[The worker is not running, so these wait.]")
    for job in active:
        job_line(job)
        if st.button("Cancel", key=f"cancel:{job.id}", icon=":material/close:"):
            act("Cancelled", partial(training.cancel, store(), person, job.id, now=now()))
    over = (project_name, tuple(job.id for job in jobs if job not in active))
    if st.session_state.setdefault("train_over", over) != over:
        st.session_state["train_over"] = over
        st.rerun(scope="app")


def curve(project: Project, rows: tuple[versions.VersionRow, ...]) -> None:
    """Draw the learning curve."""
    points = [
        (row.version.number, row.version.n_labels, row.report.evaluation.headline)
        for row in rows
        if row.report and row.report.evaluation.headline.value is not None
    ]
    st.subheader("Learning curve")
    if not points:
        empty(
            "Nothing measured yet",
            "The curve starts with the first version that has at least 20 holdout answers, and "
            "5 of each label. They come by themselves while you label.",
            icon=":material/show_chart:",
        )
        return
    look.show(
        counts.learning_curve(points, champion=project.champion),
        key="curve",
        alt="Headline measure with its 95% interval against the number of labels",
    )
    st.caption(
        "Each point is a version, measured on randomly drawn samples it was not trained on. The "
        "band is the 95% interval; the star is the champion."
    )


def jobs_table(project: Project) -> None:
    """Draw what has been done, with durations and errors in words."""
    st.subheader("Jobs")
    jobs = training.jobs_of(store(), project.name, limit=100)
    if not jobs:
        empty(
            "No jobs yet", "Imports, retrains and explanations appear here.", icon=":material/list:"
        )
        return
    frame = pd.DataFrame(
        [
            {
                "Job": KINDS[job.kind],
                "State": STATES[job.state][0],
                "What became of it": job_words(job),
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
        column_config={"What became of it": st.column_config.TextColumn(width="large")},
        alt="Jobs of this project, newest first",
    )


def policy_form(person: Person, project: Project) -> None:
    """Draw how the project asks and retrains."""
    policy = project.policy
    names = list(overview.STRATEGIES)
    with st.form("policy", border=True):
        st.markdown("**How it asks and retrains**")
        left, right = st.columns(2)
        with left:
            every = st.number_input(
                "Answers until a retrain", 1, 100_000, policy.retrain_every, key="every"
            )
            full = st.number_input(
                "A full fit every so many retrains", 1, 1_000, policy.full_every, key="full"
            )
            overlap = st.number_input(
                "People asked about each sample", 1, 20, policy.overlap, key="overlap"
            )
        with right:
            rate = st.slider(
                "Share of questions that measure instead of teach", 0.0, 0.9,
                policy.holdout_rate, 0.05, key="rate",
                help="Holdout samples are drawn at random and never trained on. "
                "More of them: better known quality, slower learning.",
            )  # fmt: skip
            st.caption(
                f"Share of the pool held out: {policy.holdout_share:.0%}, fixed at the first import"
            )
            explain = st.toggle(
                "Show the model's reasons on the card", policy.explain_on_card, key="explain",
                help="Seeing the model's opinion biases people; off is the safer choice.",
            )  # fmt: skip
        strategy = st.radio(
            "Which samples are asked about next",
            names,
            index=names.index(policy.strategy) if policy.strategy in names else 0,
            captions=list(overview.STRATEGIES.values()),
            key="strategy",
        )
        if st.form_submit_button("Save", type="primary"):
            changed = replace(
                policy,
                retrain_every=int(every),
                full_every=int(full),
                overlap=int(overlap),
                holdout_rate=float(rate),
                explain_on_card=bool(explain),
                strategy=str(strategy),
            )
            saved = act(
                "Saved",
                lambda: projects.set_policy(
                    store(), person, project.name, policy=changed, now=now()
                ),
            )
            if saved:
                flash("The policy is saved; it holds from the next question and retrain on.")


def recipe_form(person: Person, project: Project) -> None:
    """Draw what the model is made of, and what changing it causes."""
    estimators = list(overview.ESTIMATORS)
    known = {column.name: column.kind for column in project.recipe.columns}
    unused = [n for n in overview.pool_columns(store(), project.name) if n not in known]
    kinds = known | dict.fromkeys(unused, "ignored")
    with st.form("recipe", border=True):
        st.markdown("**What the model is made of**")
        estimator = st.selectbox(
            "Estimator",
            estimators,
            index=estimators.index(project.recipe.estimator),
            format_func=overview.ESTIMATORS.__getitem__,
        )
        edited = st.data_editor(
            pd.DataFrame(
                {
                    "Column": list(kinds),
                    "Holds": list(kinds.values()),
                }
            ),
            disabled=["Column"],
            hide_index=True,
            column_config={
                "Holds": st.column_config.SelectboxColumn(options=INPUTS, required=True)
            },
            key=f"recipe:{project.id}",
            alt="Input columns and what they hold",
        )
        st.caption(
            "Saving a change reads the pool again with the new recipe and makes the next retrain "
            "a full fit without parent. Versions, reports and labels stay as they are."
        )
        if st.form_submit_button("Save", type="primary"):
            save_recipe(person, project, str(estimator), edited)


def save_recipe(person: Person, project: Project, estimator: str, edited: Any) -> None:
    """Store a changed recipe."""
    known = {column.name for column in project.recipe.columns}
    columns = tuple(
        Column(row["Column"], row["Holds"])
        for row in edited.to_dict("records")
        if row["Holds"] != "ignored" or row["Column"] in known
    )
    recipe = Recipe(columns, estimator)  # type: ignore[arg-type]
    if recipe == project.recipe:
        st.caption("Nothing was changed.")
        return
    saved = act(
        "Saved",
        lambda: projects.set_recipe(store(), person, project.name, recipe=recipe, now=now()),
    )
    if saved:
        flash("The recipe is saved; the pool is read again, and the next retrain is a full fit.")


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    st.title("Train")
    flashed()
    rows = versions.listed(store(), project.name)
    work, settings = st.tabs([":material/model_training: Training", ":material/tune: Settings"])
    with work:
        left, right = side_by_side(2, at_least=300)
        with left:
            start_box(person, project, rows)
        with right, st.container(border=True, height="stretch"):
            running(person, project.name)
        curve(project, rows)
        jobs_table(project)
    with settings:
        st.caption(f"Settings of {plain(project.name)}. Changes are in the audit trail.")
        policy_form(person, project)
        recipe_form(person, project)


draw(person, project)
