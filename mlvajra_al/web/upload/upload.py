"""A field for a file that streams it to disk; Streamlit's own keeps it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from mlvajra_al.config import settings
from mlvajra_al.services import importing

FOLDER = Path(__file__).parent
HTML = """
<div class="upload">
  <label class="zone">
    <input class="file" type="file" accept="{accept}">
    <span class="pick">Choose a file</span>
    <span class="hint"></span>
    <span class="bar" hidden><i></i></span>
    <span class="problem" role="alert" hidden></span>
  </label>
</div>
"""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that has arrived: its id in the workspace, and its name."""

    id: str
    name: str


@cache
def _component() -> Any:
    return st.components.v2.component(
        "mlvajra_upload",
        html=HTML.format(accept=",".join(importing.readable())),
        css=(FOLDER / "upload.css").read_text(),
        js=(FOLDER / "upload.js").read_text(),
    )


def upload_field(key: str, *, first: Uploaded | None = None) -> Uploaded | None:
    """Draw the field and return the file it took, until another one is taken or it is cleared.

    Before it took any, that is the file `first`.
    """
    kept: Uploaded | None = st.session_state.get(f"uploaded:{key}", first)
    limit = settings().max_upload_mb
    _component()(
        key=f"upload-{key}",
        data={
            "limit_mb": limit,
            "name": kept.name if kept else "",
            "hint": f"CSV, JSON Lines or Parquet, up to {limit:,} MB; or drop it here",
            "remedy": "Import it on the server: mlvajra import PROJECT --source FILE",
        },
        on_uploaded_change=partial(_take, key),
    )
    return kept


def clear_upload(key: str) -> None:
    """Forget the file a field took."""
    st.session_state.pop(f"uploaded:{key}", None)


def _take(key: str) -> None:
    """Keep a file before the page is run again, so that the field names it."""
    sent = st.session_state[f"upload-{key}"].uploaded
    if sent:
        st.session_state[f"uploaded:{key}"] = Uploaded(str(sent["upload"]), str(sent["name"]))
