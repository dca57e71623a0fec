"""Everybody's sign-ins and API tokens, and who was invited: to look at and to end."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.records import Person, Session
from mlvajra_al.services import links, sessions, tokens
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import act, ago, clock, flash, plural


def draw(person: Person) -> None:
    """Draw what lets somebody in at present."""
    at = now()
    st.markdown("**Browsers**")
    browsers = sessions.everybodys(store(), person, now=at)
    _table(person, "browsers", browsers, [_browser(item) for item in browsers])
    st.markdown("**API tokens**")
    programs = tokens.listed(store(), person, now=at)
    _table(person, "tokens", programs, [_program(item) for item in programs])
    _invitations(person)


def _browser(item: Session) -> dict[str, Any]:
    return {
        "Who": item.person,
        "Where": item.agent or "unknown",
        "Last seen": ago(item.seen_at),
        "Since": clock(item.created_at),
        "Until": clock(item.expires_at),
    }


def _program(item: Session) -> dict[str, Any]:
    may = "everything" if item.scopes is None else ", ".join(sorted(item.scopes))
    return {
        "Who": item.person,
        "What for": item.name,
        "May": may,
        "Last used": ago(item.seen_at),
        "Until": clock(item.expires_at),
    }


def _table(
    person: Person, what: str, found: tuple[Session, ...], rows: list[dict[str, Any]]
) -> None:
    if not found:
        st.caption("None.")
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={name: st.column_config.TextColumn(width=110) for name in rows[0]},
        alt=f"Valid {what}",
    )
    named = {item.id: _named(item) for item in found}
    with st.form(f"end:{what}", border=False):
        chosen = st.multiselect(
            f"End some of these {what}",
            list(named),
            format_func=lambda number: named[number],
            placeholder="Choose",
        )
        if st.form_submit_button("End", icon=":material/logout:") and chosen:
            _end(person, chosen)


def _named(item: Session) -> str:
    """Name a sign-in so that it is not mixed up with others of the same browser."""
    what = item.name or item.agent or "unknown"
    return f"{item.person}: {what}, since {clock(item.created_at)} ({item.id})"


def _end(person: Person, chosen: list[int]) -> None:
    verbs = (partial(sessions.revoke, store(), person, number, now=now()) for number in chosen)
    if all([act("", verb) for verb in verbs]):
        flash(f"Ended {plural(len(chosen), 'sign-in')}.")


def _invitations(person: Person) -> None:
    waiting = links.waiting(store(), person, now=now())
    if not waiting:
        return
    st.markdown("**Invitations nobody has used yet**")
    for item in waiting:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{item.role} :gray[made {ago(item.created_at)}]")
            if st.button("Withdraw", key=f"withdraw:{item.id}") and act(
                "", partial(links.withdraw, store(), person, item.id, now=now())
            ):
                flash("The invitation is worth nothing now.")
