"""Label: the card, the guidelines, and what one has said before."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Action, Person, Project
from mlvajra_al.services import answers, overview
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import live, require_role
from mlvajra_al.web.card.card import labelling_card
from mlvajra_al.web.context import store
from mlvajra_al.web.views.guidelines import guidelines
from mlvajra_al.web.views.heading import slim_heading
from mlvajra_al.web.views.own_word import carry_out, change, last_change, own_word

PER_PAGE = 10
SAID = {"skip": "skipped", "flag": "flagged"}
Kind = tuple[Action | None, str | None]
KINDS: dict[Kind, str] = {
    (None, None): "Everything",
    ("skip", None): "What I skipped",
    ("flag", None): "What I flagged",
}


def main() -> None:
    """Draw the page."""
    person = require_role()
    project = widgets.current_project(person)
    with slim_heading("Annotate", project):
        st.space("stretch")
        view = st.segmented_control(
            "View",
            ["Label", "My answers"],
            default="Label",
            required=True,
            label_visibility="collapsed",
            key="annotate_view",
            bind="query-params",
        )
        if view == "Label":
            guidelines(project)
    if view == "My answers":
        my_answers(project)
        return
    if person.role == "admin" and not overview.imports(store(), person, project.name):
        widgets.page_link("data", "Import data", icon=":material/upload_file:")
    labelling_card(project, person)


@live()
def my_answers(person: Person, project: Project) -> None:
    """List what the person said, newest first, to search, change and take back."""
    kinds = KINDS | {
        ("answer", label.name): f"Answered: {label.display}" for label in project.labels
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="mine_text",
            icon=":material/search:",
            placeholder="Words of the sample, or of your comment",
        )
        action, label = st.selectbox(
            "Show",
            list(kinds),
            format_func=kinds.__getitem__,
            key=f"mine_kind:{project.id}",
        )
    wanted = answers.Wanted(
        action=action,
        label=label,
        text=text,
        before=_cursor((project.name, text, action, label))[-1],
    )
    carry_out(person, project, back=_take_back)
    found = answers.mine(store(), person, project.name, wanted=wanted, limit=PER_PAGE + 1)
    last_change(project, "Newest first" if found.said else "")
    if found.further is not None:
        st.caption(f"Looked through {answers.LOOK_BACK:,} of your answers so far.")
    elif not found.said:
        _none(sought=bool(text.strip() or action))
    for said in found.said[:PER_PAGE]:
        own_word(project, person, said, about=_about(said))
    _paging(found)


def _none(*, sought: bool) -> None:
    """Say that nothing was said, or nothing like what is looked for."""
    if not sought:
        widgets.empty(
            "Nothing here",
            "What you say about a sample appears here, to be changed or taken back.",
            icon=":material/history:",
        )
        return
    widgets.empty(
        "No answer matches",
        "What you said is still there: search for other words, or show everything.",
        icon=":material/filter_alt_off:",
    )
    with st.container(horizontal_alignment="center"):
        st.button("Clear", icon=":material/close:", on_click=_clear)


def _clear() -> None:
    st.session_state["mine_text"] = ""
    for key in [key for key in st.session_state if str(key).startswith("mine_kind:")]:
        del st.session_state[key]


def _about(said: answers.Said) -> tuple[str, ...]:
    event = said.annotation
    late = "late: it had gone to somebody else" if event.late else ""
    return SAID.get(event.action, ""), late, f"“{event.comment}”" if event.comment else ""


def _take_back(person: Person, project: Project, said: answers.Said) -> None:
    change(person, project, said, None)


def _cursor(query: tuple[str | None, ...]) -> list[int]:
    """Return where this page and the pages before it begin; anew for another query."""
    known = st.session_state.get("mine_cursor")
    if known is None or known[0] != query:
        known = st.session_state["mine_cursor"] = (query, [0])
    starts: list[int] = known[1]
    return starts


def _paging(found: answers.Found) -> None:
    starts: list[int] = st.session_state["mine_cursor"][1]
    with st.container(horizontal=True, horizontal_alignment="center"):
        if len(starts) > 1:
            st.button(
                "Newer", icon=":material/chevron_left:", on_click=starts.__delitem__, args=(-1,)
            )
        last, words = found.further, "Look further back"
        if len(found.said) > PER_PAGE:
            last, words = found.said[PER_PAGE - 1].annotation.seq, "Older"
        if last is not None:
            st.button(words, icon=":material/chevron_right:", on_click=starts.append, args=(last,))


main()
