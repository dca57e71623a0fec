"""Records to plotly figures, in one look for light and dark; the one door to plotly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from mlvajra_al.records import Attribution, Curve, FeatureImportance, Label, Measure, Report

FOR = "#e5484d"
"""What speaks for a label, and what is worse."""
AGAINST = "#3b82f6"
MAIN = "#6366f1"
SOFT = "rgba(99, 102, 241, 0.18)"
QUIET = "rgba(128, 128, 128, 0.55)"
DEEP = "#ffffff"
MUTED = "#7c8096"
GRID = "rgba(128, 128, 128, 0.18)"
CLEAR = "rgba(0, 0, 0, 0)"
SHADES = [[0.0, "rgba(99, 102, 241, 0.04)"], [1.0, "rgba(99, 102, 241, 0.75)"]]
DIVERGING = [
    [0.0, "rgba(59, 130, 246, 0.9)"],
    [0.5, "rgba(128, 128, 128, 0)"],
    [1.0, "rgba(229, 72, 77, 0.9)"],
]
INK = [[0.0, "rgba(128, 128, 128, 0.06)"], [1.0, "rgba(128, 128, 128, 0.8)"]]
LOW_TO_HIGH = [[0.0, "#3b82f6"], [0.5, "#a855f7"], [1.0, "#e5484d"]]
CONFIG: dict[str, Any] = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
PRESENT = "in the text"
"""What an explanation says of a word that is there; too plain to repeat on every row."""
ROW = 26
NAME_LENGTH = 30
Grid = Sequence[Sequence[float]]


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure, without plotly's logo and buttons."""
    st.plotly_chart(figure, key=key, config=CONFIG, alt=alt, theme="streamlit")


def safe(text: object, limit: int = NAME_LENGTH) -> str:
    """Cut text that comes from data and escape it: plotly reads some HTML in labels."""
    words = " ".join(str(text).split())
    return escape(words if len(words) <= limit else words[: limit - 1] + "…")


def figure(*traces: Any, height: int, **layout: Any) -> go.Figure:
    """Return a figure in our look."""
    made = go.Figure(list(traces))
    made.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        showlegend=False,
        dragmode=False,
        hoverlabel={"namelength": -1},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None},
        bargap=0.35,
    )
    made.update_xaxes(automargin=True, gridcolor=GRID, zeroline=False, fixedrange=True)
    made.update_yaxes(automargin=True, gridcolor=GRID, zeroline=False, fixedrange=True)
    made.update_layout(**layout)
    return made


def _rows(names: Sequence[object]) -> dict[str, Any]:
    """Return a y axis with one named row per entry, the first on top."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [safe(name) + " " for name in names],
        "range": [len(names) - 0.4, -0.6],
        "showgrid": False,
    }


def learning_curve(
    points: Sequence[tuple[int, int, Measure]], *, champion: int | None, height: int = 300
) -> go.Figure:
    """Draw the headline measure with its interval against the number of labels.

    Parameters
    ----------
    points : sequence of (version number, number of labels, headline measure)
    champion : int or None
        The version to mark.
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
            "color": [FOR if number == champion else MAIN for number, _, _ in known],
        },
        hovertemplate=(
            "version %{customdata[0]}, %{x} labels<br><b>%{y:.3f}</b> "
            "(%{customdata[1]:.3f} to %{customdata[2]:.3f})"
            "<br>%{customdata[3]} holdout labels<extra></extra>"
        ),
    )
    return figure(
        band, line, height=height, xaxis_title="Labels learnt from", yaxis_title=safe(name)
    )


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
        height=ROW * len(labels) + 40,
        yaxis=_rows([label.display for label in labels]),
        xaxis={"visible": False, "range": [0, max(values, default=0) * 1.18 + 1]},
    )


def rate(counts: Sequence[tuple[datetime, int]], *, height: int = 190) -> go.Figure:
    """Draw answers per period, the times as they are given."""
    bars = go.Bar(
        x=[at for at, _ in counts],
        y=[count for _, count in counts],
        marker={"color": MAIN, "cornerradius": 3},
        hovertemplate="%{x|%d %b %H:%M}<br><b>%{y}</b> answers<extra></extra>",
    )
    return figure(
        bars,
        height=height,
        yaxis={"rangemode": "tozero", "nticks": 4},
        xaxis={
            "nticks": 4,
            "tickangle": 0,
            "showgrid": False,
            "tickformatstops": [
                {"dtickrange": [None, 86_400_000 - 1], "value": "%H:%M"},
                {"dtickrange": [86_400_000 - 1, None], "value": "%d %b"},
            ],
        },
        bargap=0.15,
    )


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
        textfont={
            "size": 15,
            "color": [DEEP if shares[y][x] > 0.45 else MUTED for x, y, _ in cells],
        },
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
            line={"width": 2, "color": labels[curve.label].color}
            if curve.label in labels
            else {"width": 2},
            customdata=curve.counts or [0] * len(curve.x),
            hovertemplate=hover,
        )
        for curve in curves
    ]


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


def difference(measure: Measure) -> go.Figure:
    """Draw a difference with its interval, and zero."""
    value, low, high = measure.value or 0.0, measure.low or 0.0, measure.high or 0.0
    reach = max(abs(low), abs(high), abs(value), 0.01) * 1.15
    color = "#059669" if low > 0 else FOR if high < 0 else MAIN
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
            "title": "challenger minus champion",
            "tickformat": "+.2f",
        },
        yaxis={"visible": False, "range": [-1, 1]},
    )
    made.add_vline(x=0, line={"color": QUIET, "dash": "dot", "width": 1})
    return made


def importance(features: Sequence[FeatureImportance], *, color: str = MAIN) -> go.Figure:
    """Draw the mean absolute weight of each feature, strongest on top."""
    bars = go.Bar(
        x=[item.importance for item in features],
        y=list(range(len(features))),
        orientation="h",
        marker={"color": color, "cornerradius": 3},
        customdata=[safe(item.feature, 120) for item in features],
        hovertemplate="%{customdata}<br><b>%{x:.4g}</b><extra></extra>",
    )
    return figure(
        bars,
        height=ROW * len(features) + 60,
        yaxis=_rows([item.feature for item in features]),
        xaxis_title="Mean absolute weight",
    )


def spread(values: Sequence[float], *, bins: int = 60, step: float = 0.07) -> list[float]:
    """Return a vertical offset per dot, so that dots of about the same value do not overlap."""
    if not values:
        return []
    low, high = min(values), max(values)
    width = (high - low) / bins or 1.0
    seen: dict[int, int] = {}
    offsets = []
    for value in values:
        place = int((value - low) / width)
        count = seen[place] = seen.get(place, 0) + 1
        offsets.append((count // 2) * step * (1 if count % 2 else -1))
    largest = max(abs(offset) for offset in offsets)
    return [offset * min(1.0, 0.38 / largest) if largest else 0.0 for offset in offsets]


def beeswarm(features: Sequence[FeatureImportance]) -> go.Figure:
    """Draw a dot per background sample and feature: its weight across, its value in colour.

    Samples where a feature has no weight (a word that is not there) are left out.
    """
    x: list[float] = []
    y: list[float] = []
    color: list[float] = []
    names: list[str] = []
    for row, item in enumerate(features):
        felt = [(v, d) for v, d in zip(item.values, item.data, strict=True) if v]
        values = [value for value, _ in felt]
        x += values
        y += [row + offset for offset in spread(values)]
        color += [datum for _, datum in felt]
        names += [safe(item.feature, 120)] * len(felt)
    dots = go.Scatter(
        x=x,
        y=y,
        mode="markers",
        customdata=names,
        marker={
            "size": 5,
            "opacity": 0.8,
            "color": color,
            "colorscale": LOW_TO_HIGH,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "title": {"text": "Feature value", "side": "right"},
                "tickvals": [0, 1],
                "ticktext": ["low", "high"],
                "thickness": 8,
                "outlinewidth": 0,
                "len": 0.8,
            },
        },
        hovertemplate="%{customdata}<br>weight <b>%{x:.3g}</b><extra></extra>",
    )
    made = figure(
        dots,
        height=ROW * len(features) + 60,
        yaxis=_rows([item.feature for item in features]),
        xaxis_title="Weight for the label",
    )
    made.add_vline(x=0, line={"color": QUIET, "width": 1})
    return made


def waterfall(attribution: Attribution, *, limit: int = 12) -> go.Figure:
    """Draw how features carry the output from the base to where it ends, strongest first."""
    features = list(attribution.features[:limit])
    values = list(attribution.values[:limit])
    data = list(attribution.data[:limit]) + [""]
    rest = sum(attribution.values[limit:]) + attribution.other
    hidden = len(attribution.features) > limit or abs(rest) > 1e-9
    if hidden:
        features.append("everything else")
        values.append(rest)
    names = [
        feature if given in ("", PRESENT) else f"{feature} = {given}"
        for feature, given in zip(features, data, strict=False)
    ]
    starts = [attribution.base]
    for value in values[:-1]:
        starts.append(starts[-1] + value)
    bars = go.Bar(
        x=values,
        y=list(range(len(values))),
        base=starts,
        orientation="h",
        marker={"color": [FOR if value > 0 else AGAINST for value in values], "cornerradius": 2},
        text=[f"{value:+.3g}" for value in values],
        textposition="outside",
        cliponaxis=False,
        customdata=[safe(name, 160) for name in names],
        hovertemplate="%{customdata}<br><b>%{text}</b><extra></extra>",
    )
    made = figure(
        bars,
        height=ROW * len(values) + 56,
        yaxis=_rows(names),
        xaxis_range=_room([*starts, attribution.output]),
        bargap=0.25,
    )
    made.add_vline(x=attribution.base, line={"color": QUIET, "dash": "dot", "width": 1})
    made.add_vline(x=attribution.output, line={"color": QUIET, "width": 1})
    return made


def _room(values: Sequence[float]) -> list[float]:
    """Return a range with room for the numbers written beside bars."""
    margin = (max(values) - min(values)) * 0.3 or 0.1
    return [min(values) - margin, max(values) + margin]


def probabilities(chances: dict[str, float], labels: dict[str, Label]) -> go.Figure:
    """Draw the probability of each label, likeliest on top."""
    ordered = sorted(chances.items(), key=lambda pair: -pair[1])[:12]
    bars = go.Bar(
        x=[chance for _, chance in ordered],
        y=list(range(len(ordered))),
        orientation="h",
        marker={
            "color": [labels[name].color if name in labels else MAIN for name, _ in ordered],
            "cornerradius": 3,
        },
        text=[f"{chance:.1%}" for _, chance in ordered],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    return figure(
        bars,
        height=ROW * len(ordered) + 36,
        yaxis=_rows([labels[name].display if name in labels else name for name, _ in ordered]),
        xaxis={"visible": False, "range": [0, 1.32]},
    )


def _square(trace: Any, *, size: int) -> go.Figure:
    return figure(
        trace,
        height=size,
        width=size,
        xaxis={"visible": False, "constrain": "domain"},
        yaxis={"visible": False, "scaleanchor": "x", "autorange": "reversed"},
    )


def heat_map(weights: Grid, *, size: int = 260) -> go.Figure:
    """Draw a weight of zero or more per pixel."""
    trace = go.Heatmap(
        z=[list(row) for row in weights],
        colorscale=SHADES,
        zmin=0,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="<b>%{z:.3g}</b><extra></extra>",
    )
    return _square(trace, size=size)


def image(pixels: Grid, *, size: int = 260) -> go.Figure:
    """Draw an image of numbers from 0 to 1, the higher the deeper."""
    trace = go.Heatmap(
        z=[list(row) for row in pixels], colorscale=INK, zmin=0, zmax=1, showscale=False,
        hoverinfo="skip",
    )  # fmt: skip
    return _square(trace, size=size)


def heat_over(pixels: Grid, weights: Grid, *, size: int = 260) -> go.Figure:
    """Draw signed weights over an image: red speaks for the label, blue against it."""
    largest = max((abs(value) for row in weights for value in row), default=0.0) or 1.0
    made = image(pixels, size=size)
    made.add_trace(
        go.Heatmap(
            z=[list(row) for row in weights],
            colorscale=DIVERGING,
            zmin=-largest,
            zmax=largest,
            showscale=False,
            hovertemplate="<b>%{z:+.3g}</b><extra></extra>",
        )
    )
    return made
