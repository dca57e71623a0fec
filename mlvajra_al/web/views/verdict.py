"""Which of two versions is better, in words and figures."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Verdict
from mlvajra_al.web.charts import look, reports
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.heading import figure
from mlvajra_al.web.widgets import interval_of, measure_words, plain, side_by_side

HOW_STRICTLY = (
    "Judged strictly, to protect the champion somebody chose: over fifty retrains of a project, at "
    "most one in twenty projects ever promotes a version that is no better."
)
HOW_PLAINLY = (
    "The champion is provisional: it was the first there was, and nobody has chosen it. A version "
    "whose lead would come about by luck at most once in twenty times is called better; once you "
    "have promoted one, it takes stricter proof to replace it."
)


def verdict_view(verdict: Verdict) -> None:
    """Draw a verdict: words, the pairs, the difference with its interval."""
    words = sentence(verdict.advice)
    if verdict.better:
        st.success(plain(words), icon=":material/trending_up:")
    else:
        st.info(plain(words), icon=":material/balance:")
    st.caption(HOW_PLAINLY if verdict.provisional else HOW_STRICTLY)
    closer = "Version {} has fewer labels wrong" if verdict.nearer else "Only version {} right"
    left, right = side_by_side(2, at_least=300)
    with left, st.container(border=True, height="stretch"):
        st.markdown(f"**On the same {verdict.n} holdout samples**")
        st.table(
            {
                f"Version {verdict.champion}: {verdict.metric}": figure_of(verdict.champion_value),
                f"Version {verdict.challenger}: {verdict.metric}": figure_of(
                    verdict.challenger_value
                ),
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
            figure(f"{verdict.difference.value:+.3f}")
            st.caption(plain(interval_of(verdict.difference)))
            look.show(reports.difference(verdict.difference), key="difference", alt="Difference")


def luck(verdict: Verdict) -> str:
    """Return how likely the lead is luck, and how likely it may be."""
    if verdict.p_value is None or not verdict.alpha:
        return figure_of(verdict.p_value)
    return f"{figure_of(verdict.p_value)}; {verdict.alpha:.3f} or less needed"


def figure_of(value: float | None) -> str:
    """Return a number for a table."""
    return "too few to say" if value is None else f"{value:.3f}"
