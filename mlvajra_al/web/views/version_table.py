"""All versions of a project with how good each is, to choose one from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import measuring
from mlvajra_al.services.versions import HoldOut, VersionRow
from mlvajra_al.web.context import store
from mlvajra_al.web.views.newest import headline
from mlvajra_al.web.views.reach import out_of_reach, still_missing
from mlvajra_al.web.views.report import brief_interval
from mlvajra_al.web.widgets import plural

MODES = {"full": "full fit", "warm_start": "incremental", "partial_fit": "incremental"}


def version_table(
    person: Person, project: Project, rows: Sequence[VersionRow], *, held: HoldOut
) -> int:
    """Draw all versions, newest first, and return the number of the chosen one."""
    shown = rows[::-1]
    more = [row.version.number for row in shown if _has_more(row, held)]
    answers = measuring.answers(store(), person, project.name) if more else Counter()
    missing = {
        row.version.number: still_missing(project, row.version.label_counts, answers)
        for row in shown
        if row.version.number in more
    }
    measure = next((m for row in shown if (m := headline(row))), None)
    picked = st.dataframe(
        pd.DataFrame(
            [_cells(row, _interval(row, held, missing.get(row.version.number))) for row in shown]
        ),
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"versions:{project.id}:{len(rows)}",
        column_config=_columns(measure.name if measure else "Measure"),
        alt="Versions, newest first; choose a row to see its report",
    )
    st.caption(
        f"{plural(held.answered, 'holdout sample')} answered until now. A number measured with "
        "fewer is of those only."
    )
    chosen = picked.selection.rows
    return shown[chosen[0] if chosen else 0].version.number


def _cells(row: VersionRow, interval: str) -> dict[str, Any]:
    version, measure = row.version, headline(row)
    return {
        "Version": version.number,
        "★": "★" if row.is_champion else "",
        "measure": measure.value if measure else None,
        "95% interval": interval,
        "Labels": version.n_labels,
        "Mode": MODES[version.mode],
        "Took": version.duration_s,
        "Parent": version.parent,
        "Held out": row.summary.n if row.summary else 0,
    }


def _has_more(row: VersionRow, held: HoldOut) -> bool:
    """Tell whether a version that could not be measured has more answers to be measured on."""
    measure = headline(row)
    if measure is None or measure.value is not None or row.summary is None:
        return False
    never = out_of_reach(held)
    return row.summary.answered < held.answered and not (never and never.brief)


def _interval(row: VersionRow, held: HoldOut, missing: str | None) -> str:
    """Return the interval of a version's measure, or what keeps it from being said.

    `missing` is what it lacks with today's answers, None where these are no more than it had.
    """
    measure = headline(row)
    if measure is None:
        return "not measured yet"
    if missing is None:
        return brief_interval(measure, out_of_reach(held))
    if not missing:
        return "too few then; measure again"
    return brief_interval(replace(measure, note=missing))


def _columns(measure: str) -> dict[str, Any]:
    config = st.column_config
    return {
        "measure": config.NumberColumn(measure, width=80, format="%.3f"),
        "Version": config.NumberColumn(width=58),
        "★": config.TextColumn(width=30, help="The champion"),
        "95% interval": config.TextColumn(width=165),
        "Held out": config.NumberColumn(
            width=65, format="localized", help="How many holdout labels it was measured with"
        ),
        "Labels": config.NumberColumn(
            width=55, format="localized", help="How many labels it has learnt from"
        ),
        "Mode": config.TextColumn(width=85),
        "Parent": config.NumberColumn(width=55),
        "Took": config.NumberColumn(width=60, format="%.1f s"),
    }
