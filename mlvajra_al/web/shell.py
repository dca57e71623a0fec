"""The frame of every page: navigation by role, the project picker, who is signed in.

Streamlit runs this file as its main script. It lies beside no ``pages`` folder and names each
page by its path: with such a folder Streamlit would serve pages to strangers at first.
"""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from mlvajra_al.records import Person, Role
from mlvajra_al.services import people
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import require_role
from mlvajra_al.web.frame import frame
from mlvajra_al.web.views.heading import heading

STATIC = Path(__file__).parent / "static"
SECTIONS: dict[str, tuple[tuple[str, str, Role], ...]] = {
    "Label": (
        ("home", "Home", "annotator"),
        ("annotate", "Annotate", "annotator"),
        ("review", "Review", "reviewer"),
    ),
    "Data and model": (
        ("data", "Data", "admin"),
        ("train", "Train", "admin"),
        ("simulate", "Simulate", "admin"),
        ("versions", "Versions", "admin"),
        ("explain", "Explain", "admin"),
    ),
    "Workspace": (("admin", "Admin", "admin"),),
}

ACCOUNT = (
    '<form class="mlv-account" method="post" action="/account/logout">'
    '<a href="/account/me" target="_self" title="Your account: password, sessions, tokens">'
    "<b>{name}</b><small>{role} · account</small></a>"
    '<button type="submit">Sign out</button></form>'
)


WHO: dict[Role, str] = {
    "reviewer": "reviewers and admins",
    "admin": "admins",
}


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_icon=str(STATIC / "logo.png"), layout="wide")
    frame.look()
    person = require_role()
    st.logo(str(STATIC / "logo.png"), size="large")
    page = st.navigation(_menu(person))
    project = widgets.picked_project(widgets.open_projects(person))
    st.set_page_config(page_title=_tab_title(page, project))
    _account(person)
    page.run()


def _tab_title(page: st.Page, project: str | None) -> str:
    """Name the page and its project; Admin is about all of them."""
    about = project if page.url_path != "admin" else None
    return " · ".join(filter(None, (page.title, about, "mlvajra")))


def _menu(person: Person) -> dict[str, list[st.Page]]:
    return {
        section: [_page(person, *entry) for entry in entries]
        for section, entries in SECTIONS.items()
    }


def _page(person: Person, name: str, title: str, role: Role) -> st.Page:
    """Return a page, or in its place one that says for whom it is, which no menu shows."""
    if people.may(person, role):
        path = widgets.PAGES / f"{name}.py"
        return st.Page(path, title=title, url_path=name, default=name == "home")
    refusal = partial(_refused, title, role)
    return st.Page(refusal, title=title, url_path=name, visibility="hidden")


def _refused(title: str, role: Role) -> None:
    heading(title)
    st.warning(
        f"{title} is for {WHO[role]}; ask an admin of this project if you need it.",
        icon=":material/lock:",
    )
    widgets.page_link("home", "Home", icon=":material/arrow_back:")


def _account(person: Person) -> None:
    with st.sidebar:
        st.html(ACCOUNT.format(name=escape(person.name), role=person.role))
        frame.manners()


if __name__ == "__main__":  # under Streamlit it is; an import draws nothing
    main()
