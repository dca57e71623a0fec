"""Charts of what a version looks at, and of why it answers as it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mlvajra_al.records import Attribution, FeatureImportance, Label
from mlvajra_al.web.charts.look import (
    CLEAR,
    MAIN,
    QUIET,
    SHADES,
    TEXT,
    figure,
    height_of_rows,
    long,
    rows,
    safe,
)
from mlvajra_al.words import plural, rounded

PRESENT = "in the text"
"""What an explanation says of a word that is there; too plain to repeat on every row."""
ABSENT = "not in the text"
GAP = " is missing"
MOST = 12
"""So many probabilities are drawn one by one."""
Grid = Sequence[Sequence[float]]
STRENGTH = [[0.0, "rgba(99, 102, 241, 0)"], [1.0, "rgba(99, 102, 241, 0.9)"]]
INK = [[0.0, "rgba(128, 128, 128, 0.06)"], [1.0, "rgba(128, 128, 128, 0.8)"]]
LOW_TO_HIGH = [[0.0, "#a3a6b3"], [1.0, MAIN]]
"""Grey to the app's own colour: labels have all the others."""
LOW_OR_HIGH = {
    "title": {"text": "Feature value", "side": "right"},
    "tickvals": [0, 1],
    "ticktext": ["low", "high"],
    "thickness": 8,
    "outlinewidth": 0,
    "len": 0.8,
}


def importance(weights: Sequence[tuple[str, float]], *, unit: str = "") -> go.Figure:
    """Draw the mean absolute weight of each feature or column, strongest on top."""
    names = [name for name, _ in weights]
    bars = go.Bar(
        x=[weight for _, weight in weights],
        y=list(range(len(weights))),
        orientation="h",
        marker={"color": MAIN, "cornerradius": 3},
        text=[safe(name, 120) for name in names],
        textposition="none",
        customdata=[rounded(weight) for _, weight in weights],
        hovertemplate="%{text}<br><b>%{customdata}</b><extra></extra>",
    )
    return figure(
        bars,
        height=height_of_rows(names) + 60,
        yaxis=rows(names),
        xaxis_title=in_units("Mean absolute weight", unit, lines=1 + long(names)),
    )


def in_units(what: str, unit: str, *, lines: int = 1) -> str:
    """Return what an axis shows, with its unit where that is known; in two lines if it is short."""
    between = " " if lines == 1 else "<br>"
    return f"{what},{between}{unit}" if unit else what


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


def beeswarm(features: Sequence[FeatureImportance], *, unit: str = "") -> go.Figure:
    """Draw a dot per background sample and feature: its weight across, its value in colour.

    Samples where a feature has no weight (a word that is not there) are left out.
    """
    names = [item.feature for item in features]
    made = figure(
        _dots(features),
        height=height_of_rows(names) + 60,
        yaxis=rows(names),
        xaxis_title=in_units("Weight for the label", unit, lines=1 + long(names)),
    )
    made.add_vline(x=0, line={"color": QUIET, "width": 1})
    return made


def _dots(features: Sequence[FeatureImportance]) -> go.Scatter:
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
    scale = {"colorscale": LOW_TO_HIGH, "cmin": 0, "cmax": 1, "colorbar": LOW_OR_HIGH}
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        customdata=names,
        marker={"size": 5, "opacity": 0.8, "color": color, **scale},
        hovertemplate="%{customdata}<br>weight <b>%{x:.3g}</b><extra></extra>",
    )


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
    names = [fact(feature, given) for feature, given in zip(features, data, strict=False)]
    starts = [attribution.base]
    for value in values[:-1]:
        starts.append(starts[-1] + value)
    bars = go.Bar(
        x=values,
        y=list(range(len(values))),
        base=starts,
        orientation="h",
        marker=_solid_or_striped([value > 0 for value in values]),
        textfont={"color": TEXT},
        text=["+" * (value > 0) + rounded(value) for value in values],
        textposition="outside",
        cliponaxis=False,
        customdata=[safe(name, 160) for name in names],
        hovertemplate="%{customdata}<br><b>%{text}</b><extra></extra>",
    )
    made = figure(
        bars,
        height=height_of_rows(names) + 56,
        yaxis=rows(names),
        xaxis_range=_room([*starts, attribution.output]),
        bargap=0.25,
    )
    made.add_vline(x=attribution.base, line={"color": QUIET, "dash": "dot", "width": 1})
    made.add_vline(x=attribution.output, line={"color": QUIET, "width": 1})
    return made


def fact(feature: str, given: str) -> str:
    """Say a feature with its value as one fact: a category, a gap and a word are there or not.

    Examples
    --------
    >>> fact("size", "50"), fact("colour = red", "yes"), fact("colour = red", "no")
    ('size = 50', 'colour = red', 'colour ≠ red')
    >>> fact("size is missing", "no"), fact("body: free", PRESENT), fact("body: free", ABSENT)
    ('size is not missing', 'body: free', 'body: free is not in the text')
    """
    if given in ("", PRESENT):
        return feature
    if given == ABSENT:
        return f"{feature} is {ABSENT}"
    if given in ("yes", "no") and feature.endswith(GAP):
        return feature if given == "yes" else feature.removesuffix(GAP) + " is not missing"
    if given in ("yes", "no") and " = " in feature:
        return feature if given == "yes" else feature.replace(" = ", " ≠ ", 1)
    return f"{feature} = {given}"


def _solid_or_striped(speaks_for: Sequence[bool]) -> dict[str, Any]:
    """Return bars that are told apart without colours: those are taken by the labels."""
    return {
        "color": TEXT,
        "line": {"color": TEXT, "width": 1},
        "pattern": {
            "shape": ["" if solid else "/" for solid in speaks_for],
            "bgcolor": CLEAR,
            "size": 5,
            "solidity": 0.3,
        },
    }


def _room(values: Sequence[float]) -> list[float]:
    """Return a range with room for the numbers written beside bars."""
    margin = (max(values) - min(values)) * 0.3 or 0.1
    return [min(values) - margin, max(values) + margin]


def probabilities(chances: dict[str, float], labels: dict[str, Label]) -> go.Figure:
    """Draw the probability of each label, likeliest on top; of many the last are one row."""
    ordered = sorted(chances.items(), key=lambda pair: -pair[1])
    ordered, others = ordered[:MOST], ordered[MOST:]
    names = [labels[name].display if name in labels else name for name, _ in ordered]
    if others:
        names.append(f"{plural(len(others), 'more label')}, each at most")
        ordered = [*ordered, others[0]]
    bars = go.Bar(
        x=[chance for _, chance in ordered],
        y=list(range(len(ordered))),
        orientation="h",
        marker={
            "color": [
                QUIET if place == MOST else labels[name].color if name in labels else MAIN
                for place, (name, _) in enumerate(ordered)
            ],
            "cornerradius": 3,
        },
        text=[f"{chance:.1%}" for _, chance in ordered],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    return figure(
        bars,
        height=height_of_rows(names) + 36,
        yaxis=rows(names),
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


def heat_map(weights: Grid, *, largest: float, size: int = 260) -> go.Figure:
    """Draw a weight of zero or more per pixel; `largest` is the deepest."""
    trace = go.Heatmap(
        z=[list(row) for row in weights],
        colorscale=SHADES,
        zmin=0,
        zmax=largest or 1.0,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="<b>%{z:.3g}</b><extra></extra>",
    )
    return _square(trace, size=size)


def shades(largest: float, *, unit: str) -> go.Figure:
    """Draw which colour stands for which weight."""
    steps = [largest * step / 40 for step in range(41)]
    bar = go.Heatmap(
        x=steps, z=[steps], colorscale=SHADES, zmin=0, zmax=largest or 1.0, showscale=False,
        hoverinfo="skip",
    )  # fmt: skip
    marks = [0.0, largest / 2, largest]
    return figure(
        bar,
        height=96,
        margin={"l": 16, "r": 32, "t": 8, "b": 56},
        xaxis_title=in_units("Mean absolute weight", unit),
        xaxis={"showgrid": False, "tickvals": marks, "ticktext": [rounded(at) for at in marks]},
        yaxis={"visible": False},
    )


def image(pixels: Grid, *, size: int = 260) -> go.Figure:
    """Draw an image of numbers from 0 to 1, the higher the deeper."""
    trace = go.Heatmap(
        z=[list(row) for row in pixels], colorscale=INK, zmin=0, zmax=1, showscale=False,
        hoverinfo="skip",
    )  # fmt: skip
    return _square(trace, size=size)


def heat_over(pixels: Grid, weights: Grid, *, largest: float, size: int = 260) -> go.Figure:
    """Draw weights of zero or more over an image; `largest` is the deepest."""
    made = image(pixels, size=size)
    made.add_trace(
        go.Heatmap(
            z=[list(row) for row in weights],
            colorscale=STRENGTH,
            zmin=0,
            zmax=largest,
            showscale=False,
            hovertemplate="<b>%{z:.3g}</b><extra></extra>",
        )
    )
    return made
