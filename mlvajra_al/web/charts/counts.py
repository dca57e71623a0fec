"""Charts of what people and versions have reached so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import plotly.graph_objects as go

from mlvajra_al.records import Forecast, Label, Measure
from mlvajra_al.web.charts.look import ACCENT, FAINT, MAIN, SOFT, figure, height_of_rows, rows, safe

MOST_TICKS = 4
LENGTHS = {
    name: timedelta(minutes=minutes)
    for name, minutes in (("week", 10_080), ("day", 1_440), ("hour", 60), ("minute", 1))
}


def learning_curve(
    points: Sequence[tuple[int, int, Measure]],
    *,
    champion: int | None,
    ahead: Forecast | None = None,
    height: int = 300,
) -> go.Figure:
    """Draw a measure with its interval against the number of labels.

    Where a version in between could not be measured the line is broken: nobody knows its way.

    Parameters
    ----------
    points : sequence of (version number, number of labels, measure)
    champion : int or None
        The version to mark.
    ahead : Forecast, optional
        Drawn onwards, where it is of the same measure, with the points it was read off.
    height : int
        In pixels.
    """
    known = [measure for _, _, measure in points if measure.value is not None]
    name = known[0].name if known else "measure"
    low_high = [(m.low, m.high) if _alone(points, at) else (None, None)
                for at, (_, _, m) in enumerate(points)]  # fmt: skip
    line = go.Scatter(
        x=[n for _, n, _ in points],
        y=[measure.value for _, _, measure in points],
        error_y=_bars([measure.value for _, _, measure in points], low_high),
        customdata=[(number, m.low, m.high, m.n) for number, _, m in points],
        mode="lines+markers",
        connectgaps=False,
        line={"color": MAIN, "width": 2},
        marker={
            "size": [12 if number == champion else 6 for number, _, _ in points],
            "symbol": ["star" if number == champion else "circle" for number, _, _ in points],
            "color": [ACCENT if number == champion else MAIN for number, _, _ in points],
        },
        hovertemplate=(
            "version %{customdata[0]}, %{x} labels<br><b>%{y:.3f}</b> "
            "(%{customdata[1]:.3f} to %{customdata[2]:.3f})"
            "<br>%{customdata[3]} holdout labels<extra></extra>"
        ),
    )
    onwards = _onwards(ahead) if ahead is not None and ahead.metric == name else []
    return figure(
        _band(points), line, *onwards, height=height, xaxis_title="Labels learnt from",
        xaxis_tickformat=",", yaxis_title=safe(name),
    )  # fmt: skip


def _band(points: Sequence[tuple[int, int, Measure]]) -> go.Scatter:
    """Draw the intervals of versions that follow each other, a piece between two gaps."""
    x: list[int | None] = []
    y: list[float | None] = []
    for known, piece in groupby(points, key=lambda point: point[2].value is not None):
        if known:
            part = list(piece)
            there = [n for _, n, _ in part]
            x += [*([None] if x else []), *there, *there[::-1]]
            low, high = [m.low for _, _, m in part], [m.high for _, _, m in part]
            y += [*([None] if y else []), *high, *low[::-1]]
    return go.Scatter(
        x=x, y=y, fill="toself", fillcolor=SOFT, line={"width": 0}, mode="lines",
        hoverinfo="skip",
    )  # fmt: skip


def _alone(points: Sequence[tuple[int, int, Measure]], at: int) -> bool:
    """Tell whether no measured version is beside one, so that no band can show its interval."""
    beside = points[max(0, at - 1) : at + 2]
    return [measure.value is not None for _, _, measure in beside].count(True) == 1


def _bars(
    values: Sequence[float | None], intervals: Sequence[tuple[float | None, float | None]]
) -> dict[str, Any]:
    """Draw some intervals as bars."""
    known = [
        (value - low, high - value)
        if value is not None and low is not None and high is not None
        else (0.0, 0.0)
        for value, (low, high) in zip(values, intervals, strict=True)
    ]
    below, above = [part for part, _ in known], [part for _, part in known]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": SOFT,
        "thickness": 6,
        "width": 0,
        "visible": any(above) or any(below),
    }


def _onwards(ahead: Forecast) -> list[go.Scatter]:
    """Draw the curve beyond the newest version, with the band it probably stays in.

    It begins with what it was read off: versions measured on the same answers, hollow.
    """
    x = list(ahead.ahead)
    band = go.Scatter(
        x=x + x[::-1], y=[*ahead.high, *ahead.low[::-1]], fill="toself", fillcolor=FAINT,
        line={"width": 0}, mode="lines", hoverinfo="skip",
    )  # fmt: skip
    line = go.Scatter(
        x=x,
        y=ahead.middle,
        customdata=list(zip(ahead.low, ahead.high, strict=True)),
        mode="lines",
        line={"color": MAIN, "width": 2, "dash": "dot"},
        hovertemplate=(
            "estimate for %{x:.0f} labels<br><b>%{y:.3f}</b> "
            "(%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>"
        ),
    )
    same = go.Scatter(
        x=ahead.behind,
        y=ahead.reached,
        mode="markers",
        marker={"symbol": "circle-open", "size": 8, "color": MAIN},
        hovertemplate=(
            "%{x} labels<br><b>%{y:.3f}</b> on the "
            f"{ahead.judges:,} answers the estimate was made with<extra></extra>"
        ),
    )
    return [band, line, same]


def label_counts(labels: Sequence[Label], counts: dict[str, int]) -> go.Figure:
    """Draw how many answers each label has, in the labels' own colours."""
    values = [counts.get(label.name, 0) for label in labels]
    bars = go.Bar(
        x=values,
        y=list(range(len(labels))),
        orientation="h",
        marker={"color": [label.color for label in labels], "cornerradius": 3},
        text=[f"{value:,}" for value in values],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    return figure(
        bars,
        height=height_of_rows([label.display for label in labels]) + 40,
        yaxis=rows([label.display for label in labels]),
        xaxis={"visible": False, "range": [0, max(values, default=0) * 1.18 + 1]},
    )


def rate(
    counts: Sequence[tuple[datetime, int]], *, period: timedelta, height: int = 190
) -> go.Figure:
    """Draw answers per period, the times as they are given."""
    times = [at for at, _ in counts]
    bars = go.Bar(
        x=list(range(len(times))),
        y=[count for _, count in counts],
        marker={"color": MAIN, "cornerradius": 3},
        customdata=[f"{at:%d %b %H:%M}" for at in times],
        hovertemplate="%{customdata}<br><b>%{y}</b> answers<extra></extra>",
    )
    marked = times[:: -(-len(times) // MOST_TICKS) or 1]
    return figure(
        bars,
        height=height,
        yaxis={
            "rangemode": "tozero",
            "nticks": 4,
            "title": f"Answers per {period_words(period)}",
        },
        xaxis={
            "tickmode": "array",
            "tickvals": [times.index(at) for at in marked],
            "ticktext": time_words(marked),
            "tickangle": 0,
            "showgrid": False,
        },
        bargap=0.15,
    )


def period_words(period: timedelta) -> str:
    """Name a period of whole minutes, hours, days or weeks by the longest that fits."""
    name, length = next((name, length) for name, length in LENGTHS.items() if not period % length)
    count = period // length
    return name if count == 1 else f"{count} {name}s"


def time_words(times: Sequence[datetime]) -> list[str]:
    """Name times in order as shortly as tells them apart: by the clock, the day, or both."""
    if not times:
        return []
    within_a_day = times[-1] - times[0] < timedelta(days=1)
    names = [f"{at:%H:%M}" if within_a_day else f"{at:%d %b}" for at in times]
    return names if len({*names}) == len(names) else [f"{at:%d %b %H:%M}" for at in times]
