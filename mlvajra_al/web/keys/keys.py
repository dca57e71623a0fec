"""Keys for what stands on a page, where one decision follows the other.

Streamlit has shortcuts for buttons, but keeps letters for itself, has none for boxes to tick or to
write in, and drops in silence what is pressed while a page is on its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
SIGNS = {"left": "←", "right": "→", "enter": "Enter"}
REFUSED = "refused_decisions"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "mlvajra_keys",
        html='<p class="mlv-keys" role="status"></p>',
        js=(FOLDER / "keys.js").read_text(),
        isolate_styles=False,
    )


@cache
def _rules() -> str:
    return (FOLDER / "keys.css").read_text()


def style(bindings: Mapping[str, str]) -> None:
    """Bring the look of what has keys, and print those of `bindings` behind what they press."""
    caps = (
        cap(at.replace("input", "label p"), SIGNS.get(name, name)) for name, at in bindings.items()
    )
    st.html(f"<style>{_rules()}{''.join(caps)}</style>")


def keys(bindings: Mapping[str, str], *, about: str, decides: str = "") -> None:
    """Let keys press what is found by the selectors in `bindings`, and say here what was not taken.

    What `decides` selects is pressed once: then nothing is taken until the page is `about`
    something else, or :func:`refused` was called.
    """
    moment = f"{about}:{st.session_state.get(REFUSED, 0)}"
    data = {"keys": dict(bindings), "decides": decides, "about": moment}
    _component()(key="keys", data=data)


def refused() -> None:
    """Say that a decision was not taken: the page stays, and takes another."""
    st.session_state[REFUSED] = st.session_state.get(REFUSED, 0) + 1


def cap(selector: str, key: str, *, side: str = "after", color: str | None = None) -> str:
    """Return the style that prints a key on what is selected, in a label's colour or in none."""
    paint = "" if color is None else f"background: {color}; color: {ink_on(color)}"
    return f'{selector}::{side} {{content: "{key}" / ""; {paint}}}'


def ink_on(color: str) -> str:
    """Return black or white, whichever is easier to read on a colour.

    Examples
    --------
    >>> ink_on("#2563eb"), ink_on("#d97706")
    ('#fff', '#111')
    """
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#fff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#111"


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)
