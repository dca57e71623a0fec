"""The model's versions: how good each is, which is better, promote and roll back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mlvajra_al.records import Label, Measure, Person, Project, Report, Verdict
from mlvajra_al.services import overview, training, versions
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.charts import look, reports
from mlvajra_al.web.context import now, store
from mlvajra_al.web.watching import await_job, watched
from mlvajra_al.web.widgets import (
    act,
    ago,
    clock,
    current_project,
    duration,
    empty,
    flash,
    flashed,
    interval_of,
    local,
    measure_words,
    plain,
    plural,
    shorten,
    side_by_side,
    value_of,
)

person = require_role("admin")
project = current_project(person)

MODES = {"full": "full fit", "warm_start": "warm start", "partial_fit": "partial fit"}
Rows = tuple[VersionRow, ...]
FEW_LABELS = 4


def headline(row: VersionRow) -> Measure | None:
    """Return a version's headline measure; None where it was never measured."""
    return row.report.evaluation.headline if row.report else None


def said(row: VersionRow) -> str:
    """Return a version's measure with its interval in words."""
    measure = headline(row)
    return "not measured yet" if measure is None else measure_words(measure)


def brief_interval(measure: Measure) -> str:
    """Return an interval, or what is missing for one, for the cell of a table."""
    words = interval_of(measure).replace("too few to say: ", "too few: ").removesuffix(" needed")
    return shorten(words, 28)


def brief(measure: Measure) -> str:
    """Return a measure with its interval for the cell of a table."""
    return brief_interval(measure) if measure.value is None else measure_words(measure)


def named(rows: Rows, number: int) -> str:
    """Return a version as the entry of a list."""
    row = next(row for row in rows if row.version.number == number)
    mark = " ★ champion" if row.is_champion else ""
    return f"Version {number}{mark}, {row.version.n_labels} labels"


def table(rows: Rows) -> int:
    """Draw all versions and return the number of the chosen one."""
    shown = rows[::-1]
    measure = next((m for row in shown if (m := headline(row))), None)
    frame = pd.DataFrame(
        [
            {
                "Version": f"{row.version.number} ★"
                if row.is_champion
                else f"{row.version.number}",
                "measure": m.value if (m := headline(row)) else None,
                "95% interval": brief_interval(m) if m else "not measured yet",
                "Labels": row.version.n_labels,
                "Mode": MODES[row.version.mode],
                "Parent": row.version.parent,
                "Took": duration(row.version.duration_s),
                "When": local(row.version.created_at),
            }
            for row in shown
        ]
    )
    picked = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"versions:{project.id}:{len(rows)}",
        column_config={
            "measure": st.column_config.ProgressColumn(
                measure.name if measure else "Measure",
                format="%.3f",
                min_value=0,
                max_value=1,
                width=115,
            ),
            "Version": st.column_config.TextColumn(width=70),
            "95% interval": st.column_config.TextColumn(width=190),
            "Labels": st.column_config.NumberColumn(width=60),
            "Mode": st.column_config.TextColumn(width=90),
            "Parent": st.column_config.NumberColumn(format="%d", width=60),
            "Took": st.column_config.TextColumn(width=60),
            "When": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=130),
        },
        alt="Versions, newest first; choose a row to see its report",
    )
    chosen = picked.selection.rows
    return shown[chosen[0] if chosen else 0].version.number


def report_view(person: Person, project: Project, row: VersionRow) -> None:
    """Draw the newest report of a version."""
    number = row.version.number
    place = f"evaluate:{project.id}:{number}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"Report of version {number}" + (" ★" if row.is_champion else ""))
        if st.button("Measure again", key=place, help="On the holdout answers of today"):
            with_job(person, project, (number,), place)
    watched(place, done=f"Version {number} is measured")
    if row.report is None:
        empty(
            "Not measured yet",
            "Answers about randomly drawn holdout samples measure it; about one question in "
            f"{max(1, round(1 / max(0.01, project.policy.holdout_rate)))} is one of them.",
            icon=":material/query_stats:",
        )
        return
    evidence(row)
    measures(row.report)
    per_label(project, row.report)
    figures(project, row.report)


def with_job(person: Person, project: Project, numbers: tuple[int, ...], place: str) -> None:
    """Start an evaluation and remember it."""
    act(
        "Measuring",
        lambda: await_job(
            place,
            versions.request_evaluation(store(), person, project.name, numbers=numbers, now=now()),
        ),
    )


def evidence(row: VersionRow) -> None:
    """Say what the report rests on, and what made the version."""
    report = row.report
    if report is None:
        return
    st.caption(
        f"{plural(report.evaluation.n, 'holdout label')}, drawn at random and never trained on: "
        f"{report.asked} asked, {report.answered} answered, {report.skipped} skipped. Measured "
        f"{ago(report.created_at)}, with the answers up to event {report.holdout_seq:,}. "
        f"The version was made {ago(row.version.created_at)}: {plain(row.version.trigger)}."
    )


def measures(report: Report) -> None:
    """Draw the measures, each with its interval or with what is missing."""
    evaluation = report.evaluation
    rest = [item for item in evaluation.measures if item.name != evaluation.headline.name]
    with st.grid(3, min_column_width=170):
        for item in (evaluation.headline, *rest):
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.caption(plain(item.name))
                if item.value is None:
                    st.markdown("**too few to say**")
                    st.caption(plain(item.note.removeprefix("too few to say: ")))
                else:
                    st.markdown(f"### {value_of(item)}")
                    st.caption(plain(interval_of(item)))


def per_label(project: Project, report: Report) -> None:
    """Draw precision, recall and F1 of each label with intervals and support."""
    names = {label.name: label.display for label in project.labels}
    frame = pd.DataFrame(
        [
            {
                "Label": names.get(item.label, item.label),
                "Support": item.support,
                "Precision": brief(item.precision),
                "Recall": brief(item.recall),
                "F1": brief(item.f1),
            }
            for item in report.evaluation.per_label
        ]
    )
    st.markdown("**Per label** :gray[with 95% intervals]")
    st.dataframe(
        frame,
        hide_index=True,
        alt="Precision, recall and F1 of each label with 95% intervals",
    )


def figures(project: Project, report: Report) -> None:
    """Draw confusion, precision against recall, and calibration."""
    labels: dict[str, Label] = {label.name: label for label in project.labels}
    names = {name: label.display for name, label in labels.items()}
    evaluation = report.evaluation
    if not evaluation.n:
        return
    few = len(evaluation.labels) <= FEW_LABELS
    if not few:
        confusion(report, names)
    with st.grid(3 if few else 2, min_column_width=240):
        if few:
            confusion(report, names)
        for title, curves, figure in (
            ("Precision and recall", evaluation.precision_recall, reports.precision_recall),
            ("Calibration", evaluation.calibration, reports.calibration),
        ):
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{title}**")
                if curves:
                    look.show(figure(curves, labels), key=title, alt=title)
                else:
                    st.caption("Too few holdout labels to draw: it takes 20, and 5 of a label.")


def confusion(report: Report, names: dict[str, str]) -> None:
    """Draw the confusion matrix."""
    with st.container(border=True, height="stretch"):
        st.markdown("**Confusion** :gray[rows are true]")
        look.show(reports.confusion(report, names), key="confusion", alt="Confusion matrix")


def comparison(person: Person, project: Project, rows: Rows) -> None:
    """Draw the choice of two versions and which of them is better."""
    if len(rows) < 2:
        empty("Nothing to compare yet", "It takes two versions.", icon=":material/compare_arrows:")
        return
    numbers = [row.version.number for row in rows[::-1]]
    row = st.container(horizontal=True, vertical_alignment="bottom")
    first = project.champion if project.champion in numbers else numbers[-1]
    champion = row.selectbox(
        "Champion",
        numbers,
        index=numbers.index(first),
        format_func=lambda n: named(rows, n),
        width=270,
    )
    others = [number for number in numbers if number != champion]
    challenger = row.selectbox(
        "Challenger", others, format_func=lambda n: named(rows, n), width=270
    )
    place = f"compare:{project.id}:{champion}:{challenger}"
    if row.button("Compare", type="primary", key="compare"):
        with_job(person, project, (champion, challenger), place)
    watched(place, done="Compared")
    verdict = verdict_on(project, champion, challenger)
    if verdict is None:
        st.caption(
            "Both are measured on the same holdout samples, those answered until now, and judged "
            "by where one is right and the other wrong."
        )
    else:
        verdict_view(verdict)


def verdict_on(project: Project, champion: int, challenger: int) -> Verdict | None:
    """Return the newest verdict on two versions."""
    jobs = training.jobs_of(store(), project.name, kinds=("evaluate",), limit=100)
    found = (versions.verdict(job) for job in jobs if job.state == "done")
    pair = (champion, challenger)
    return next((v for v in found if v and (v.champion, v.challenger) == pair), None)


def verdict_view(verdict: Verdict) -> None:
    """Draw a verdict: words, the pairs, the difference with its interval."""
    words = verdict.advice[:1].upper() + verdict.advice[1:] + "."
    if verdict.better:
        st.success(plain(words), icon=":material/trending_up:")
    else:
        st.info(plain(words), icon=":material/balance:")
    st.caption(
        "Judged strictly: over fifty retrains of a project, at most one in twenty projects ever "
        "promotes a version that is no better."
    )
    left, right = side_by_side(2, at_least=300)
    with left, st.container(border=True, height="stretch"):
        st.markdown(f"**On the same {verdict.n} holdout samples**")
        st.table(
            {
                f"Version {verdict.champion}: {verdict.metric}": figure_of(verdict.champion_value),
                f"Version {verdict.challenger}: {verdict.metric}": figure_of(
                    verdict.challenger_value
                ),
                f"Only version {verdict.champion} right": str(verdict.only_champion_right),
                f"Only version {verdict.challenger} right": str(verdict.only_challenger_right),
                "Chance of such a lead by luck alone": figure_of(verdict.p_value),
            },
            border="horizontal",
            alt="Paired comparison",
        )
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Difference** :gray[with its 95% interval]")
        if verdict.difference.value is None:
            st.caption(plain(measure_words(verdict.difference)))
        else:
            st.markdown(f"### {verdict.difference.value:+.3f}")
            st.caption(plain(interval_of(verdict.difference)))
            look.show(reports.difference(verdict.difference), key="difference", alt="Difference")


def figure_of(value: float | None) -> str:
    """Return a number for a table."""
    return "too few to say" if value is None else f"{value:.3f}"


@st.dialog("Promote a version")
def promote(person: Person, project: Project, to: int) -> None:
    """Ask before the champion moves."""
    count = overview.annotation_count(store(), project.name)
    now_is = f"version {project.champion}" if project.champion else "no version"
    st.markdown(
        f"**Version {to}** becomes the champion in place of {now_is}. From then on predictions, "
        "*try it* and the API answer with it. What is asked next does not change."
    )
    st.caption(f"No label is touched: {count:,} annotations before, {count:,} after.")
    reason = st.text_input("Why", placeholder="For the record", max_chars=300)
    if st.button("Promote", type="primary", key="promote-yes", width="stretch"):
        done = act(
            "Promoted",
            lambda: versions.promote(
                store(),
                person,
                project.name,
                number=to,
                expected=project.champion,
                reason=reason,
                now=now(),
            ),
        )
        if done:
            flash(f"Version {to} is the champion now.")


@st.dialog("Roll back")
def roll_back(person: Person, project: Project, to: int) -> None:
    """Ask before the champion goes back."""
    before = overview.annotation_count(store(), project.name)
    st.markdown(
        f"**Version {to}** becomes the champion again in place of version {project.champion}. "
        "Version, reports and explanations of both stay."
    )
    st.caption(
        f"No label is touched: there are {before:,} annotations, and there will be {before:,}. "
        "The next retrain is a full fit on all of them."
    )
    reason = st.text_input("Why", placeholder="For the record", max_chars=300)
    if st.button("Roll back", type="primary", key="rollback-yes", width="stretch"):
        done = act(
            "Rolled back",
            lambda: versions.rollback(store(), person, project.name, reason=reason, now=now()),
        )
        if done:
            after = overview.annotation_count(store(), project.name)
            flash(
                f"Version {to} is the champion again. Annotations before: {before:,}, "
                f"after: {after:,}."
            )


def actions(person: Person, project: Project, chosen: VersionRow) -> None:
    """Draw the buttons that move the champion."""
    line = versions.champions(versions.promotions(store(), project.name))
    with st.container(horizontal=True, vertical_alignment="center"):
        number = chosen.version.number
        if st.button(
            f"Promote version {number}",
            icon=":material/workspace_premium:",
            disabled=chosen.is_champion,
            help="It is the champion already" if chosen.is_champion else None,
            key="promote",
        ):
            promote(person, project, number)
        if st.button(
            f"Roll back to version {line[-2]}" if len(line) > 1 else "Roll back",
            icon=":material/undo:",
            disabled=len(line) < 2,
            help=None if len(line) > 1 else "There is no earlier champion",
            key="rollback",
        ):
            roll_back(person, project, line[-2])


def history(project: Project) -> None:
    """Draw every move of the champion."""
    moves = versions.promotions(store(), project.name)
    if not moves:
        empty("No champion yet", "Each promotion and rollback appears here.", icon="★")
        return
    frame = pd.DataFrame(
        [
            {
                "When": clock(move.created_at),
                "From": f"version {move.previous}" if move.previous else "none",
                "To": f"version {move.version}",
                "By": move.person or "the loop",
                "Why": move.reason,
            }
            for move in reversed(moves)
        ]
    )
    st.dataframe(frame, hide_index=True, alt="Promotions and rollbacks, newest first")


def draw(person: Person, project: Project) -> None:
    """Draw the page."""
    st.title("Versions")
    flashed()
    rows = versions.listed(store(), project.name)
    if not rows:
        empty(
            "No version yet",
            f"The first one comes {project.policy.retrain_every} answers in, once two labels have "
            "been seen. Train starts one by hand.",
            icon=":material/deployed_code:",
        )
        return
    chosen = table(rows)
    row = next(row for row in rows if row.version.number == chosen)
    actions(person, project, row)
    report, compare, moves = st.tabs(
        [
            ":material/query_stats: Report",
            ":material/compare_arrows: Compare",
            ":material/history: Promotions",
        ]
    )
    with report:
        report_view(person, project, row)
    with compare:
        comparison(person, project, rows)
    with moves:
        history(project)


draw(person, project)
