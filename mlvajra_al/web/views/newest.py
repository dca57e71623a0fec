"""The newest version beside the champion: which of them one looks at, and how to weigh them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mlvajra_al.records import Measure, Progress
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.reach import OutOfReach, lacking
from mlvajra_al.web.widgets import go_to_page, interval_of, plain, plural, value_of

COMPARE_TAB = ":material/compare_arrows: Compare"


def headline(row: VersionRow) -> Measure | None:
    """Return a version's headline measure; None where it was never measured."""
    return row.summary.headline if row.summary else None


def newer(rows: Sequence[VersionRow]) -> VersionRow | None:
    """Return the newest version if the champion is an older one."""
    older = any(row.is_champion for row in rows) and not rows[-1].is_champion
    return rows[-1] if older else None


def first_version(state: Progress) -> str:
    """Say when the first version comes, or why it does not."""
    if not state.until_retrain:
        return plain(state.loop_message)
    return (
        f"The first one comes {plural(state.retrain_every, 'answer')} in, once two labels have "
        "been seen. Train starts one by hand."
    )


def compare_button(words: str, *, key: str) -> None:
    """Draw the way to the comparison of the champion with the newest version."""
    if st.button(words, icon=":material/compare_arrows:", key=key):
        st.session_state["versions-tab"] = COMPARE_TAB
        go_to_page("versions")


def looking_at(rows: Sequence[VersionRow], number: int) -> str:
    """Say which version one looks at while a newer one exists; nothing while none does."""
    row = next(row for row in rows if row.version.number == number)
    if row is rows[-1]:
        return ""
    this, newest = row.version, rows[-1].version
    who = f"the champion, version {number}" if row.is_champion else f"version {number}"
    return (
        f"You are looking at {who} ({plural(this.n_labels, 'label')}); version {newest.number} "
        f"({plural(newest.n_labels, 'label')}) is newer."
    )


def standing(row: VersionRow, title: str, never: OutOfReach | None) -> None:
    """Draw a version's headline measure with what it rests on, or why there is `never` one."""
    measure = headline(row)
    labels = f"Version {row.version.number}, learnt from {plural(row.version.n_labels, 'label')}"
    st.markdown(f"**{title}**")
    if measure is None:
        why = never.words if never else "there are no holdout answers"
        st.caption(f"Not measured yet: {why}.")
    elif measure.value is None:
        st.caption(plain(measure.name))
        st.markdown("**Too few to say**")
        st.caption(plain(sentence(lacking(measure, never))))
    else:
        st.metric(plain(measure.name), value_of(measure))
        st.caption(f"95% interval {interval_of(measure)}, {plural(measure.n, 'holdout answer')}")
    st.caption(labels)
