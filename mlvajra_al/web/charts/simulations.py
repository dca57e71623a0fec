"""Learning curves of strategies that played against known labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mlvajra_al.services.standings import LEVELS, Point
from mlvajra_al.web.charts.look import DASHES, QUIET, TEXT, figure, safe

COLORS = (
    "99, 102, 241", "16, 163, 127", "229, 72, 77", "217, 119, 6", "8, 145, 178", "168, 85, 247",
    "101, 163, 13", "219, 39, 119", "120, 113, 108",
)  # fmt: skip
"""Red, green and blue of lines, told apart on light and on dark."""
BASELINE = "128, 128, 128"
NAMED: dict[float, dict[str, Any]] = {
    share: {"text": words, "x": 1, "xanchor": "left", "yanchor": side, "font": {"color": TEXT}}
    for share, words, side in ((1.0, "all labels", "bottom"), (LEVELS[0], "95%", "top"))
}
"""What stands beside the highest and the lowest line across; one between has no room."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, which colour it has and which dashes."""

    name: str
    points: Sequence[Point]
    color: int | None
    """Place in the palette; None for what others are compared with."""
    dash: int


def curves(
    lines: Sequence[Line], *, full: float | None, measure: str = "Macro F1", height: int = 380
) -> go.Figure:
    """Draw curves with their intervals, and the F1 that all labels reach with shares of it."""
    traces: list[Any] = []
    for line in lines:
        traces += _band(line), _mean(line)
    drawn = figure(
        *traces,
        height=height,
        showlegend=True,
        xaxis_title="Labels",
        yaxis_title=measure,
        hovermode="x unified",
        margin={"l": 8, "r": 72, "t": 8, "b": 8},
    )
    drawn.update_xaxes(rangemode="tozero")
    for share in () if full is None else (1.0, *LEVELS):
        drawn.add_hline(
            y=share * (full or 0.0),
            line={"color": QUIET, "width": 1, "dash": "solid" if share == 1 else "dot"},
            annotation=NAMED.get(share),
        )
    return drawn


def _color(line: Line, opacity: float) -> str:
    rgb = BASELINE if line.color is None else COLORS[line.color % len(COLORS)]
    return f"rgba({rgb}, {opacity})"


def _band(line: Line) -> Any:
    x = [point.labels for point in line.points]
    edge = [point.high for point in line.points] + [point.low for point in line.points][::-1]
    return go.Scatter(
        x=x + x[::-1], y=edge, fill="toself", fillcolor=_color(line, 0.13), line={"width": 0},
        mode="lines", hoverinfo="skip", showlegend=False, legendgroup=line.name,
    )  # fmt: skip


def _mean(line: Line) -> Any:
    return go.Scatter(
        x=[point.labels for point in line.points],
        y=[point.mean for point in line.points],
        customdata=[(point.low, point.high) for point in line.points],
        name=safe(line.name),
        legendgroup=line.name,
        mode="lines",
        line={
            "color": _color(line, 1),
            "width": 2,
            "dash": DASHES[(line.dash + (line.color or 0) // len(COLORS)) % len(DASHES)],
        },
        hovertemplate="<b>%{y:.3f}</b> (%{customdata[0]:.3f} to %{customdata[1]:.3f})",
    )
