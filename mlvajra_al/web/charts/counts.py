"""Charts of what people and versions have reached so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import plotly.graph_objects as go

from mlvajra_al.records import Forecast, Label, Measure
from mlvajra_al.web.charts.look import ACCENT, FAINT, MAIN, SOFT, figure, height_of_rows, rows, safe

MOST_TICKS = 4


def learning_curve(
    points: Sequence[tuple[int, int, Measure]],
    *,
    champion: int | None,
    ahead: Forecast | None = None,
    height: int = 300,
) -> go.Figure:
    """Draw the headline measure with its interval against the number of labels.

    Parameters
    ----------
    points : sequence of (version number, number of labels, headline measure)
    champion : int or None
        The version to mark.
    ahead : Forecast, optional
        Drawn onwards, where it is of the same measure.
    height : int
        In pixels.
    """
    known = [point for point in points if point[2].value is not None]
    x = [n for _, n, _ in known]
    low = [measure.low for _, _, measure in known]
    high = [measure.high for _, _, measure in known]
    name = known[0][2].name if known else "measure"
    band = go.Scatter(
        x=x + x[::-1], y=high + low[::-1], fill="toself", fillcolor=SOFT, line={"width": 0},
        mode="lines", hoverinfo="skip",
    )  # fmt: skip
    line = go.Scatter(
        x=x,
        y=[measure.value for _, _, measure in known],
        customdata=[(number, m.low, m.high, m.n) for number, _, m in known],
        mode="lines+markers",
        line={"color": MAIN, "width": 2},
        marker={
            "size": [12 if number == champion else 6 for number, _, _ in known],
            "symbol": ["star" if number == champion else "circle" for number, _, _ in known],
            "color": [ACCENT if number == champion else MAIN for number, _, _ in known],
        },
        hovertemplate=(
            "version %{customdata[0]}, %{x} labels<br><b>%{y:.3f}</b> "
            "(%{customdata[1]:.3f} to %{customdata[2]:.3f})"
            "<br>%{customdata[3]} holdout labels<extra></extra>"
        ),
    )
    onwards = _onwards(ahead) if ahead is not None and ahead.metric == name else []
    return figure(
        band, line, *onwards, height=height, xaxis_title="Labels learnt from",
        yaxis_title=safe(name),
    )  # fmt: skip


def _onwards(ahead: Forecast) -> list[go.Scatter]:
    """Draw the curve beyond the newest version, with the band it probably stays in."""
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
    return [band, line]


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


def rate(counts: Sequence[tuple[datetime, int]], *, height: int = 190) -> go.Figure:
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
        yaxis={"rangemode": "tozero", "nticks": 4},
        xaxis={
            "tickmode": "array",
            "tickvals": [times.index(at) for at in marked],
            "ticktext": time_words(marked),
            "tickangle": 0,
            "showgrid": False,
        },
        bargap=0.15,
    )


def time_words(times: Sequence[datetime]) -> list[str]:
    """Name times in order as shortly as tells them apart: by the clock, the day, or both."""
    if not times:
        return []
    within_a_day = times[-1] - times[0] < timedelta(days=1)
    names = [f"{at:%H:%M}" if within_a_day else f"{at:%d %b}" for at in times]
    return names if len({*names}) == len(names) else [f"{at:%d %b %H:%M}" for at in times]
