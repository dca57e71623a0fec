"""Moving the champion: promote, roll back, and every move there was."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mlvajra_al.errors import Damaged
from mlvajra_al.records import Person, Project
from mlvajra_al.services import champions
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.auth import dialog
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import act, clock, empty, flash


@dialog("Promote a version", "admin")
def promote(person: Person, project: Project, to: int) -> None:
    """Ask before the champion moves."""
    now_is = f"version {project.champion}" if project.champion else "no version"
    st.markdown(
        f"**Version {to}** becomes the champion in place of {now_is}. From then on predictions, "
        "*try it* and the API answer with it. What is asked next does not change."
    )
    st.caption("No label is changed.")
    reason = st.text_input("Why", placeholder="For the record", max_chars=300)
    if st.button("Promote", type="primary", key="promote-yes", width="stretch"):
        done = act(
            "",
            lambda: champions.promote(
                store(),
                person,
                project.name,
                number=to,
                expected=project.champion,
                reason=reason,
                now=now(),
            ),
        )
        if done:
            flash(f"Version {to} is the champion now. No label was changed.")


@dialog("Roll back", "admin")
def roll_back(person: Person, project: Project, to: int) -> None:
    """Ask before the champion goes back."""
    st.markdown(
        f"**Version {to}** becomes the champion again in place of version {project.champion}. "
        "Reports and explanations of both stay."
    )
    st.caption("No label is changed; the next retrain is a full fit on all of them.")
    reason = st.text_input("Why", placeholder="For the record", max_chars=300)
    if st.button("Roll back", type="primary", key="rollback-yes", width="stretch"):
        done = act(
            "",
            lambda: champions.rollback(
                store(),
                person,
                project.name,
                reason=reason,
                now=now(),
                expected=project.champion,
            ),
        )
        if done:
            flash(f"Version {to} is the champion again. No label was changed.")


def actions(person: Person, project: Project, chosen: VersionRow) -> None:
    """Draw the buttons that move the champion, one after the other."""
    back, why_not = _way_back(person, project)
    number = chosen.version.number
    if st.button(
        f"Promote version {number}",
        icon=":material/workspace_premium:",
        disabled=chosen.is_champion,
        help="It is the champion already" if chosen.is_champion else None,
        key="promote",
    ):
        promote(project, number)
    if (
        st.button(
            f"Roll back to version {back}" if back else "Roll back",
            icon=":material/undo:",
            disabled=back is None,
            help=why_not,
            key="rollback",
        )
        and back
    ):
        roll_back(project, back)


def _way_back(person: Person, project: Project) -> tuple[int | None, str | None]:
    """Return which version a rollback leads to; where there is none, why."""
    try:
        back = champions.rollback_to(store(), person, project.name)
    except Damaged:
        return None, "Every earlier champion is damaged"
    return back, None if back else "There is no earlier champion"


def history(person: Person, project: Project) -> None:
    """Draw every move of the champion."""
    moves = champions.promotions(store(), person, project.name)
    if not moves:
        empty("No champion yet", "Each promotion and rollback appears here.", icon="★")
        return
    frame = pd.DataFrame(
        [
            {
                "When": clock(move.created_at),
                "From": f"version {move.previous}" if move.previous else "none",
                "To": f"version {move.version}",
                "By": move.person or "the loop",
                "Why": move.reason,
            }
            for move in reversed(moves)
        ]
    )
    st.dataframe(frame, hide_index=True, alt="Promotions and rollbacks, newest first")
