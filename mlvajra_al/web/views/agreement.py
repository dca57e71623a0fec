"""What an examination of the labels found: how people agree, and how many labels look wrong."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Doubt, Examination, Version
from mlvajra_al.services.reviewing import Waiting
from mlvajra_al.web.widgets import interval_of, plain, plural, value_of

FEWEST = 50
"""So many labels a version has to have learnt from; a test holds it to what the engine asks for."""
NOT_YET = (
    f"Labels are looked at after each version that has learnt from at least {FEWEST} of them; "
    "answers about held out samples do not count, they measure."
)
SUREST = 0.99
"""No model is said to be surer than that."""
ALPHA = (
    "1 where everybody says the same, 0 where they agree as by chance. Second opinions and "
    "reviewers' decisions do not count: the ones are asked about hard cases, the others have seen "
    "what was said."
)


def doubt_line(doubt: Doubt, rather: str) -> None:
    """Say why a label looks wrong, or may be: what the model would do `rather`."""
    right = "" if doubt.sure else ", and it may well be right"
    st.info(
        f"Nobody has flagged this{right}. The model, taught by the other labels only, {rather}.",
        icon=":material/question_mark:",
    )


def waiting_words(waiting: Waiting) -> str:
    """Say how many samples there are to review, and how many may be worth a look."""
    if not waiting.possible:
        return f"{plural(waiting.needed, 'sample')} to review"
    possible = plural(waiting.possible, "possible mistake")
    return f"{waiting.needed:,} to review, {possible}" if waiting.needed else possible


def agreement_box(found: Examination | None, newest: Version | None) -> None:
    """Draw what the last examination found, or what it waits for."""
    with st.expander("How people agree, and what was checked"):
        if found is None:
            st.caption(f"{NOT_YET} {so_far(newest)}")
            return
        st.caption(plain(_checked(found)))
        alpha = found.agreement.alpha
        if alpha.value is None:
            st.caption(f"How far people agree: {plain(alpha.note)}.")
        else:
            st.markdown(f"**Krippendorff's alpha: {value_of(alpha)}**", help=ALPHA)
            shared = plural(found.agreement.shared, "sample")
            st.caption(f"{interval_of(alpha)}, on {shared} that several people have answered")
        if found.agreement.pairs:
            st.dataframe(
                [
                    {
                        "One": pair.one,
                        "Other": pair.other,
                        "Both answered": pair.shared,
                        "Same answer": f"{pair.same / pair.shared:.0%}",
                        "Kappa": "" if pair.kappa is None else f"{pair.kappa:.2f}",
                    }
                    for pair in found.agreement.pairs
                ],
                hide_index=True,
                width="stretch",
            )


def so_far(newest: Version | None) -> str:
    """Say how far the newest version is from what an examination asks for."""
    if newest is None:
        return "There is no version yet."
    learnt = plural(newest.n_labels, "label")
    if newest.n_labels < FEWEST:
        return f"The newest, version {newest.number}, has learnt from {learnt}."
    return f"Version {newest.number} has learnt from {learnt}: the look at them is still to come."


def _checked(found: Examination) -> str:
    words = (
        f"{plural(found.checked, 'label')} checked: {plural(found.sure, 'looks', 'look')} wrong, "
        f"{plural(found.doubted - found.sure, 'is a possible mistake', 'are possible mistakes')}; "
        f"{plural(found.second_opinions, 'sample')} asked again of somebody else."
        if found.checked
        else "Labels were not checked."
    )
    if not found.note:
        return words
    return f"{words} {found.note[0].upper()}{found.note[1:]}."
