"""What versions have reached so far, as a curve: by the headline measure, or by accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mlvajra_al.records import Forecast, Measure
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.views.newest import headline
from mlvajra_al.web.widgets import plain

Points = list[tuple[int, int, Measure]]
ESTIMATED = " Dots go on where the curve probably goes, which is an estimate."
SAME_ANSWERS = " It is read off the hollow points: versions measured on the same answers."
APART = 0.005
"""So far from the newest point dots begin before somebody asks why."""
FALLBACK = "accuracy"
"""It takes no number of examples of each label."""


def curves(rows: Sequence[VersionRow]) -> dict[str, Points]:
    """Return number, labels and measure of each version, for each measure that has a curve.

    The first is the one to show: the headline measure once two versions have it, else what more
    of them have. Versions that lack it are there without a value.
    """
    first = _points(rows, _name(rows))
    found = {points[0][2].name: points for points in (first, _points(rows, FALLBACK)) if points}
    found = {name: points for name, points in found.items() if reached(points)}
    order = sorted(found.items(), key=lambda item: min(reached(item[1]), 2), reverse=True)
    return dict(order)


def reached(points: Points) -> int:
    """Return how many versions have the measure."""
    return sum(measure.value is not None for _, _, measure in points)


def chosen_curve(found: dict[str, Points], *, key: str) -> Points:
    """Return the points to draw, of the measure that one may choose where there are two."""
    names = list(found)
    if len(names) < 2:
        return found[names[0]]
    name = st.segmented_control(
        "Measure", names, format_func=plain, default=names[0], required=True,
        label_visibility="collapsed", key=key,
    )  # fmt: skip
    return found[name]


def onwards(ahead: Forecast | None) -> str:
    """Say what the dots are that a curve goes on with, and why they begin where they do."""
    if ahead is None:
        return ""
    if not ahead.behind:
        return ESTIMATED
    begins, newest = ahead.middle[0], ahead.reached[-1]
    if abs(begins - newest) < APART:
        return ESTIMATED + SAME_ANSWERS
    return (
        f"{ESTIMATED}{SAME_ANSWERS} It begins at {begins:.3f}, {_beside(begins - newest)} the "
        f"newest of them ({newest:.3f}): it follows all of them together, and single versions lie "
        "above and below it by chance."
    )


def _beside(gap: float) -> str:
    return "above" if gap > 0 else "below"


def _name(rows: Sequence[VersionRow]) -> str:
    """Return the headline measure of the newest version that has one: of two labels it may turn."""
    known = [measure for row in rows if (measure := headline(row)) is not None]
    return next((m.name for m in reversed(known) if m.value is not None), "")


def _points(rows: Sequence[VersionRow], name: str) -> Points:
    """Return a point of each version; those without the measure have no value."""
    found = [(row.version.number, row.version.n_labels, _measure(row, name)) for row in rows]
    return found if name else []


def _measure(row: VersionRow, name: str) -> Measure:
    known = row.summary.ordered if row.summary else ()
    return next(
        (measure for measure in known if measure.name == name),
        Measure(name, None, None, None, 0),
    )
