"""Which of two versions is better, in words and figures."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Verdict
from mlvajra_al.web.charts import look, reports
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.heading import figure
from mlvajra_al.web.widgets import interval_of, measure_words, plain, side_by_side

MOST = 50
"""Comparisons that share the error; a test holds it to what the engine counts to."""
HOW_STRICTLY = (
    "Judged strictly, to protect the champion somebody chose: over fifty retrains of a project, at "
    "most one in twenty projects ever promotes a version that is no better."
)
HOW_NEUTRALLY = "Neither is the champion: nothing is advised, and this look is not counted."
HOW_PLAINLY = (
    "The champion is provisional: it was the first there was, and nobody has chosen it. A version "
    "whose lead would come about by luck at most once in twenty times is called better; once you "
    "have promoted one, it takes stricter proof to replace it."
)


def before_comparing(number: int | None, *, again: bool) -> str:
    """Say what comparing two versions would count as; None where neither is the champion."""
    words = "Both are measured on the same holdout samples, those answered until now."
    if number is None:
        return f"{words} Neither is the champion, so nothing is advised and nothing counted."
    if not number:
        return f"{words} Nobody has chosen the champion yet, so this is not counted."
    if number > MOST:
        return f"{words} All {MOST} comparisons with the champion are spent: you decide."
    this = "With new answers, to compare again is" if again else "This is"
    return (
        f"{words} {this} comparison {number} of {MOST} with the champion: each is one more chance "
        "to promote a version by luck, so together they may spend 5%."
    )


def verdict_view(verdict: Verdict) -> None:
    """Draw a verdict: words, the pairs, the difference with its interval."""
    words = sentence(verdict.advice)
    if verdict.better:
        st.success(plain(words), icon=":material/trending_up:")
    else:
        st.info(plain(words), icon=":material/balance:")
    st.caption(how(verdict))
    if verdict.lacks:
        st.caption(plain(sentence(verdict.lacks)))
    closer = "Version {} has fewer labels wrong" if verdict.nearer else "Only version {} right"
    left, right = side_by_side(2, at_least=300)
    with left, st.container(border=True, height="stretch"):
        st.markdown(f"**On the same {verdict.n} holdout samples**")
        metric = plain(verdict.metric)
        st.table(
            {
                f"Version {verdict.champion}: {metric}": figure_of(verdict.champion_value),
                f"Version {verdict.challenger}: {metric}": figure_of(verdict.challenger_value),
                closer.format(verdict.champion): str(verdict.only_champion_right),
                closer.format(verdict.challenger): str(verdict.only_challenger_right),
                "Chance of such a lead by luck alone": luck(verdict),
            },
            border="horizontal",
            alt="Paired comparison",
        )
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Difference** :gray[with its 95% interval]")
        if verdict.difference.value is None:
            st.caption(plain(measure_words(verdict.difference)))
        else:
            figure(signed(verdict.difference.value))
            st.caption(plain(interval_of(verdict.difference)))
            pair = (verdict.champion, verdict.challenger)
            drawn = reports.difference(verdict.difference, pair)
            look.show(drawn, key="difference", alt="Difference")


def how(verdict: Verdict) -> str:
    """Say by what rule was judged."""
    if verdict.neutral:
        return HOW_NEUTRALLY
    return HOW_PLAINLY if verdict.provisional else HOW_STRICTLY


def luck(verdict: Verdict) -> str:
    """Return how likely the lead is luck, and how likely it may be."""
    found = figure_of(verdict.p_value)
    if verdict.p_value is not None and verdict.p_value < 0.001:
        found = "< 0.001"
    if verdict.p_value is None or not verdict.alpha:
        return found
    return f"{found}; {verdict.alpha:.3f} or less needed"


def signed(value: float) -> str:
    """Return a difference with its sign; what rounds to nothing has none.

    >>> signed(0.0204), signed(-0.0204), signed(-0.0001)
    ('+0.020', '-0.020', '0.000')
    """
    return f"{value:+.3f}" if round(value, 3) else "0.000"


def figure_of(value: float | None) -> str:
    """Return a number for a table."""
    return "too few to say" if value is None else f"{value:.3f}"
