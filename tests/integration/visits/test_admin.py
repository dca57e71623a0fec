"""The page about people: who is listed, who is not, and until when an invitation holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mlvajra_al.errors import NotAllowed, NotSignedIn
from mlvajra_al.records import Project
from mlvajra_al.services import demo, links, people
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from mlvajra_al.web.widgets import clock
from tests.factories import a_person, a_project
from tests.integration.visits.visiting import Visitor, press, words


def test_machines_are_no_accounts_to_change(store: Store, admin: Visitor, project: Project) -> None:
    people.operator(store, now=now())
    a_person(store, "import: kind")
    page = admin.opens("admin")
    [accounts] = [box for box in page.main.selectbox if box.label == "Account to change"]
    assert accounts.options == ["some admin"]
    assert list(page.main.dataframe[0].value["Name"]) == ["some admin"]
    [members] = [box for box in page.main.multiselect if box.label == "Add members"]
    assert members.options == ["some admin"]
    assert "Not listed: command line, import: kind." in words(page)


def test_simulated_annotators_are_told_from_people(
    store: Store, admin: Visitor, project: Project
) -> None:
    demo.annotator(store, "demo-annotator", now=now())
    people.add(store, None, name="ada", role="annotator", password="correct horse 1", now=now())
    seen = admin.opens("admin").main.dataframe[0].value.set_index("Name")["State"]
    assert (seen["demo-annotator"], seen["ada"]) == ("simulated", "active")
    people.set_password(store, None, name="demo-annotator", password="correct horse", now=now())
    seen = admin.opens("admin").main.dataframe[0].value.set_index("Name")["State"]
    assert seen["demo-annotator"] == "active"


def test_an_invitation_says_until_when_it_works(
    store: Store, admin: Visitor, project: Project
) -> None:
    before = now()
    page = press(admin.opens("admin"), "Make a link")
    ends = {clock(before + links.LINK_LIFE), clock(before + links.LINK_LIFE + timedelta(minutes=1))}
    assert any(f"It works once, until {end}." in words(page) for end in ends)


def test_who_was_added_leaves_an_empty_form_and_one_message_and_who_was_refused_a_full_one(
    store: Store, admin: Visitor, project: Project
) -> None:
    def typed(page: AppTest) -> list[str]:
        return [box.value for box in page.main.text_input if box.label in fields]

    fields = {"Name": "zoe", "First password": "short"}
    page = admin.opens("admin")
    for password, left in (("short", ["zoe", "short"]), ("correct horse battery", ["", ""])):
        fields["First password"] = password
        for box in page.main.text_input:
            if box.label in fields:
                box.set_value(fields[box.label])
        page = next(button for button in page.main.button if button.label == "Add").click().run()
        assert typed(page) == left
    assert "zoe can sign in now, and can change the password there" in words(page)
    assert len(page.success) == 1 and not page.toast and not page.error


def chosen(page: AppTest, label: str) -> str | None:
    [box] = [box for box in page.main.selectbox if box.label == label]
    value: str | None = box.value
    return value


def test_the_audit_trail_is_not_misled_by_somebody_who_is_called_any(
    store: Store, admin: Visitor, project: Project
) -> None:
    people.add(store, admin.person, name="any", role="annotator", password=None, now=now())
    page = admin.opens("admin")
    [trail] = [t.value for t in page.main.dataframe if "Detail" in t.value]
    assert chosen(page, "Who") is None and len(trail)
    [box] = [box for box in page.main.selectbox if box.label == "Who"]
    assert box.options == ["any", "some admin", "any", "the server"]
    page = box.select_index(2).run()
    assert chosen(page, "Who") == "any"
    assert "Nothing here" in words(page)
    assert "No act fits what is chosen above; choose less." in words(page)


def test_few_acts_are_counted_and_many_are_turned_over(
    store: Store, admin: Visitor, project: Project
) -> None:
    people.add(store, admin.person, name="Ada", role="annotator", password=None, now=now())
    page = admin.opens("admin")
    assert "1 act; choose a row to read all of it" in words(page)
    assert not {"Newer", "Older"} & {button.label for button in page.button}
    for number in range(101):
        people.add(
            store, admin.person, name=f"p{number}", role="annotator", password=None, now=now()
        )
    page = admin.opens("admin")
    assert "1 to 100 of 102 acts" in words(page)
    assert {"Newer", "Older"} <= {button.label for button in page.button}


def test_the_trail_is_not_handed_to_who_is_no_admin_any_more(
    store: Store, admin: Visitor, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Callable[[], bytes]] = []
    people.add(store, None, name="Ada", role="annotator", password=None, now=now())
    monkeypatch.setattr(st, "download_button", lambda _label, data, **_: made.append(data))
    admin.opens("admin")
    assert made[-1]().startswith(b'"at","person"')
    people.set_role(store, None, name=admin.person.name, role="reviewer", now=now())
    with pytest.raises(NotAllowed):
        made[-1]()
    people.disable(store, None, name=admin.person.name, now=now())
    with pytest.raises(NotSignedIn):
        made[-1]()


def test_who_may_see_is_asked_about_the_project_that_is_open(
    store: Store, admin: Visitor, project: Project
) -> None:
    other = a_project(store, "tickets")
    for name in (other.name, project.name):
        page = admin.opens("admin", name)
        [box] = [box for box in page.main.selectbox if str(box.key).startswith("members:")]
        assert box.value == name
