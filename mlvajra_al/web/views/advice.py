"""Whether to go on labelling: the engine's advice in words, and what it rests on."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import NOTHING_LEFT, Advice, Measure, Rest
from mlvajra_al.web.views.reach import OutOfReach
from mlvajra_al.web.widgets import interval_of, plain, plural, shorten, value_of

LOOK = {
    "too_early": (":material/hourglass_empty:", "gray"),
    "go_on": (":material/trending_up:", "blue"),
    "stop": (":material/flag:", "green"),
}
NEXT_TO_NOTHING = 0.001
NAME = 48
"""Letters of what is estimated: it names a label, which may be long."""
ESTIMATE = (
    "What the model's own probabilities of held out samples promise, with a 95% band: an estimate, "
    "not a measure."
)
NOT_YET = (
    "Comes with the versions: it takes four of them, each from at least ten more labels, and 2% "
    "more, than the one before."
)


def advice_line(advice: Advice) -> None:
    """Draw the advice in one sentence."""
    icon, color = LOOK[advice.action]
    st.markdown(f":{color}[{icon}] {plain(advice.words)}")


def made_with(advice: Advice) -> None:
    """Say what the advice is: an estimate."""
    if advice.words != NOTHING_LEFT:
        st.caption(f"An estimate, made with version {advice.version}.")


def advice_in_short(advice: Advice | None) -> None:
    """Draw the advice in one sentence, and in a line below it the F1 that is estimated."""
    if advice is None:
        return
    advice_line(advice)
    measure = advice.estimated
    if measure.value is None:
        made_with(advice)
        return
    name = plain(shorten(measure.name.removeprefix("estimated "), NAME))
    st.caption(
        f"An estimate, made with version {advice.version}: {name} is probably "
        f"**{value_of(measure)}** ({interval_of(measure)}).",
        help=ESTIMATE,
    )


def asks_line(asks: str) -> None:
    """Draw by which strategy samples are asked about, and why by that one."""
    if asks:
        st.caption(f"**Asks next.** {plain(asks)}")


def advice_box(advice: Advice | None, never: OutOfReach | None) -> None:
    """Draw the advice with the three signs it rests on."""
    with st.container(border=True):
        st.markdown("**When to stop**")
        if advice is None:
            st.caption(NOT_YET)
            return
        advice_line(advice)
        made_with(advice)
        with st.grid(4 if advice.rest else 3, min_column_width=170):
            with st.container(gap=None):
                stability(advice)
            with st.container(gap=None):
                estimated(advice)
            with st.container(gap=None):
                outlook(advice, never)
            if advice.rest is not None:
                with st.container(gap=None):
                    remainder(advice, advice.rest)


def title(measure: Measure) -> str:
    """Return what is measured, as a line begins."""
    return measure.name[:1].upper() + measure.name[1:]


def stability(advice: Advice) -> None:
    """Draw how alike successive versions answer."""
    st.caption("Versions answer alike (kappa)")
    if advice.mean_kappa is not None:
        st.markdown(f"**{advice.mean_kappa:.3f}**")
        st.caption("mean of the last three steps; 0.99 is stable")
    elif advice.stability is not None and advice.stability.kappa is not None:
        st.markdown(f"**{advice.stability.kappa:.3f}**")
        st.caption(f"against version {advice.stability.earlier}; it takes three such steps")
    else:
        st.markdown("**Not known yet**")
        st.caption("it takes three steps, each of at least ten labels and 2% of all")


def estimated(advice: Advice) -> None:
    """Draw F1 as the model's own probabilities have it."""
    measure = advice.estimated
    st.caption(plain(title(measure)))
    if measure.value is None:
        st.markdown("**Not known**")
        st.caption(plain(measure.note))
        return
    st.markdown(f"**{value_of(measure)}**")
    st.caption(
        f"{interval_of(measure)}, from the model's own probabilities of "
        f"{plural(measure.n, 'sample')}"
    )


def remainder(advice: Advice, rest: Rest) -> None:
    """Draw what all samples that are left would bring."""
    st.caption(f"All {plural(rest.samples, 'sample')} left")
    share = rest.share if advice.mean_rest is None else advice.mean_rest
    st.markdown(f"**{gain_words(share * rest.today)}**")
    over = "today" if advice.mean_rest is None else "mean of the last three steps"
    st.caption(
        f"micro F1 ({share:.1%} of it, {over}), judged by the rise since {rest.since:,} labels; "
        "5% or less is enough"
    )


def gain_words(gain: float, margin: float = 0.0) -> str:
    """Return an estimated gain with its margin; of next to nothing, that it is that.

    >>> gain_words(0.0123, 0.004), gain_words(-0.002, 0.004), gain_words(0.0, 0.0002)
    ('+0.012 ± 0.004', '-0.002 ± 0.004', 'less than 0.001')
    >>> gain_words(0.0123)
    '+0.012'
    """
    if abs(gain) + margin < NEXT_TO_NOTHING:
        return f"less than {NEXT_TO_NOTHING}"
    return f"{gain:+.3f} ± {margin:.3f}" if margin else f"{gain:+.3f}"


def outlook(advice: Advice, never: OutOfReach | None) -> None:
    """Draw what the next labels would bring."""
    if advice.words == NOTHING_LEFT:
        st.caption("The next labels")
        st.markdown("**None**")
        st.caption("nothing is left to ask")
        return
    ahead = advice.forecast
    st.caption(f"The next {plural(ahead.labels, 'label')}" if ahead else "The next labels")
    if ahead is None:
        st.markdown("**Cannot be said**" if never else "**Cannot be said yet**")
        st.caption(plain(never.words if never else advice.missing))
        return
    st.markdown(f"**{gain_words(ahead.gain, ahead.margin)}**")
    st.caption(f"{plain(ahead.metric)}, read off the learning curve")
