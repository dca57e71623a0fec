"""The look of every chart, in light and dark; this room is the door to plotly."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90

TEXT: str = GRAY_90
"""Not this colour: in the browser Streamlit puts that of the theme here, dark on light or light on
dark. Any one grey would be too faint on one of them."""
ACCENT = "#e5484d"
"""The champion's star, and what is worse."""
MAIN = "#6366f1"
SOFT = "rgba(99, 102, 241, 0.18)"
FAINT = "rgba(99, 102, 241, 0.09)"
QUIET = "rgba(128, 128, 128, 0.55)"
GRID = "rgba(128, 128, 128, 0.18)"
CLEAR = "rgba(0, 0, 0, 0)"
SHADES = [[0.0, "rgba(99, 102, 241, 0.04)"], [1.0, "rgba(99, 102, 241, 0.65)"]]
CONFIG: dict[str, Any] = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
DASHES = ("solid", "dash", "dot", "dashdot")
"""What tells lines apart besides their colours."""
ROW = 26
TALL_ROW = 36
"""Of two lines."""
NAME_LENGTH = 30


class _Names(textwrap.TextWrapper):
    """Breaks names as they are read: between words, and after `_`, `.`, `/` or `-` within one."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=\w[_./-])(?=[^\W\d_]))")


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
        minreducedheight=10,  # of a low chart, more would cut what stands below its axis
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        showlegend=False,
        dragmode=False,
        hoverlabel={"namelength": -1},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "title": None,
            "itemsizing": "constant",
        },
        bargap=0.35,
    )
    made.update_xaxes(automargin=True, gridcolor=GRID, zeroline=False, fixedrange=True)
    made.update_yaxes(automargin=True, gridcolor=GRID, zeroline=False, fixedrange=True)
    made.update_layout(**layout)
    legible = {"color": TEXT}
    made.update_layout(font=legible, legend_font=legible)
    made.update_xaxes(tickfont=legible, title_font=legible)
    made.update_yaxes(tickfont=legible, title_font=legible)
    return made


def wrapped(text: object) -> str:
    """Break long text from data over two lines, and escape it.

    What is longer still is cut before its end, where a feature says its value or that it is
    missing.
    """
    lines = _Names(NAME_LENGTH, break_on_hyphens=False).wrap(str(text))
    if len(lines) > 2:
        lines = [lines[0], f"… {_end(' '.join(str(text).split()), NAME_LENGTH - 2)}"]
    return "<br>".join(map(escape, lines))


def _end(text: str, limit: int) -> str:
    """Return the last words of a text that have room, or of one word its last letters."""
    breaks = [found.end() for found in _Names.wordsep_simple_re.finditer(text)]
    return text[next((at for at in breaks if len(text) - at <= limit), len(text) - limit) :]


def long(names: Sequence[object]) -> bool:
    """Tell whether a name takes two lines, and so leaves little room beside it."""
    return any("<br>" in wrapped(name) for name in names)


def height_of_rows(names: Sequence[object]) -> int:
    """Return how much room named rows need: more where a name takes two lines."""
    return len(names) * (TALL_ROW if long(names) else ROW)


def rows(names: Sequence[object]) -> dict[str, Any]:
    """Return a y axis with one named row per entry, the first on top."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [wrapped(name) + " " for name in names],
        "range": [len(names) - 0.4, -0.6],
        "showgrid": False,
    }
