"""What a version has wrong, below its report and below a comparison, on the pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from mlvajra_al.records import Column, Mistake, Project, Recipe
from mlvajra_al.services import projects
from mlvajra_al.store import mistakes
from mlvajra_al.store.database import Store
from mlvajra_al.web.views.newest import COMPARE_TAB
from tests.factories import a_draft, a_report, a_version
from tests.integration.visits.visiting import Visitor, links, pictures, press, words


def lists(store: Store, project: Project, number: int, wrong: dict[int, float]) -> None:
    """Store a version with a report and what it has wrong: probabilities by position."""
    a_version(store, project, number)
    found = [Mistake(f"p{at}", at, "spam", "ham", p) for at, p in wrong.items()]
    digest = mistakes.write(store.home, found)
    report = a_report(store, project, number)
    with store.begin() as connection:
        mistakes.mention(connection, report, digest)


def shown(page: AppTest, column: str) -> list[str]:
    """Return the keys of the samples that are listed in the table with this column."""
    [table] = [table.value for table in page.dataframe if {column, "Key"} <= {*table.value}]
    return list(table["Key"])


def test_a_report_lists_what_is_wrong_a_page_at_a_time(
    store: Store, admin: Visitor, project: Project
) -> None:
    lists(store, project, 1, {at: 0.9 - at / 100 for at in range(30)})
    page = admin.opens("versions")
    assert shown(page, "Answered") == [f"p{at}" for at in range(25)]
    assert "1 to 25 of 30 samples" in words(page)
    page = press(page, "Less sure")
    assert shown(page, "Answered") == [f"p{at}" for at in range(25, 30)]
    page = page.selectbox(f"wrong:{project.id}:1:True label").set_value("ham").run()
    assert "None in this cell." in words(page)
    page = page.selectbox(f"wrong:{project.id}:1:True label").set_value("spam").run()
    assert len(shown(page, "Answered")) == 25


@pytest.mark.parametrize("tab", ["", COMPARE_TAB])
def test_what_is_wrong_about_images_is_seen(store: Store, admin: Visitor, tab: str) -> None:
    recipe = Recipe((Column("picture", "image"),))
    made = projects.create(store, admin.person, replace(a_draft("spam"), recipe=recipe))
    pictures(store, made, {f"p{at}": [[0.0, 16.0], [at, 0.0]] for at in range(3)})
    lists(store, made, 1, {1: 0.9, 2: 0.8})
    if tab:
        lists(store, made, 2, {})
    page = admin.opens("versions", **({"versions-tab": tab} if tab else {}))
    [table] = [one.value for one in page.dataframe if {"Image", "Key"} <= {*one.value}]
    assert list(table["Key"]) == ["p1", "p2"] and "Sample" not in table
    assert all(at.startswith("data:image/png;base64,") for at in table["Image"])
    assert table["Image"].nunique() == 2


def test_a_report_without_a_list_says_how_to_get_one(
    store: Store, admin: Visitor, project: Project
) -> None:
    a_version(store, project)
    a_report(store, project)
    assert "measure again to list them" in words(admin.opens("versions"))


def test_a_version_without_mistakes_says_so(store: Store, admin: Visitor, project: Project) -> None:
    lists(store, project, 1, {})
    assert "None: every answer was right." in words(admin.opens("versions"))


@pytest.mark.parametrize(
    ("right", "keys"), [("challenger", ["p1"]), ("champion", ["p3"]), ("neither", ["p2"])]
)
def test_a_comparison_lists_where_two_versions_are_apart(
    store: Store, admin: Visitor, project: Project, right: str, keys: list[str]
) -> None:
    lists(store, project, 1, {1: 0.9, 2: 0.8})
    lists(store, project, 2, {2: 0.7, 3: 0.6})
    page = admin.opens("versions", **{"versions-tab": COMPARE_TAB})
    page = page.segmented_control(f"apart:{project.id}:1:2").set_value(right).run()
    assert shown(page, "Version 1") == keys
    assert "Only version 2 right: 1, only version 1 right: 1, both wrong: 1; with" in words(page)


def test_a_list_of_one_page_is_counted_and_an_empty_one_says_so(
    store: Store, admin: Visitor, project: Project
) -> None:
    lists(store, project, 1, {1: 0.9})
    lists(store, project, 2, {})
    page = admin.opens("versions", **{"versions-tab": COMPARE_TAB})
    said = words(page)
    assert "1 sample; choose a row for the reasons" in said and "1 to 1 of 1" not in said
    page = page.segmented_control(f"apart:{project.id}:1:2").set_value("neither").run()
    assert "No sample is like that." in words(page)


def test_a_link_leads_to_the_reasons_for_a_sample(
    store: Store, admin: Visitor, project: Project
) -> None:
    for number in (1, 2):
        lists(store, project, number, {3: 0.9})
    page = admin.opens("versions")
    assert links(page) == []
    page = admin.opens("explain")
    page.query_params["version"], page.query_params["sample"] = "1", "p3"
    page.run()
    [number] = [box for box in page.main.selectbox if box.label == "Version"]
    assert number.value == 1
    assert page.text_input("sample-key").value == "p3"
    assert "version" not in page.query_params and "sample" not in page.query_params


def test_a_report_says_in_facts_what_it_rests_on_and_what_the_version_is_made_of(
    store: Store, admin: Visitor, project: Project
) -> None:
    lists(store, project, 1, {})
    page = admin.opens("versions")
    said = words(page)
    assert "**Measured on** 30 holdout labels, drawn at random and never trained on" in said
    assert "**Made because of** test" in said
    [made] = [table.value for table in page.table if "Estimator" in table.value.index]
    assert made.loc["Estimator"].tolist() == ["Logistic regression"]
    assert made.loc["Seed"].tolist() == ["7"]
