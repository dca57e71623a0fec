"""Charts of a version's report, and of two versions compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mlvajra_al.records import Curve, Label, Measure, Report
from mlvajra_al.web.charts.look import ACCENT, DASHES, MAIN, QUIET, SHADES, TEXT, figure, safe

SYMBOLS = ("circle", "square", "diamond", "triangle-up")
ALIKE = 8
"""So many labels are told apart by their colours alone; the next ones have other dashes too."""


def confusion(report: Report, names: dict[str, str]) -> go.Figure:
    """Draw the confusion matrix: rows are true labels, columns are answers of the version."""
    evaluation = report.evaluation
    shown = [safe(names.get(label, label), 18) for label in evaluation.labels]
    places = list(range(len(shown)))
    shares = [[count / max(1, sum(counts)) for count in counts] for counts in evaluation.confusion]
    cells = [(x, y, evaluation.confusion[y][x]) for y in places for x in places]
    heat = go.Heatmap(
        z=shares, x=places, y=places, colorscale=SHADES, zmin=0, zmax=1, showscale=False,
        xgap=2, ygap=2, hoverinfo="skip",
    )  # fmt: skip
    text = go.Scatter(
        x=[x for x, _, _ in cells],
        y=[y for _, y, _ in cells],
        text=[f"{count:,}" for _, _, count in cells],
        customdata=[(shown[y], shown[x], shares[y][x]) for x, y, _ in cells],
        mode="text",
        textfont={"size": 15, "color": TEXT},
        hovertemplate=(
            "%{text} that are <b>%{customdata[0]}</b><br>answered <b>%{customdata[1]}</b>"
            " (%{customdata[2]:.0%} of them)<extra></extra>"
        ),
    )
    axis = {"tickmode": "array", "tickvals": places, "ticktext": shown, "showgrid": False}
    edge = [-0.5, len(places) - 0.5]
    return figure(
        heat,
        text,
        height=max(240, 44 * len(places) + 90),
        xaxis=axis | {"title": "Answered", "range": edge},
        yaxis=axis | {"title": "True", "range": edge[::-1]},
    )


def _lines(
    curves: Sequence[Curve], labels: dict[str, Label], *, mode: str, hover: str
) -> list[go.Scatter]:
    return [
        go.Scatter(
            x=curve.x,
            y=curve.y,
            name=safe(labels[curve.label].display if curve.label in labels else curve.label, 24),
            mode=mode,
            customdata=curve.counts or [0] * len(curve.x),
            hovertemplate=hover,
            **_told_apart(curve.label, labels),
        )
        for curve in curves
    ]


def _told_apart(name: str, labels: dict[str, Label]) -> dict[str, Any]:
    """Return how a label's line looks: its colour, and by its place in the set dashes and dots."""
    if name not in labels:
        return {"line": {"width": 2}}
    turn = list(labels).index(name) // ALIKE
    return {
        "line": {"width": 2, "color": labels[name].color, "dash": DASHES[turn % len(DASHES)]},
        "marker": {"symbol": SYMBOLS[turn % len(SYMBOLS)]},
    }


def precision_recall(curves: Sequence[Curve], labels: dict[str, Label]) -> go.Figure:
    """Draw precision against recall, a line per label."""
    hover = "recall %{x:.2f}, precision %{y:.2f}"
    return figure(
        *_lines(curves, labels, mode="lines", hover=hover),
        height=300,
        showlegend=len(curves) > 1,
        xaxis={"title": "Recall", "range": [-0.02, 1.02]},
        yaxis={"title": "Precision", "range": [-0.02, 1.04]},
    )


def calibration(curves: Sequence[Curve], labels: dict[str, Label]) -> go.Figure:
    """Draw how often answers given with a probability were right, against that probability."""
    diagonal = go.Scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": QUIET, "dash": "dot", "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    hover = "said %{x:.2f}, true in %{y:.2f} of %{customdata}"
    return figure(
        diagonal,
        *_lines(curves, labels, mode="lines+markers", hover=hover),
        height=300,
        showlegend=len(curves) > 1,
        xaxis={"title": "Probability said", "range": [-0.02, 1.02]},
        yaxis={"title": "Share that was true", "range": [-0.02, 1.04]},
    )


def difference(measure: Measure, versions: tuple[int, int]) -> go.Figure:
    """Draw a difference of two versions with its interval, and zero; second minus first."""
    value, low, high = measure.value or 0.0, measure.low or 0.0, measure.high or 0.0
    reach = max(abs(low), abs(high), abs(value), 0.01) * 1.15
    color = "#059669" if low > 0 else ACCENT if high < 0 else MAIN
    dot = go.Scatter(
        x=[value],
        y=[0],
        mode="markers",
        marker={"size": 12, "color": color},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value],
            "arrayminus": [value - low],
            "thickness": 3,
            "width": 8,
            "color": color,
        },
        hovertemplate=f"{value:+.3f} ({low:+.3f} to {high:+.3f})<extra></extra>",
    )
    made = figure(
        dot,
        height=110,
        xaxis={
            "range": [-reach, reach],
            "title": f"version {versions[1]} minus version {versions[0]}",
            "tickformat": "+.2f",
        },
        yaxis={"visible": False, "range": [-1, 1]},
    )
    made.add_vline(x=0, line={"color": QUIET, "dash": "dot", "width": 1})
    return made
