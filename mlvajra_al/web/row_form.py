"""A form for one sample that is not in the pool: texts, a row of cells, a small image."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Column, Person, Project
from mlvajra_al.services import overview
from mlvajra_al.web.context import store
from mlvajra_al.web.widgets import height_of, plain
from mlvajra_al.words import number

MOST_PIXELS = 24
DATES = {"31.12.2026": "%d.%m.%Y", "12/31/2026": "%m/%d/%Y"}


def typed(person: Person, project: Project) -> dict[str, Any] | None:
    """Draw the form for the input columns; return the row once it is sent."""
    columns = [column for column in project.recipe.columns if column.kind != "ignored"]
    asked, start = beginning_row(person, project)
    row: dict[str, Any] = {}
    with st.form(f"try:{project.id}", border=True):
        for column in columns:
            if column.kind == "text":
                tall = 260 if len(columns) == 1 or column is columns[-1] else 80
                row[column.name] = st.text_area(plain(column.name), height=tall)
            elif column.kind == "image":
                row[column.name] = pixels_form(project, column.name, start.get(column.name))
        cells = [column for column in columns if column.kind not in ("text", "image")]
        if cells:
            if asked is not None:
                st.caption(f"The values are those of the sample {plain(asked)}, to be changed.")
            row |= cells_form(project, cells, start)
        sent = st.form_submit_button("Ask", type="primary", icon=":material/psychology:")
    return row if sent else None


def beginning_row(person: Person, project: Project) -> tuple[str | None, dict[str, Any]]:
    """Return the key and the columns of a sample for the form to start from, where there is one."""
    items = overview.next_asked(store(), person, project.name, limit=1)
    if not items:
        return None, {}
    found = overview.sample(store(), person, project.name, items[0].sample_key)
    return found.key, found.row


def cells_form(project: Project, columns: list[Column], start: dict[str, Any]) -> dict[str, Any]:
    """Draw a row as a table of columns and values."""
    names = [column.name for column in columns]
    given = [as_written(start.get(column.name), column) for column in columns]
    edited = st.data_editor(
        pd.DataFrame({"Column": names, "Value": given}),
        disabled=["Column"],
        hide_index=True,
        height=height_of(len(names)),
        key=f"cells:{project.id}",
        alt="Values of the row",
    )
    values = dict(zip(edited["Column"], edited["Value"], strict=True))
    return {name: values[name] or "" for name in names}


def as_written(value: Any, column: Column) -> str:
    """Return a value as its column writes it: so what is sent is read as in a file.

    Examples
    --------
    >>> amount, day = Column("amount", "numeric", "1.234,50"), Column("day", "date", "31.12.2026")
    >>> as_written(1496.78, amount), as_written(24.0, Column("n", "numeric"))
    ('1496,78', '24')
    >>> as_written(datetime(2026, 1, 5), day), as_written(datetime(2026, 1, 5, 15, 4), day)
    ('05.01.2026', '05.01.2026 15:04:00')
    >>> as_written(True, Column("paid", "boolean")), as_written(None, amount)
    ('yes', '')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        point = "," if column.written == "1.234,50" else "."
        return number(value).replace(".", point)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        if form := DATES.get(column.written):
            return value.strftime(form if midnight else f"{form} %H:%M:%S")
        return value.date().isoformat() if midnight else str(value)
    return str(value)


def pixels_form(project: Project, name: str, start: Any) -> list[list[float]]:
    """Draw a small image as a table of numbers."""
    rows = [list(row) for row in start] if start and isinstance(start[0], list) else []
    if not rows and start:
        side = math.isqrt(len(start))
        rows = [list(start[at : at + side]) for at in range(0, side * side, side)]
    if len(rows) > MOST_PIXELS:
        st.caption("The image is too large to type; this asks about a sample of the pool.")
        return rows
    st.caption(f"{plain(name)}: change the numbers of a sample's pixels")
    edited = st.data_editor(
        pd.DataFrame(rows, columns=[str(place) for place in range(len(rows[0]) if rows else 0)]),
        hide_index=True,
        column_config={
            str(place): st.column_config.NumberColumn(width=38)
            for place in range(len(rows[0]) if rows else 0)
        },
        key=f"pixels:{project.id}:{name}",
        alt="Pixels",
    )
    return [[float(value) for value in row] for row in edited.to_numpy().tolist()]
