"""The launcher: `streamlit run app.py`, `python app.py` and `uvicorn app:app` all start this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from mlvajra_al.web import edge, options

options.apply()
app = st.App(
    Path(__file__).parent / "mlvajra_al/web/shell.py",
    routes=edge.routes(),
    middleware=edge.middleware(),
    lifespan=edge.lifespan,
    on_script_error=edge.on_script_error,
)

if __name__ == "__main__":
    edge.serve(app)
