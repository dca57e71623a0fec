"""What a version is worth, measured: its numbers, each label, the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from mlvajra_al.records import Drift, Label, Measure, Project, Report
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.charts import look, reports
from mlvajra_al.web.views.heading import figure
from mlvajra_al.web.views.reach import OutOfReach, lacking
from mlvajra_al.web.widgets import (
    ago,
    height_of,
    interval_of,
    measure_words,
    plain,
    plural,
    value_of,
)

FEW_LABELS = 4
WIDEST = 28
"""Letters that a cell has room for."""

SMALL = 0.001
"""Smaller differences of probabilities are not told apart."""


def brief_interval(measure: Measure, never: OutOfReach | None = None) -> str:
    """Return an interval, or what is missing for one, for the cell of a table."""
    if measure.value is None and never and never.brief:
        return never.brief
    words = interval_of(measure).replace("too few to say: ", "too few: ").removesuffix(" needed")
    return words if len(words) <= WIDEST else "too few of some labels"


def brief(measure: Measure, never: OutOfReach | None = None, *, label: str = "") -> str:
    """Return a measure with its interval for the cell of a table, in a row of this `label`."""
    if measure.value is not None:
        return measure_words(measure)
    own = replace(measure, note=measure.note.replace(f" more of {label} ", " more "))
    return brief_interval(own if label else measure, never)


def evidence(row: VersionRow) -> None:
    """Say what the report rests on, and what made the version."""
    report = row.report
    if report is None:
        return
    st.caption(
        f"{plural(report.evaluation.n, 'holdout label')}, drawn at random and never trained on: "
        f"{report.asked} asked, {report.answered} answered, {report.skipped} skipped. Measured "
        f"{ago(report.created_at)}, with the answers up to event {report.holdout_seq:,}. "
        f"The version was made {ago(row.version.created_at)}: {plain(row.version.trigger)}"
        + (f"; a full fit: {plain(row.version.because)}." if row.version.because else ".")
        + (f" What it asked next: {plain(row.version.asks)}" if row.version.asks else "")
        + (f" {drift_words(row.version.drift)}" if row.version.drift else "")
    )


def drift_words(drift: Drift) -> str:
    """Say how far continuing would have led away from a full fit."""
    apart = f"probabilities differ by {_small(drift.mean)} on average, at most {drift.largest:.3f}"
    if drift.largest < SMALL:
        apart = f"probabilities differ by {_small(drift.largest)}"
    samples = plural(drift.samples, "sample")
    answered = f"{drift.differing:.1%} of {samples} differently"
    if not drift.differing:
        answered = f"{samples} alike"
    return f"Continuing from the version before would have answered {answered}; {apart}."


def _small(gap: float) -> str:
    return f"{gap:.3f}" if gap >= SMALL else f"less than {SMALL}"


def measures(report: Report, never: OutOfReach | None) -> None:
    """Draw the measures, each with its interval or with what is missing."""
    with st.grid(3, min_column_width=170):
        for item in report.evaluation.ordered:
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.caption(plain(item.name))
                if item.value is None:
                    st.markdown("**too few to say**")
                    st.caption(plain(lacking(item, never)))
                else:
                    figure(value_of(item))
                    st.caption(plain(interval_of(item)))


def measured(rows: Sequence[VersionRow]) -> list[tuple[int, int, Measure]]:
    """Return number, labels and headline of each version that could be measured, for a curve."""
    return [
        (row.version.number, row.version.n_labels, row.report.evaluation.headline)
        for row in rows
        if row.report and row.report.evaluation.headline.value is not None
    ]


def per_label(project: Project, report: Report, never: OutOfReach | None) -> None:
    """Draw precision, recall and F1 of each label with intervals and support."""
    names = {label.name: label.display for label in project.labels}
    frame = pd.DataFrame(
        [
            {
                "Label": names.get(item.label, item.label),
                "Support": item.support,
                "Precision": brief(item.precision, never, label=item.label),
                "Recall": brief(item.recall, never, label=item.label),
                "F1": brief(item.f1, never, label=item.label),
            }
            for item in report.evaluation.per_label
        ]
    )
    st.markdown("**Per label** :gray[with 95% intervals]")
    st.dataframe(
        frame,
        height=height_of(len(frame)),
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
    beside = bool(evaluation.confusion) and len(evaluation.labels) <= FEW_LABELS
    if evaluation.confusion and not beside:
        confusion(report, names)
    with st.grid(3 if beside else 2, min_column_width=240):
        if beside:
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
