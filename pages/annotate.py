"""Label: the card, the guidelines, and what one has said before."""

from __future__ import annotations

import streamlit as st

from mlvajra_al.records import Action, Annotation, Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import answers, overview
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import live, require_role
from mlvajra_al.web.card.card import labelling_card
from mlvajra_al.web.context import lease, now, store
from mlvajra_al.web.views.label_choice import label_choice
from mlvajra_al.web.views.names import answer_words

PER_PAGE = 10
SAID = {"skip": "skipped", "flag": "flagged"}
Kind = tuple[Action | None, str | None]
KINDS: dict[Kind, str] = {
    (None, None): "Everything",
    ("skip", None): "What I skipped",
    ("flag", None): "What I flagged",
}
ROOM = "<style>.stMainBlockContainer {padding-top: 4rem; padding-bottom: 2rem}</style>"


def main() -> None:
    """Draw the page."""
    person = require_role()
    project = widgets.current_project(person)
    st.html(ROOM)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(widgets.plain(project.name), anchor=False)
        view = st.segmented_control(
            "View",
            ["Label", "My answers"],
            default="Label",
            required=True,
            label_visibility="collapsed",
            key="annotate_view",
        )
    if view == "My answers":
        my_answers(project)
        return
    if person.role == "admin" and not overview.imports(store(), person, project.name):
        widgets.page_link("data", "Import data", icon=":material/upload_file:")
    labelling_card(project, person)
    guidelines(project)


def guidelines(project: Project) -> None:
    """Draw what the admin wrote, and what the labels mean."""
    defined = [label for label in project.labels if label.definition]
    if not project.guidelines and not defined:
        return
    with st.expander("Guidelines", icon=":material/menu_book:"):
        st.markdown(widgets.without_images(project.guidelines))
        for label in defined:
            st.markdown(f"**{widgets.plain(label.display)}**: {widgets.plain(label.definition)}")


@live()
def my_answers(person: Person, project: Project) -> None:
    """List what the person said, newest first, to search, change and take back."""
    kinds = KINDS | {
        ("answer", label.name): f"Answered: {label.display}" for label in project.labels
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", key="mine_text", icon=":material/search:", placeholder="Words of the sample"
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
    found = answers.mine(store(), person, project.name, wanted=wanted, limit=PER_PAGE + 1)
    if not found:
        widgets.empty(
            "Nothing here",
            "What you say about a sample appears here, to be changed or taken back.",
            icon=":material/history:",
        )
    for said in found[:PER_PAGE]:
        _row(project, person, said)
    _paging(found)


def _row(project: Project, person: Person, said: answers.Said) -> None:
    event = said.annotation
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(widgets.plain(said.beginning) or "*(empty)*")
            words = [widgets.ago(event.created_at), SAID.get(event.action, "")]
            words.append("late: it had gone to somebody else" if event.late else "")
            words.append(f"“{event.comment}”" if event.comment else "")
            st.caption(widgets.plain(" · ".join(word for word in words if word)))
        with st.container(width=320, horizontal=True, vertical_alignment="center"):
            chosen = (_several if project.multilabel else _one)(project, event)
            back = st.button("Take back", key=f"back_{event.event_id}")
    if back:
        _change(project, person, said, None)
    elif chosen is not None and chosen != event.label:
        _change(project, person, said, chosen)


def _one(project: Project, event: Annotation) -> str | None:
    """Draw the label that was given, to be changed."""
    names = {label.name: label.display for label in project.labels}
    return st.selectbox(
        "Label",
        list(names),
        index=list(names).index(event.label) if event.label in names else None,
        format_func=lambda name: names[name],
        placeholder="Give it a label",
        label_visibility="collapsed",
        key=f"change_{event.event_id}",
    )


def _several(project: Project, event: Annotation) -> str | None:
    """Draw the labels that were given, to be changed at once: one after another would be lost."""
    before = None if event.label is None else project.names_in(event.label)
    words = answer_words(project, event.label) or "Give it labels"
    with st.popover(widgets.plain(widgets.shorten(words, 30)), width="stretch"):
        given = label_choice(project, before or (), key=f"change_{event.event_id}")
        if st.button("Save", type="primary", key=f"save_{event.event_id}"):
            return to_text(given)
    return None


def _change(project: Project, person: Person, said: answers.Said, label: str | None) -> None:
    words = "Taken back." if label is None else "Changed."
    done = widgets.act(
        words,
        lambda: answers.change(
            store(),
            person,
            project.name,
            before=said.annotation,
            label=label,
            at=(now(), lease()),
        ),
    )
    if done:
        st.rerun()


def _cursor(query: tuple[str | None, ...]) -> list[int]:
    """Return where this page and the pages before it begin; anew for another query."""
    known = st.session_state.get("mine_cursor")
    if known is None or known[0] != query:
        known = st.session_state["mine_cursor"] = (query, [0])
    starts: list[int] = known[1]
    return starts


def _paging(found: tuple[answers.Said, ...]) -> None:
    starts: list[int] = st.session_state["mine_cursor"][1]
    with st.container(horizontal=True, horizontal_alignment="center"):
        if len(starts) > 1:
            st.button(
                "Newer", icon=":material/chevron_left:", on_click=starts.__delitem__, args=(-1,)
            )
        if len(found) > PER_PAGE:
            last = found[PER_PAGE - 1].annotation.seq
            st.button(
                "Older", icon=":material/chevron_right:", on_click=starts.append, args=(last,)
            )


main()
