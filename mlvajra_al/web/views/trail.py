"""The audit trail on a page: filters, a page of acts at a time, all of them as a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from mlvajra_al.records import AuditEntry, Person
from mlvajra_al.services import auditing
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import clock, empty, plural, side_by_side

PAGE = 100
ANY = "any"


def draw(person: Person) -> None:
    """Draw the filters and the acts they leave."""
    wanted = _filters(person)
    found = auditing.count(store(), person, wanted)
    if not found:
        empty("Nothing here", "Every privileged act appears here.", icon=":material/history:")
        return
    entries = _page(person, wanted, found)
    frame = pd.DataFrame([_row(entry) for entry in entries])
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "When": st.column_config.TextColumn(width=130),
            "Who": st.column_config.TextColumn(width=150),
            "Detail": st.column_config.TextColumn(width="large"),
        },
        alt="Privileged acts, newest first",
    )
    st.download_button(
        f"Download {plural(found, 'act')} as CSV",
        lambda: b"".join(auditing.csv(store(), person, wanted, now=now())),
        file_name=f"audit-{now():%Y-%m-%d}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _filters(person: Person) -> auditing.Filter:
    choices = auditing.choices(store(), person)
    columns = side_by_side(4, at_least=180)
    with columns[0]:
        who = st.selectbox("Who", [ANY, *choices.people], key="trail:who")
    with columns[1]:
        what = st.selectbox("What", [ANY, *choices.actions], key="trail:what")
    with columns[2]:
        project = st.selectbox("Project", [ANY, *choices.projects], key="trail:project")
    with columns[3]:
        days = st.date_input("From and to", [], key="trail:days", format="YYYY-MM-DD")
    since, until = between(days if isinstance(days, tuple) else (days,), _zone())
    return auditing.Filter(
        person=None if who == ANY else who,
        action=None if what == ANY else what,
        project=None if project == ANY else project,
        since=since,
        until=until,
    )


def between(days: tuple[date, ...], zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Return the moments that a choice of days begins and ends at; one day alone is one day.

    >>> [str(at) for at in between((date(2026, 3, 1),), ZoneInfo("Europe/Berlin"))]
    ['2026-03-01 00:00:00+01:00', '2026-03-02 00:00:00+01:00']
    >>> between((), ZoneInfo("UTC"))
    (None, None)
    """
    if not days:
        return None, None
    first, after = min(days), max(days) + timedelta(days=1)
    return datetime.combine(first, time(), zone), datetime.combine(after, time(), zone)


def _zone() -> ZoneInfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError):
        return ZoneInfo("UTC")


def _page(person: Person, wanted: auditing.Filter, found: int) -> tuple[AuditEntry, ...]:
    """Return the page of acts that was turned to; another filter begins at the first again."""
    kept = st.session_state.setdefault("trail:pages", {"filter": wanted, "before": [None]})
    if kept["filter"] != wanted:
        kept.update(filter=wanted, before=[None])
    before = kept["before"]
    turned_to = replace(wanted, before=before[-1])
    entries = auditing.listed(store(), person, turned_to, limit=PAGE)
    first = PAGE * (len(before) - 1) + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Newer", disabled=len(before) == 1, icon=":material/chevron_left:"):
            before.pop()
            st.rerun()
        if st.button("Older", disabled=len(entries) < PAGE, icon=":material/chevron_right:"):
            before.append(entries[-1].id)
            st.rerun()
        st.caption(f"{first:,} to {first + len(entries) - 1:,} of {plural(found, 'act')}")
    return entries


def _row(entry: AuditEntry) -> dict[str, str]:
    return {
        "When": clock(entry.at),
        "Who": entry.person or auditing.SERVER,
        "What": entry.action,
        "Project": entry.project or "",
        "Detail": entry.detail,
    }
