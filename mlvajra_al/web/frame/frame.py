"""What the frame of every page brings to the browser: its look, and its manners."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
SCRIPTS = ("reach.js", "frame.js")


@cache
def _style() -> str:
    return f"<style>{(FOLDER / 'frame.css').read_text()}</style>"


@cache
def _script() -> Any:
    script = "\n".join((FOLDER / name).read_text() for name in SCRIPTS)
    return st.components.v2.component(
        "mlvajra_frame", html="<i hidden></i>", js=script, isolate_styles=False
    )


def look() -> None:
    """Bring the styles of what Streamlit and we draw round every page."""
    st.html(_style())


def manners() -> None:
    """Bring the script: the menu makes way, a held key answers once, the server may go away."""
    _script()(key="frame")
