"""What a version is worth, measured: its numbers, each label, the figures."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Drift, Label, LabelMeasures, Measure, Project, Report, Version
from mlvajra_al.services.overview import ESTIMATORS
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.charts import look, reports
from mlvajra_al.web.views.heading import figure
from mlvajra_al.web.views.reach import OutOfReach, lacking
from mlvajra_al.web.widgets import (
    ago,
    height_of,
    interval_of,
    local,
    plain,
    plural,
    value_of,
)

EACH = ("Precision", "Recall", "F1")
CELL = 26
"""Pixels that a count of the matrix takes."""
WIDEST = 28
"""Letters that a cell has room for."""

SMALL = 0.001
"""Smaller differences of probabilities are not told apart."""


def brief_interval(
    measure: Measure, never: OutOfReach | None = None, *, label: str | None = None
) -> str:
    """Return an interval, or what is missing for one, for a cell, in a row of this `label`."""
    if measure.value is None and never and never.brief:
        return never.brief
    said = interval_of(measure).replace(f" more of {label} ", " more ")
    words = said.replace("too few to say: ", "too few: ").removesuffix(" needed")
    return words if len(words) <= WIDEST else "too few of some labels"


def evidence(version: Version, report: Report) -> None:
    """Say what the report rests on, and what made the version."""
    fit = "incremental" if version.parent is not None and version.mode != "full" else "full fit"
    facts = {
        "Measured on": f"{plural(report.evaluation.n, 'holdout label')}, drawn at random and "
        f"never trained on ({report.rests_on})",
        "Measured": f"{ago(report.created_at)}, with the answers up to event "
        f"{report.holdout_seq:,}",
        "Made": f"{ago(version.created_at)}, from {plural(version.n_labels, 'label')}",
        "Made because of": version.trigger,
        "Fitted": f"{fit}: {version.because}" if version.because else fit,
        "Asked next": version.asks,
        "Drift": drift_words(version.drift) if version.drift else "",
    }
    said = [f"**{name}** {plain(words)}" for name, words in facts.items() if words]
    st.caption("  \n".join(said))


def made_of(row: VersionRow) -> None:
    """Draw what a version is made of, for whoever makes it again: folded, and quiet."""
    version = row.version
    recipe = version.recipe
    facts = {
        "Made": f"{local(version.created_at):%Y-%m-%d %H:%M}",
        "Estimator": ESTIMATORS[recipe.estimator].partition(":")[0],
        "Fitted as": version.fitted,
        "Columns": ", ".join(f"{column.name} ({column.kind})" for column in recipe.columns),
        "Recipe revision": f"{row.revision}: of its columns, and of what reads them",
        "Seed": str(version.seed),
        "Labels up to event": f"{version.label_seq:,}",
        "Libraries": ", ".join(f"{name} {number}" for name, number in version.libraries.items()),
        "Processor": version.cpu,
    }
    with st.expander("What it is made of", icon=":material/receipt_long:"):
        st.table(
            {name: plain(words) for name, words in facts.items() if words},
            border="horizontal",
            alt="What the version is made of",
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


def per_label(project: Project, report: Report, never: OutOfReach | None) -> None:
    """Draw precision, recall and F1 of each label with intervals and support."""
    names = {label.name: label.display for label in project.labels}
    frame = pd.DataFrame(
        [
            {
                "Label": names.get(item.label, item.label),
                "Support": item.support,
                **_columns(item, never),
            }
            for item in report.evaluation.per_label
        ]
    )
    st.markdown("**Per label** :gray[with 95% intervals]")
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in EACH}
    st.dataframe(
        frame,
        height=height_of(len(frame)),
        hide_index=True,
        placeholder="",
        column_config=numbers,
        alt="Precision, recall and F1 of each label with 95% intervals",
    )


def _columns(item: LabelMeasures, never: OutOfReach | None) -> dict[str, Any]:
    """Return value and interval of each measure; both sort as numbers do."""
    cells: dict[str, Any] = {}
    for name, measure in zip(EACH, (item.precision, item.recall, item.f1), strict=True):
        cells[name] = measure.value
        cells[f"{name}, 95%"] = brief_interval(measure, never, label=item.label)
    return cells


def figures(project: Project, report: Report) -> None:
    """Draw confusion, precision against recall, and calibration."""
    labels: dict[str, Label] = {label.name: label for label in project.labels}
    names = {name: label.display for name, label in labels.items()}
    evaluation = report.evaluation
    if not evaluation.n:
        return
    beside = bool(evaluation.confusion) and reports.short(reports.confusion_names(report, names))
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
    if few := _left_out(report):
        st.caption(few)


def _left_out(report: Report) -> str:
    """Say how many labels have no curve, and why; nothing where all have, or none."""
    evaluation = report.evaluation
    drawn = {curve.label for curve in evaluation.precision_recall}
    left = [item for item in evaluation.per_label if item.label not in drawn]
    if not drawn or not left:
        return ""
    have = "has" if len(left) == 1 else "have"
    return (
        f"{len(left)} of {plural(len(evaluation.per_label), 'label')} {have} fewer than 5 holdout "
        "answers and no curve: it would show a few samples, not the version."
    )


def confusion(report: Report, names: dict[str, str]) -> None:
    """Draw the confusion matrix, so wide that each cell can be read: on a phone it scrolls."""
    labels = reports.shortened(reports.confusion_names(report, names), reports.LONGEST)
    wide = CELL * len(labels) + round(reports.LETTER * max(map(len, labels))) + 40
    st.html(
        "<style>.st-key-confusion-box {overflow-x: auto} "
        f".st-key-confusion-box > div:last-child {{min-width: {wide}px}}"
        "</style>"
    )
    with st.container(border=True, height="stretch", key="confusion-box"):
        st.markdown("**Confusion** :gray[rows are true]")
        look.show(reports.confusion(report, names), key="confusion", alt="Confusion matrix")
