"""Review: what people flagged, skipped or see differently, and doubtful labels, to decide."""

from __future__ import annotations

from dataclasses import astuple

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import advice, reviewing, versions
from mlvajra_al.services.reviewing import Case, Decision
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.card.card import sample_card
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.keys import keys
from mlvajra_al.web.views.agreement import agreement_box, doubt_line, waiting_words
from mlvajra_al.web.views.cases import case_on_screen, is_as_drawn, note_settled, reach_of
from mlvajra_al.web.views.decisions import decisions_box, just_decided, last_decisions
from mlvajra_al.web.views.guidelines import guidelines
from mlvajra_al.web.views.heading import slim_heading
from mlvajra_al.web.views.label_choice import label_boxes, label_buttons, label_keys
from mlvajra_al.web.views.said import label_words, rather, skipped_line, what_was_said

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
    reach = reach_of(project)
    found = reviewing.cases(store(), person, project.name, limit=reach)
    waits = reviewing.waiting(store(), person, project.name)
    decisions = last_decisions(person, project)
    keys.style(OWN_KEYS | SAVE)
    with slim_heading("Review", project):
        st.caption(waiting_words(waits), width="content")
        st.space("stretch")
        guidelines(project)
        just_decided(person, project, decisions)
    if not found:
        widgets.empty(
            "Nothing to review",
            "Samples appear here when somebody flags them, when two people skip them or answer "
            "differently, or when a label looks wrong beside all the others.",
            icon=":material/task_alt:",
        )
        keys.keys(
            {"u": OWN_KEYS["u"]}, about=f":{st.session_state.get('decided')}", decides=DECIDES
        )
        decisions_box(person, project, decisions)
        _agreement(person, project)
        return
    total = sum(astuple(waits)) if len(found) == reach else len(found)
    case = case_on_screen(project, person, found, total=total)
    left, right = st.columns([3, 2], gap="large")
    with left:
        if case.doubt is not None:  # first: on a phone the buttons stand over what is below
            doubt_line(case.doubt, rather(project, case.doubt))
        if case.skipped_by:
            skipped_line(case.skipped_by)
        sample_card(case.card, key=f"case_{case.sample_key}")
    with right:
        _decide(project, person, case)
        what_was_said(project, case)
    decisions_box(person, project, decisions)
    _agreement(person, project)


def _agreement(person: Person, project: Project) -> None:
    """Draw how people agree."""
    rows = versions.foremost(store(), person, project.name)
    newest = rows[-1].version if rows else None
    agreement_box(advice.examination(store(), person, project.name), newest)


def _decide(project: Project, person: Person, case: Case) -> None:
    # Buttons belong to their case: a second click, still on the old page, decides nothing else.
    as_drawn = is_as_drawn(project, case)
    with st.container(key="pad"):
        st.markdown("**Your decision**")
        chosen = (_several if project.multilabel else _one)(project, case)
        with st.container(horizontal=True, key="act"):
            asked = st.button(
                "Ask somebody else",
                key=f"ask_{case.sample_key}",
                help="Whoever has not said anything about it yet",
            )
            stays = label_words(project, case.label)
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
    if not as_drawn and (chosen is not None or asked or left):
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
        note_settled(decision.sample_key)

    if widgets.act("", decide):
        st.rerun()
    keys.refused()


main()
