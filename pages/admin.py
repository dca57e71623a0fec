"""People, their projects and sign-ins, and the record of every privileged act."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import streamlit as st

from mlvajra_al.records import Person, Role
from mlvajra_al.services import links, people
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.context import now, store
from mlvajra_al.web.views import memberships, sign_ins, trail
from mlvajra_al.web.views.heading import heading
from mlvajra_al.web.widgets import act, clock, flash, flashed, local, plain, side_by_side

person = require_role("admin")

ROLES: dict[Role, str] = {
    "annotator": "labels samples and sees progress",
    "reviewer": "labels, and decides on flagged samples",
    "admin": "everything: data, models, people",
}


def state(person: Person, simulated: frozenset[int]) -> str:
    """Say whether an account is open, and whether it is a person's."""
    if person.disabled_at:
        return "disabled"
    return "simulated" if person.id in simulated else "active"


def people_table(everybody: tuple[Person, ...]) -> Person | None:
    """Draw everybody and return the person chosen."""
    simulated = people.simulated(store())
    frame = pd.DataFrame(
        [
            {
                "Name": each.name,
                "Role": each.role,
                "State": state(each, simulated),
                "Since": local(each.created_at),
            }
            for each in everybody
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={"Since": st.column_config.DatetimeColumn(format="YYYY-MM-DD")},
        alt="People with an account",
    )
    by_name = {each.name: each for each in everybody}
    name = st.selectbox(
        "Account to change",
        list(by_name),
        index=None,
        placeholder="Choose a person",
        help="To change a role, reset a password, or disable an account",
    )
    return None if name is None else by_name.get(name)


def add_form(person: Person) -> None:
    """Draw the form for a new account."""
    turn = st.session_state.setdefault("people added", 0)
    with st.form(f"add:{turn}"):  # what was refused stays to be put right, what was done does not
        st.markdown("**Add a person**")
        name = st.text_input("Name", max_chars=80, autocomplete="off")
        role = st.radio("Role", get_args(Role), captions=list(ROLES.values()))
        password = st.text_input("First password", type="password", autocomplete="new-password")
        if st.form_submit_button("Add", type="primary", icon=":material/person_add:"):
            added = act(
                "",
                lambda: people.add(
                    store(), person, name=name, role=role, password=password, now=now()
                ),
            )
            if added:
                st.session_state["people added"] = turn + 1
                flash(f"{name.strip()} can sign in now, and can change the password there.")


def invite_box(person: Person) -> None:
    """Draw the button for a one-time link with which somebody makes an account."""
    with st.container(border=True):
        st.markdown("**Invite a person**")
        st.caption("A link that works once; whoever opens it chooses a name and a password.")
        role = st.selectbox("Role of the invited", get_args(Role))
        if st.button("Make a link", icon=":material/link:"):
            made = now()
            token = links.invite(store(), person, role=role, now=made)
            base = (st.context.url or "").split("/admin")[0].rstrip("/")
            st.code(f"{base}/account/join?token={token}", language=None, wrap_lines=True)
            st.caption(f"It works once, until {clock(made + links.LINK_LIFE)}.")


def change_box(person: Person, chosen: Person) -> None:
    """Draw what can be changed about an account."""
    with st.container(border=True):
        st.markdown(f"**{plain(chosen.name)}**")
        left, right = st.columns(2)
        with left:
            role_form(person, chosen)
            access_button(person, chosen)
        with right:
            password_form(person, chosen)


def role_form(person: Person, chosen: Person) -> None:
    """Draw the choice of another role."""
    roles = list(get_args(Role))
    with st.form(f"role:{chosen.id}", border=False):
        role = st.selectbox("Role", roles, index=roles.index(chosen.role))
        if st.form_submit_button("Set role"):
            changed = act(
                "",
                lambda: people.set_role(store(), person, name=chosen.name, role=role, now=now()),
            )
            if changed:
                flash(f"{chosen.name} has the role {role} now.")


def password_form(person: Person, chosen: Person) -> None:
    """Draw the form for a new password."""
    with st.form(f"password:{chosen.id}", border=False, clear_on_submit=True):
        password = st.text_input("New password", type="password", autocomplete="new-password")
        if st.form_submit_button("Reset password"):
            changed = act(
                "",
                lambda: people.set_password(
                    store(), person, name=chosen.name, password=password, now=now()
                ),
            )
            if changed:
                flash(f"{chosen.name} has a new password and is signed out everywhere.")


def access_button(person: Person, chosen: Person) -> None:
    """Draw the button that closes an account or opens it again."""
    if chosen.disabled_at:
        if st.button("Enable the account", icon=":material/lock_open:") and act(
            "", lambda: people.enable(store(), person, name=chosen.name, now=now())
        ):
            flash(f"{chosen.name} can sign in again.")
    elif st.button("Disable the account", icon=":material/block:") and act(
        "", lambda: people.disable(store(), person, name=chosen.name, now=now())
    ):
        flash(f"{chosen.name} can no longer sign in. What {chosen.name} said stays.")


def people_view(person: Person) -> None:
    """Draw the accounts and how new ones are made."""
    everybody = people.listed(store())
    chosen = people_table(tuple(each for each in everybody if not people.is_machine(each)))
    if machines := [plain(each.name) for each in everybody if people.is_machine(each)]:
        st.caption(
            f"Not listed: {', '.join(machines)}. By these names the history tells of commands "
            "on the server and of labels from files; nobody can sign in with them."
        )
    if chosen is not None:
        change_box(person, chosen)
    left, right = side_by_side(2, at_least=300)
    with left:
        add_form(person)
    with right:
        invite_box(person)


VIEWS = {
    ":material/group: People": people_view,
    ":material/folder_shared: Projects": memberships.draw,
    ":material/login: Sign-ins": sign_ins.draw,
    ":material/history: Audit trail": trail.draw,
}


def draw(person: Person) -> None:
    """Draw the page."""
    heading("Admin")
    with st.container():  # keeps its place when empty: the tabs would begin at the first again
        flashed()
    tabs = st.tabs(list(VIEWS), on_change="rerun", key="admin-tab", bind="query-params")
    for tab, view in zip(tabs, VIEWS.values(), strict=True):
        with tab:
            view(person)


draw(person)
