"""The model's versions: how good each is, which is better, promote and roll back."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import measuring, versions
from mlvajra_al.services.progress import progress
from mlvajra_al.services.versions import HoldOut, VersionRow
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.champion import actions, history
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.views.measure_all import measure_all, measuring_all
from mlvajra_al.web.views.mistakes import where_apart, wrong_on_the_holdout
from mlvajra_al.web.views.newest import COMPARE_TAB, first_version
from mlvajra_al.web.views.reach import out_of_reach
from mlvajra_al.web.views.report import evidence, figures, made_of, measures, per_label
from mlvajra_al.web.views.verdict import before_comparing, verdict_view
from mlvajra_al.web.views.version_table import version_table
from mlvajra_al.web.views.warnings import damaged
from mlvajra_al.web.watching import await_job, watched
from mlvajra_al.web.widgets import (
    act,
    current_project,
    empty,
    flashed,
    plural,
)

person = require_role("admin")
project = current_project(person)

Rows = tuple[VersionRow, ...]


def named(row: VersionRow) -> str:
    """Return a version as the entry of a list."""
    mark = " ★ champion" if row.is_champion else ""
    return f"Version {row.version.number}{mark}, {plural(row.version.n_labels, 'label')}"


def report_view(person: Person, project: Project, row: VersionRow, held: HoldOut) -> None:
    """Draw the newest report of a version."""
    number = row.version.number
    place = f"evaluate:{project.id}:{number}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"Report of version {number}" + (" ★" if row.is_champion else ""))
        if st.button("Measure again", key=place, help="On the holdout answers of today"):
            evaluate(person, project, (number,), place)
    watched(place, done=f"Version {number} is measured")
    never = out_of_reach(held)
    report = versions.report(store(), person, project.name, number)
    if report is None:
        empty(
            "Not measured yet",
            sentence(never.words) if never else what_measures(project),
            icon=":material/query_stats:",
        )
        return
    evidence(row.version, report)
    made_of(row)
    measures(report, never)
    per_label(project, report, never)
    figures(project, report)
    wrong_on_the_holdout(person, project, number)


def what_measures(project: Project) -> str:
    """Say which answers measure a version."""
    return (
        "Answers about randomly drawn holdout samples measure it; about one question in "
        f"{max(1, round(1 / max(0.01, project.policy.holdout_rate)))} is one of them."
    )


def evaluate(person: Person, project: Project, numbers: tuple[int, ...], place: str) -> None:
    """Ask for versions to be measured, and compared where they are two; remember the job."""
    act(
        "Measuring",
        lambda: await_job(
            place,
            versions.request_evaluation(store(), person, project.name, numbers=numbers, now=now()),
        ),
    )


def comparison(person: Person, project: Project, rows: Rows, chosen: int) -> None:
    """Draw the choice of two versions and which of them is better."""
    if len(rows) < 2:
        empty("Nothing to compare yet", "It takes two versions.", icon=":material/compare_arrows:")
        return
    names = {row.version.number: named(row) for row in rows[::-1]}
    numbers = list(names)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    first = project.champion if project.champion in numbers else numbers[-1]
    this = row.selectbox(
        "Version A",
        numbers,
        index=numbers.index(first),
        format_func=names.__getitem__,
        width=270,
    )
    others = [number for number in numbers if number != this]
    other = row.selectbox(
        "Version B",
        others,
        index=others.index(chosen) if chosen in others else 0,
        format_func=names.__getitem__,
        width=270,
        key=f"other:{project.id}:{this}:{chosen}",
    )
    place = f"compare:{project.id}:{min(this, other)}:{max(this, other)}"
    if row.button("Compare", type="primary", key="compare"):
        evaluate(person, project, (this, other), place)
    watched(place, done="Compared")
    verdict = versions.last_verdict(store(), person, project.name, champion=this, challenger=other)
    counts = project.champion in (this, other)
    number = measuring.next_comparison(store(), person, project.name) if counts else None
    st.caption(before_comparing(number, again=verdict is not None))
    if verdict is not None:
        verdict_view(verdict)
    where_apart(person, project, this, other)


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    heading("Versions", project)
    flashed()
    damaged(person, project)
    rows = versions.listed(store(), person, project.name)
    if not rows:
        empty(
            "No version yet",
            first_version(progress(store(), person, project.name, now=now())),
            icon=":material/deployed_code:",
        )
        return
    held = versions.held_out(store(), person, project.name)
    chosen = version_table(person, project, rows, held=held)
    row = next(row for row in rows if row.version.number == chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        actions(person, project, row)
        measure_all(person, project)
    measuring_all(project)
    report, compare, moves = st.tabs(
        [
            ":material/query_stats: Report",
            COMPARE_TAB,
            ":material/history: Promotions",
        ],
        on_change="rerun",
        key="versions-tab",
        bind="query-params",
    )
    with report:
        report_view(person, project, row, held)
    with compare:
        comparison(person, project, rows, chosen)
    with moves:
        history(person, project)


draw(person, project)
