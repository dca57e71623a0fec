"""The frame of every page: navigation by role, the project picker, who is signed in.

Streamlit runs this file as its main script. It lies beside no ``pages`` folder and names each
page by its path: with such a folder Streamlit would serve pages to strangers at first.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from mlvajra_al.records import Person, Role
from mlvajra_al.services import people
from mlvajra_al.web import widgets
from mlvajra_al.web.auth import require_role

PAGES = Path(__file__).resolve().parents[2] / "pages"
STATIC = Path(__file__).parent / "static"
SECTIONS: dict[str, tuple[tuple[str, str, Role], ...]] = {
    "Label": (
        ("home", "Home", "annotator"),
        ("annotate", "Annotate", "annotator"),
        ("review", "Review", "reviewer"),
    ),
    "Model": (
        ("train", "Train", "admin"),
        ("versions", "Versions", "admin"),
        ("explain", "Explain", "admin"),
    ),
    "Project": (
        ("data", "Data", "admin"),
        ("admin", "Admin", "admin"),
    ),
}


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_title="mlvajra", page_icon=str(STATIC / "logo.png"), layout="wide")
    person = require_role()
    st.logo(str(STATIC / "logo.png"), size="large")
    page = st.navigation(_menu(person))
    widgets.chosen_project()
    _account(person)
    page.run()


def _menu(person: Person) -> dict[str, list[st.Page]]:
    return {
        section: found
        for section, pages in SECTIONS.items()
        if (
            found := [
                st.Page(PAGES / f"{name}.py", title=title, url_path=name, default=name == "home")
                for name, title, role in pages
                if people.may(person, role) and (PAGES / f"{name}.py").exists()
            ]
        )
    }


def _account(person: Person) -> None:
    with st.sidebar:
        st.html(
            f'<form method="post" action="/account/logout">'
            f'<a href="/account/password" target="_self">{escape(person.name)}</a> '
            f"<button>Sign out</button></form>"
        )


main()
