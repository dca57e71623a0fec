"""Charts of a version's report, and of two versions compared."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10, sqrt
from typing import Any

import plotly.graph_objects as go

from mlvajra_al.records import Curve, Label, Measure, Report
from mlvajra_al.web.charts.look import ACCENT, DASHES, MAIN, QUIET, SHADES, TEXT, figure

SYMBOLS = ("circle", "square", "diamond", "triangle-up")
LONGEST = 32
"""Letters of a name beside the matrix."""
LETTER = 6.5
"""Pixels, about."""
NARROW = 190
"""Pixels that the columns share where there is least room."""
CROWDED = 8
"""So many labels have large cells."""
LEGEND_ROW = 19
"""Pixels that a long name takes above the lines."""
ALIKE = 8
"""So many labels are told apart by their colours alone; the next ones have other dashes too."""


def confusion(report: Report, names: dict[str, str]) -> go.Figure:
    """Draw the confusion matrix: rows are true labels, columns are answers of the version."""
    evaluation = report.evaluation
    shown = [escape(name) for name in shortened(confusion_names(report, names), LONGEST)]
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
        textfont={"size": 15 if len(places) <= CROWDED else 12, "color": TEXT},
        hovertemplate=(
            "%{text} that are <b>%{customdata[0]}</b><br>answered <b>%{customdata[1]}</b>"
            " (%{customdata[2]:.0%} of them)<extra></extra>"
        ),
    )
    axis = {"tickmode": "array", "tickvals": places, "ticktext": shown, "showgrid": False}
    edge = [-0.5, len(places) - 0.5]
    longest = max(map(len, shown), default=0)
    turned = 0 if short(shown) else -45 if len(places) <= CROWDED else -90
    below = {0: 1, -45: 0.75, -90: 1}[turned] * (longest * LETTER if turned else 20)
    return figure(
        heat,
        text,
        height=round(max(150, (44 if len(places) <= CROWDED else 28) * len(places)) + 70 + below),
        xaxis=axis
        | {"title": "Answered", "range": edge, "tickangle": turned, "ticklabeloverflow": "allow"},
        yaxis=axis | {"title": "True", "range": edge[::-1]},
    )


def confusion_names(report: Report, names: dict[str, str]) -> list[str]:
    """Return what the rows and columns of the matrix are called."""
    return [names.get(label, label) for label in report.evaluation.labels]


def short(names: Sequence[str]) -> bool:
    """Tell whether all names have room below their columns, on a phone too."""
    return max(map(len, names), default=0) * LETTER * len(names) <= NARROW


def shortened(names: Sequence[str], limit: int) -> list[str]:
    """Cut long names so that no two look alike: at the end, else in the middle, else not at all.

    Examples
    --------
    >>> shortened(["ham", "Customer service, north", "Sales"], 10)
    ['ham', 'Customer…', 'Sales']
    >>> shortened(["Customer service, north", "Customer service, south"], 12)
    ['Custom…north', 'Custom…south']
    >>> shortened(["a long name 1 that ends alike", "a long name 2 that ends alike"], 12)
    ['a long name 1 that ends alike', 'a long name 2 that ends alike']
    """
    plain = [" ".join(name.split()) for name in names]
    for head in (limit - 1, limit // 2):
        tail = limit - 1 - head
        found = [
            name
            if len(name) <= limit
            else f"{name[:head].rstrip()}…{name[len(name) - tail :].lstrip()}"
            for name in plain
        ]
        if len(set(found)) == len(set(plain)):
            return found
    return plain


def _lines(
    curves: Sequence[Curve], labels: dict[str, Label], *, mode: str, hover: str
) -> list[go.Scatter]:
    called = [labels[c.label].display if c.label in labels else c.label for c in curves]
    return [
        go.Scatter(
            x=curve.x,
            y=curve.y,
            name=escape(name),
            mode=mode,
            customdata=curve.counts or [0] * len(curve.x),
            cliponaxis=False,
            hovertemplate=hover,
            **_look(curve, labels),
        )
        for curve, name in zip(curves, shortened(called, LONGEST), strict=True)
    ]


def _look(curve: Curve, labels: dict[str, Label]) -> dict[str, Any]:
    """Return how a label's line looks: its colour, and by its place in the set dashes and dots.

    Dots are as large as there are samples behind them.
    """
    most = max(curve.counts, default=1)
    marker: dict[str, Any] = {"size": [5 + 11 * sqrt(n / most) for n in curve.counts] or 6}
    if curve.label not in labels:
        return {"line": {"width": 2}, "marker": marker}
    turn = list(labels).index(curve.label) // ALIKE
    color, dash = labels[curve.label].color, DASHES[turn % len(DASHES)]
    return {
        "line": {"width": 2, "color": color, "dash": dash},
        "marker": marker | {"symbol": SYMBOLS[turn % len(SYMBOLS)]},
    }


def precision_recall(curves: Sequence[Curve], labels: dict[str, Label]) -> go.Figure:
    """Draw precision against recall, a line per label."""
    hover = "recall %{x:.2f}, precision %{y:.2f}"
    return figure(
        *_lines(curves, labels, mode="lines", hover=hover),
        height=300 + LEGEND_ROW * max(0, len(curves) - 2),
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
        height=300 + LEGEND_ROW * max(0, len(curves) - 2),
        showlegend=len(curves) > 1,
        xaxis={"title": "Probability said", "range": [-0.02, 1.02]},
        yaxis={"title": "Share that was true", "range": [-0.02, 1.04]},
    )


def _round_below(value: float) -> float:
    """Return the largest number of one digit that is not above a positive one.

    >>> _round_below(0.087), _round_below(0.3), _round_below(0.01)
    (0.08, 0.3, 0.01)
    """
    unit = 10.0 ** floor(log10(value))
    return float(f"{floor(value / unit + 1e-9) * unit:.0e}")


def difference(measure: Measure, versions: tuple[int, int]) -> go.Figure:
    """Draw a difference of two versions with its interval, and zero; second minus first."""
    value, low, high = measure.value or 0.0, measure.low or 0.0, measure.high or 0.0
    widest = max(abs(low), abs(high), abs(value), 0.01)
    reach, mark = widest * 1.15, _round_below(widest)
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
            "tickvals": [-mark, 0, mark],
            "ticktext": [f"−{mark:g}", "0", f"+{mark:g}"],
        },
        yaxis={"visible": False, "range": [-1, 1]},
    )
    made.add_vline(x=0, line={"color": QUIET, "dash": "dot", "width": 1})
    return made
