"""The audit trail on a page: filters, a page of acts at a time, all of them as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from mlvajra_al.records import AuditEntry, Person
from mlvajra_al.services import auditing
from mlvajra_al.web.auth import who_asks
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import clock, empty, plain, plural, side_by_side

PAGE = 100


def draw(person: Person) -> None:
    """Draw the filters and the acts they leave."""
    wanted = _filters(person)
    found = auditing.count(store(), person, wanted)
    if not found:
        why = "Every privileged act appears here."
        if wanted != auditing.Filter():
            why = "No act fits what is chosen above; choose less."
        empty("Nothing here", why, icon=":material/history:")
        return
    entries = _page(person, wanted, found)
    _whole(_table(entries))
    asking = who_asks()
    st.download_button(
        f"Download {plural(found, 'act')} as CSV",
        lambda: b"".join(auditing.csv(store(), asking(), wanted, now=now())),
        file_name=f"audit-{now():%Y-%m-%d}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _filters(person: Person) -> auditing.Filter:
    choices = auditing.choices(store(), person)
    acts, places = side_by_side(2, at_least=300)
    with acts:
        left, right = side_by_side(2, at_least=140)
    with left:
        who = _one_of("Who", choices.people)
    with right:
        what = _one_of("What", choices.actions)
    with places:
        left, right = st.columns([2, 3])  # two dates are wide; on a phone one below the other
    with left:
        project = _one_of("Project", choices.projects)
    with right:
        days = st.date_input("From and to", [], key="trail:days", format="YYYY-MM-DD")
    since, until = between(days if isinstance(days, tuple) else (days,), _zone())
    return auditing.Filter(
        person=who,
        action=what,
        project=project,
        since=since,
        until=until,
    )


def _one_of(label: str, names: Sequence[str]) -> str | None:
    """Draw a choice among names, whatever they say; None where none is chosen."""
    return st.selectbox(
        label,
        [None, *names],
        format_func=lambda name: "any" if name is None else name,
        key=f"trail:{label.lower()}",
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
    if found <= PAGE:
        st.caption(f"{plural(found, 'act')}; choose a row to read all of it")
        return entries
    first = PAGE * (len(before) - 1) + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Newer", disabled=len(before) == 1, icon=":material/chevron_left:"):
            before.pop()
            st.rerun()
        if st.button("Older", disabled=len(entries) < PAGE, icon=":material/chevron_right:"):
            before.append(entries[-1].id)
            st.rerun()
        st.caption(
            f"{first:,} to {first + len(entries) - 1:,} of {plural(found, 'act')}; "
            "choose a row to read all of it"
        )
    return entries


def _table(entries: tuple[AuditEntry, ...]) -> AuditEntry | None:
    """Draw acts, what happened first: that is what a phone has room for. Return the chosen one."""
    picked = st.dataframe(
        pd.DataFrame([_row(entry) for entry in entries]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"trail:{entries[0].id}:{len(entries)}",
        column_config={
            "When": st.column_config.TextColumn(width=112),
            "What": st.column_config.TextColumn(width=120),
            "Who": st.column_config.TextColumn(width=110),
            "Project": st.column_config.TextColumn(width=110),
            "Detail": st.column_config.TextColumn(width="large"),
        },
        alt="Privileged acts, newest first; choose a row to read all of it",
    )
    chosen = picked.selection.rows
    return entries[chosen[0]] if chosen else None


def _whole(entry: AuditEntry | None) -> None:
    """Draw all of an act in lines that break."""
    if entry is None:
        return
    with st.container(border=True, gap=None):
        st.markdown(f"**{plain(entry.action)}**")
        st.markdown(plain(entry.detail))
        where = f" in {entry.project}" if entry.project else ""
        st.caption(plain(f"{entry.person or auditing.SERVER}{where}, {clock(entry.at)}"))


def _row(entry: AuditEntry) -> dict[str, str]:
    return {
        "When": clock(entry.at),
        "What": entry.action,
        "Who": entry.person or auditing.SERVER,
        "Project": entry.project or "",
        "Detail": entry.detail,
    }
