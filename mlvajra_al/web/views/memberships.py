"""Who may see which project: the choice of a project, its members, open or restricted."""

from __future__ import annotations

from functools import partial

import streamlit as st

from mlvajra_al.records import Person, Project
from mlvajra_al.services import members, people, projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.widgets import act, empty, flash, plain, side_by_side

OPEN, RESTRICTED = "everybody in the workspace", "members and admins only"


def draw(person: Person) -> None:
    """Draw the members of a project and what can be changed about them."""
    found = {item.name: item for item in projects.listed(store(), person, archived=True)}
    if not found:
        empty(
            "No project yet", "Projects appear here once there are any.", icon=":material/folder:"
        )
        return
    here = st.session_state.get("project")  # that of the sidebar
    name = st.selectbox(
        "Project",
        list(found),
        index=list(found).index(here) if here in found else 0,
        key=f"members:project:{here}",
    )
    project = found[str(name)]
    _access(person, project)
    left, right = side_by_side(2, at_least=300)
    with left:
        _listed(person, project)
    with right:
        _add(person, project)


def _access(person: Person, project: Project) -> None:
    now_seen = RESTRICTED if project.restricted else OPEN
    wanted = st.radio(
        "Who may see it",
        (OPEN, RESTRICTED),
        index=int(project.restricted),
        key=f"members:access:{project.id}:{now_seen}",
        horizontal=True,
    )
    if wanted == now_seen:
        return
    restricted = wanted == RESTRICTED
    if act(
        "",
        lambda: members.set_restricted(
            store(), person, project.name, restricted=restricted, now=now()
        ),
    ):
        flash(f"{project.name} is open to {wanted} now.")


def _listed(person: Person, project: Project) -> None:
    st.markdown("**Members**")
    found = members.listed(store(), person, project.name)
    if not found:
        st.caption("Nobody yet. Admins see every project without being members.")
    for item in found:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{plain(item.name)} :gray[{item.role}]")
            if st.button("Remove", key=f"members:remove:{project.id}:{item.name}") and act(
                "",
                partial(members.remove, store(), person, project.name, name=item.name, now=now()),
            ):
                flash(f"{item.name} no longer belongs to {project.name}; the answers stay.")


def _add(person: Person, project: Project) -> None:
    inside = {item.name for item in members.listed(store(), person, project.name)}
    outside = [
        each.name
        for each in people.listed(store())
        if not each.disabled_at and each.name not in inside and not people.is_machine(each)
    ]
    with st.form(f"members:add:{project.id}", border=False):
        names = st.multiselect("Add members", outside, placeholder="Choose people")
        if st.form_submit_button("Add", icon=":material/person_add:") and names:
            verbs = [
                partial(members.add, store(), person, project.name, name=name, now=now())
                for name in names
            ]
            if all([act("", verb) for verb in verbs]):
                flash(f"{', '.join(names)} can work on {project.name} now.")
