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

STATIC = Path(__file__).parent / "static"
SECTIONS: dict[str, tuple[tuple[str, str, Role], ...]] = {
    "Label": (
        ("home", "Home", "annotator"),
        ("annotate", "Annotate", "annotator"),
        ("review", "Review", "reviewer"),
    ),
    "Model": (
        ("train", "Train", "admin"),
        ("simulate", "Simulate", "admin"),
        ("versions", "Versions", "admin"),
        ("explain", "Explain", "admin"),
    ),
    "Project": (
        ("data", "Data", "admin"),
        ("admin", "Admin", "admin"),
    ),
}

STYLE = """<style>
.mlv-account {
  display: flex; align-items: center; gap: 8px; margin: 4px 0 0; padding-top: 14px;
  border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); font-size: .9rem;
}
.mlv-account a { flex: 1; min-width: 0; color: inherit; text-decoration: none; line-height: 1.3; }
.mlv-account b { display: block; overflow: hidden; text-overflow: ellipsis; font-weight: 600; }
.mlv-account small { opacity: .65; font-size: .8rem; }
.mlv-account a:hover small { text-decoration: underline; }
.mlv-account button {
  padding: 5px 12px; font: inherit; font-size: .85rem; color: inherit; cursor: pointer;
  background: transparent; border-radius: 8px;
  border: 1px solid color-mix(in srgb, currentColor 22%, transparent);
}
.mlv-account button:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
</style>"""
ACCOUNT = (
    '<form class="mlv-account" method="post" action="/account/logout">'
    '<a href="/account/me" target="_self" title="Your account: password, sessions, tokens">'
    "<b>{name}</b><small>{role} · account</small></a>"
    '<button type="submit">Sign out</button></form>'
)


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_title="mlvajra", page_icon=str(STATIC / "logo.png"), layout="wide")
    person = require_role()
    st.logo(str(STATIC / "logo.png"), size="large")
    page = st.navigation(_menu(person))
    widgets.picked_project(widgets.open_projects(person))
    _account(person)
    page.run()


def _menu(person: Person) -> dict[str, list[st.Page]]:
    return {
        section: found
        for section, pages in SECTIONS.items()
        if (
            found := [
                st.Page(
                    widgets.PAGES / f"{name}.py", title=title, url_path=name, default=name == "home"
                )
                for name, title, role in pages
                if people.may(person, role) and (widgets.PAGES / f"{name}.py").exists()
            ]
        )
    }


def _account(person: Person) -> None:
    with st.sidebar:
        st.html(STYLE + ACCOUNT.format(name=escape(person.name), role=person.role))


if __name__ == "__main__":  # under Streamlit it is; an import draws nothing
    main()
