"""An address names a project: that one is shown, or none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlvajra_al.records import Column, Recipe, Role
from mlvajra_al.services import members, projects
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import a_project, rank
from tests.integration.visits.visiting import ROOT, Visitor, links, press, words

NAMES = sorted({path.stem for path in (ROOT / "pages").glob("*.py")} - {"admin"})


@pytest.fixture(autouse=True)
def pools(store: Store) -> None:
    """Two projects: `first` is what opens where nothing is chosen."""
    for name in ("first", "second"):
        rank(store, a_project(store, name), 3)


def archive(store: Store, admin: Visitor, name: str) -> None:
    projects.set_archived(store, admin.person, name, archived=True, now=now())


@pytest.mark.parametrize("name", NAMES)
def test_an_address_of_no_project_shows_no_other_one(admin: Visitor, name: str) -> None:
    page = admin.opens(name, project="nope")
    assert not page.exception
    assert "There is no project nope." in words(page)
    assert "first" not in words(page)
    assert not page.main.get("bidi_component"), "no card"
    page.selectbox("other_project").set_value("second").run()
    assert not page.exception
    assert "There is no project" not in words(page)
    assert page.session_state["project"] == "second"


@pytest.mark.parametrize("name", NAMES)
def test_an_address_of_an_archived_project_says_so_and_an_admin_can_open_it_again(
    store: Store, admin: Visitor, name: str
) -> None:
    archive(store, admin, "second")
    page = admin.opens(name, project="second")
    assert "second is archived: nobody is asked about it, and nothing of it is lost." in words(page)
    assert "first" not in words(page)
    press(page, "Take it out of the archive")
    assert projects.get(store, None, "second").archived_at is None
    assert "is archived" not in words(page)
    assert page.session_state["project"] == "second"


@pytest.mark.parametrize(("role", "name"), [("annotator", "annotate"), ("reviewer", "review")])
def test_others_are_told_who_opens_an_archived_project_again(
    store: Store, admin: Visitor, visitor: Callable[..., Visitor], role: Role, name: str
) -> None:
    archive(store, admin, "second")
    page = visitor(role).opens(name, project="second")
    assert "second is archived. An admin can take it out of the archive." in words(page)
    assert not page.button


def test_a_project_one_may_not_see_is_none(
    store: Store, admin: Visitor, visitor: Callable[..., Visitor]
) -> None:
    members.set_restricted(store, admin.person, "second", restricted=True, now=now())
    outsider = visitor("annotator")
    assert "There is no project second." in words(outsider.opens("annotate", project="second"))
    archive(store, admin, "second")
    page = outsider.opens("annotate", project="second")
    assert "There is no project second." in words(page)


def test_what_is_open_while_it_is_archived_makes_room_for_no_other(
    store: Store, admin: Visitor
) -> None:
    page = admin.opens("annotate", project="second")
    archive(store, admin, "second")
    page.run()
    assert "second is archived" in words(page)
    assert "first" not in words(page)


def test_after_archiving_a_project_the_next_one_is_not_offered_to_be_archived(
    store: Store, admin: Visitor
) -> None:
    page = admin.opens("data", project="second", **{"data-tab": ":material/archive: Archive"})
    assert page.checkbox[0].label == "Yes, archive second"
    page.checkbox[0].check().run()
    press(page, "Archive")
    assert not page.checkbox
    assert "second is archived" in words(page)
    assert [item.name for item in projects.listed(store, None)] == ["first"]


def test_a_hostile_name_in_the_address_is_plain_text(admin: Visitor) -> None:
    page = admin.opens("home", project="**x** ![y](http://evil.example/z.png)" * 40)
    [info] = page.info
    assert "](http" not in info.value
    assert len(info.value) < 400


def test_the_page_of_people_needs_no_project(admin: Visitor) -> None:
    page = admin.opens("admin", project="nope")
    assert page.title[0].value == "Admin"
    assert "There is no project" not in words(page)


def test_a_card_without_samples_leads_an_admin_to_the_import(
    store: Store, admin: Visitor, visitor: Callable[..., Visitor]
) -> None:
    a_project(store, "bare")
    assert "Import data" in links(admin.opens("annotate", project="bare"))
    assert "Import data" not in links(visitor("annotator").opens("annotate", project="bare"))


def test_columns_say_what_will_be_held_out_and_lead_to_where_they_are_changed(
    store: Store, admin: Visitor
) -> None:
    project = a_project(store, "bare")
    recipe = Recipe((Column("price", "numeric", "1.234,50"), *project.recipe.columns))
    projects.set_recipe(store, admin.person, "bare", recipe=recipe, now=now())
    page = admin.opens("data", project="bare", **{"data-tab": ":material/table: Columns"})
    assert page.dataframe[0].value["Holds"].tolist() == ["numeric 1.234,50", "text"]
    assert "Change them on Train, under Settings" in links(page)
    [table] = page.table
    assert "20% of the first import" in table.value.to_string()
