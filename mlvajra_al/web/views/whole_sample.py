"""A sample as it is, below why a version answers so for it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.widgets import height_of, plain


def whole_sample(key: str, card: dict[str, Any]) -> None:
    """Draw the key of a sample, its title, its images and the columns that are no text."""
    blocks: list[dict[str, Any]] = card["blocks"]
    rows = [row for block in blocks if block["kind"] == "table" for row in block["rows"]]
    images = [block["pixels"] for block in blocks if block["kind"] == "image"]
    with st.container(border=bool(card["title"] or rows or images)):
        st.markdown(f"**The sample** :gray[{plain(key)}]")
        if card["title"]:
            st.markdown(plain(card["title"]))
        for place, pixels in enumerate(images):
            look.show(explanations.image(pixels, size=200), key=f"image:{place}", alt="Its image")
        if rows:
            st.dataframe(
                pd.DataFrame(
                    {"Column": [r["name"] for r in rows], "Value": [r["value"] for r in rows]}
                ),
                hide_index=True,
                height=height_of(len(rows)),
                alt="Columns of the sample",
            )
