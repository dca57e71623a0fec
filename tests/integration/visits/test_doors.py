"""Which page opens for whom, and hostile words on each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Label, Person, Project, Role
from mlvajra_al.services import projects
from mlvajra_al.store.database import Store
from tests.factories import a_draft, a_person, rank
from tests.integration.visits.visiting import ROOT, Visitor, say, words

NAMES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
NEEDS: dict[str, Role] = {"home": "annotator", "annotate": "annotator", "review": "reviewer"}
RANKS: dict[Role, int] = {"annotator": 0, "reviewer": 1, "admin": 2}


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_checks_the_role_itself(
    visitor: Callable[..., Visitor], project: Project, name: str, role: Role
) -> None:
    needed = NEEDS.get(name, "admin")
    page = visitor(role).opens_alone(name) if RANKS[role] < RANKS[needed] else None
    if page is None:
        page = visitor(role).opens(name)
        assert not page.warning
        assert not page.exception
        return
    assert page.warning[0].value == f"This page is for {needed}s. Ask an admin if you need it."
    assert len(page.main) == 1, "and shows nothing else"


@pytest.mark.parametrize("name", NAMES)
def test_no_page_shows_anything_without_a_session(
    store: Store, project: Project, name: str
) -> None:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30).run()
    assert page.warning[0].value.startswith("Your session has ended.")
    assert "spam" not in words(page)


HOSTILE = "<img src=x onerror=alert(1)> **b** [l](http://evil.example) :material/delete: $x$"
LIVE = re.compile(r"(?<!\\)<img|\]\(http|\*\*b\*\*|:material/delete:|\$x\$")


def hostile(store: Store, admin: Person) -> None:
    """Store a project whose every word is an attempt, with answers and a flag."""
    labels = [
        Label(f"{HOSTILE} {place}", f"{HOSTILE} shown {place}", key, "#2563eb", HOSTILE)
        for place, key in enumerate("12")
    ]
    drafted = replace(a_draft("spam"), labels=tuple(labels), guidelines="plain")
    rank(store, projects.create(store, admin, drafted), 6)
    ada = a_person(store, f"Ada {HOSTILE}"[:80])
    say(store, ada, "p0", labels[0].name)
    say(store, ada, "p1", None, action="flag", why=HOSTILE)
    say(store, admin, "p1", labels[1].name)


@pytest.mark.parametrize(
    ("name", "remembered"),
    [
        ("home", {}),
        ("annotate", {"annotate_view": "My answers"}),
        ("review", {}),
        ("train", {}),
        ("versions", {}),
        ("explain", {}),
        *(("data", {"data-tab": tab}) for tab in (
            ":material/table: Columns", ":material/label: Labels", ":material/archive: Archive",
        )),
        ("admin", {}),
    ],
)  # fmt: skip
def test_words_of_people_reach_markdown_only_escaped(
    store: Store, admin: Visitor, name: str, remembered: dict[str, str]
) -> None:
    hostile(store, admin.person)
    page = admin.opens(name, **remembered)
    assert not page.exception
    kinds = (page.title, page.subheader, page.markdown, page.caption, page.warning, page.error)
    shown = [element.value for kind in kinds for element in kind]
    shown += [button.label for button in page.button] + [
        button.help or "" for button in page.button
    ]
    for text in shown:
        assert not LIVE.search(text)
