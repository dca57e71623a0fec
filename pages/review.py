"""Review: what people flagged or see differently, and labels that look wrong, to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import streamlit as st

from mlvajra_al.records import Annotation, Doubt, Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import advice, reviewing, versions
from mlvajra_al.services.reviewing import Case, Decision
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.card.card import sample_card
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.keys import keys
from mlvajra_al.web.views.agreement import SUREST, agreement_box, doubt_line, waiting_words
from mlvajra_al.web.views.decisions import decisions_box, just_decided, last_decisions, outcome
from mlvajra_al.web.views.guidelines import guidelines
from mlvajra_al.web.views.heading import slim_heading
from mlvajra_al.web.views.label_choice import label_boxes, label_buttons, label_keys
from mlvajra_al.web.views.names import answer_words

LOADED = 50
"""So many cases are read at once; whoever steps to the last of them gets as many more."""
GONE = "The sample before this one was settled meanwhile, by somebody else; you decided nothing."
CHANGED = "What was said has changed meanwhile, so nothing was decided: look again."
OWN_KEYS = {
    "s": ".st-key-act > :nth-child(1) button",
    "f": ".st-key-act > :nth-child(2) button",
    "c": ".st-key-comment input",
    "u": ".st-key-undo button",
    "left": ".st-key-steps > :nth-child(1) button",
    "right": ".st-key-steps > :nth-child(2) button",
}
GUIDELINES = {"g": ".st-key-slim [data-testid=stPopoverButton]"}
SAVE = {"enter": ".st-key-save button"}
DECIDES = ".st-key-act button, .st-key-save button, .st-key-undo button, .st-key-steps button"


def main() -> None:
    """Draw the page."""
    person = require_role("reviewer")
    project = widgets.current_project(person)
    reach = _reach(project)
    found = reviewing.cases(store(), person, project.name, limit=reach)
    total = reviewing.waiting(store(), person, project.name)
    decisions = last_decisions(person, project)
    keys.style(OWN_KEYS | SAVE)
    with slim_heading("Review", project):
        st.caption(waiting_words(total), width="content")
        st.space("stretch")
        guidelines(project)
        just_decided(person, project, decisions)
    if not found:
        widgets.empty(
            "Nothing to review",
            "Samples appear here when somebody flags them, when two people answer differently, or "
            "when a label looks wrong beside all the others.",
            icon=":material/task_alt:",
        )
        keys.keys(
            {"u": OWN_KEYS["u"]}, about=f":{st.session_state.get('decided')}", decides=DECIDES
        )
        decisions_box(person, project, decisions)
        _agreement(person, project)
        return
    case = _chosen(project, found, of=len(found) if len(found) < reach else sum(astuple(total)))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if case.doubt is not None:  # first: on a phone the buttons stand over what is below
            doubt_line(case.doubt, _rather(project, case.doubt))
        sample_card(case.card, key=f"case_{case.sample_key}")
    with right:
        _decide(project, person, case)
        _said(project, case)
    decisions_box(person, project, decisions)
    _agreement(person, project)


def _agreement(person: Person, project: Project) -> None:
    """Draw how people agree."""
    rows = versions.foremost(store(), person, project.name)
    newest = rows[-1].version if rows else None
    agreement_box(advice.examination(store(), person, project.name), newest)


def _chosen(project: Project, found: tuple[Case, ...], *, of: int) -> Case:
    """Return the case on the screen; one that is settled makes room for the one behind it.

    `of` is how many there are, of which `found` may be the first.
    """
    waiting = [case.sample_key for case in found]
    known, place = st.session_state.get("case"), _place(project, len(waiting))
    at = waiting.index(known) if known in waiting else place
    if _is_gone(project, waiting):
        st.warning(GONE, icon=":material/update:")
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        for words, icon, to in (("Previous", "left", at - 1), ("Next", "right", at + 1)):
            there = 0 <= to < len(waiting)
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                disabled=not there,
                on_click=_go_to,
                args=(waiting[to] if there else waiting[at],),
            )
        st.caption(f"{at + 1:,} of {of:,}", width="content")
    st.session_state["case"] = waiting[at]
    st.session_state["place"] = (project.id, at)
    return found[at]


def _is_gone(project: Project, waiting: Sequence[str]) -> bool:
    """Say whether the case that was on the screen is settled, and not by who looks at it."""
    known, of = st.session_state.get("case"), st.session_state.get("place", (None, 0))[0]
    return of == project.id and known not in (st.session_state.get("settled"), *waiting)


def _reach(project: Project) -> int:
    """Return how many cases to read: those before the one on the screen, and some behind it."""
    of, at = st.session_state.get("place", (project.id, 0))
    return LOADED * (1 + (int(at) + 2) // LOADED) if of == project.id else LOADED


def _place(project: Project, waiting: int) -> int:
    """Return where the case stood that was on the screen last; the first once none is behind it."""
    of, at = st.session_state.get("place", (project.id, 0))
    return int(at) if of == project.id and at < waiting else 0


def _go_to(key: str) -> None:
    st.session_state["case"] = key


def _said(project: Project, case: Case) -> None:
    st.markdown("**What was said**")
    for event in case.said:
        with st.container(border=True, gap=None):
            st.markdown(f"**{widgets.plain(event.person)}** {_words(project, event)}")
            if event.comment:
                st.markdown(widgets.plain(event.comment))
            late = ", late: it had gone to somebody else" if event.late else ""
            st.caption(widgets.ago(event.created_at) + late)


def _words(project: Project, event: Annotation) -> str:
    if event.adjudicates:
        return "decided: " + widgets.plain(widgets.shorten(outcome(project, event), 60))
    if event.action == "answer":
        return "answered " + _display(project, event.label)
    return {"flag": "flagged it", "skip": "skipped it"}[event.action]


def _display(project: Project, label: str | None) -> str:
    return widgets.plain(widgets.shorten(answer_words(project, label), 60))


def _rather(project: Project, doubt: Doubt) -> str:
    """Say what the model would do with the label, or with which of several."""
    sure = f"({min(doubt.probability, SUREST):.0%} sure)"
    if not project.multilabel:
        likely, stands = _display(project, doubt.likely), _display(project, doubt.label)
        return f"would say **{likely}** {sure} and not {stands}"
    has, should = (set(project.names_in(label)) for label in (doubt.label, doubt.likely))
    changes = [
        f"{verb} **{_display(project, to_text(names))}**"
        for verb, names in (("add", should - has), ("leave out", has - should))
        if names
    ]
    return f"would {' and '.join(changes)} {sure}"


def _decide(project: Project, person: Person, case: Case) -> None:
    # Buttons belong to their case: a second click, still on the old page, decides nothing else.
    as_shown = _as_shown(project, case)
    with st.container(key="pad"):
        st.markdown("**Your decision**")
        chosen = (_several if project.multilabel else _one)(project, case)
        with st.container(horizontal=True, key="act"):
            asked = st.button(
                "Ask somebody else",
                key=f"ask_{case.sample_key}",
                help="Whoever has not said anything about it yet",
            )
            stays = _display(project, case.label)
            leave = f"Leave it as {stays}" if stays else "Leave it without a label"
            left = st.button(leave, key=f"leave_{case.sample_key}")
        told = st.container()
    with st.container(key="comment"):
        comment = st.text_input(
            "Comment",
            placeholder="Why (may stay empty); Enter leads back to the keys",
            key=f"why_{case.sample_key}",
            max_chars=2_000,
        )
    if not as_shown and (chosen is not None or asked or left):
        told.warning(CHANGED, icon=":material/update:")
        keys.refused()
    elif chosen is not None:
        _settle(project, person, Decision(case.sample_key, "label", chosen, comment))
    elif asked:
        _settle(project, person, Decision(case.sample_key, "ask_again", comment=comment))
    elif left:
        _settle(project, person, Decision(case.sample_key, "leave", comment=comment))
    with told:
        _keys(project, case)


def _as_shown(project: Project, case: Case) -> bool:
    """Say whether a case is what was on the screen when something was pressed there."""
    here = (project.id, case.sample_key)
    drawn = (case.label, [event.event_id for event in case.said])
    where, what = st.session_state.get("drawn", (here, drawn))
    st.session_state["drawn"] = (here, drawn)
    return bool(where != here or what == drawn)


def _one(project: Project, case: Case) -> str | None:
    return label_buttons(project, key=f"give_{case.sample_key}")


def _several(project: Project, case: Case) -> str | None:
    """Draw the labels to choose from, those first that at least half gave; return what is decided.

    Where two people differ that is all they gave: what one of them has missed is there, and what
    one has added is a key away.
    """
    said = [
        (event.person, project.names_in(event.label))
        for event in case.said
        if event.label is not None
    ]
    by = {
        label.name: [person for person, given in said if label.name in given]
        for label in project.labels
    }
    ticked = [name for name, people in by.items() if people and 2 * len(people) >= len(said)]
    chosen = label_boxes(project, ticked, by=by, key=f"give_{case.sample_key}")
    words = f"Save {widgets.plural(len(chosen), 'label')}" if chosen else "None of these"
    with st.container(key="save"):
        if st.button(words, key=f"decide_{case.sample_key}", type="primary", width="stretch"):
            return to_text(chosen)
    return None


def _keys(project: Project, case: Case) -> None:
    """Let keys press what is on the page; of them labels have none but perhaps g."""
    decided = st.session_state.get("decided")
    keys.keys(
        GUIDELINES | label_keys(project) | OWN_KEYS | (SAVE if project.multilabel else {}),
        about=f"{case.sample_key}:{decided}",
        decides=DECIDES if project.multilabel else f"{DECIDES}, .st-key-give button",
    )


def _settle(project: Project, person: Person, decision: Decision) -> None:
    def decide() -> None:
        recorded = reviewing.decide(
            store(), person, project.name, decision=decision, now=now(), lease=lease()
        )
        st.session_state["decided"] = recorded.event_id
        st.session_state["settled"] = decision.sample_key

    if widgets.act("", decide):
        st.rerun()
    keys.refused()


main()
