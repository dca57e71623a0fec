"""Every page as an admin sees it, in a real browser, with a project that has versions."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from mlvajra_al.services import projects
from mlvajra_al.store import annotations as events
from tests.e2e.beside import a_project, until, versions, wait_until_idle
from tests.e2e.controls import choose, settled, write_cell

Visit = Callable[..., Page]
WITH_VERSIONS = "tumours"
WITHOUT_ANSWERS = "untouched"


def _champion(server: Any) -> int:
    [number] = [row.version.number for row in versions(server, WITH_VERSIONS) if row.is_champion]
    return number


def _annotations(server: Any) -> int:
    with server.opened() as store, store.read() as connection:
        return events.total(connection, projects.get(store, None, WITH_VERSIONS).id)


@pytest.fixture(scope="module")
def learnt(server: Any) -> Any:
    """A server whose project of tables has answers and at least two versions."""
    given = server.run("demo", "annotate", WITH_VERSIONS, "--labels", "60")
    assert given.returncode == 0, given.stderr
    a_project(server, WITHOUT_ANSWERS)
    wait_until_idle(server)
    assert len(versions(server, WITH_VERSIONS)) >= 2
    return server


@pytest.fixture
def opened(learnt: Any, visit: Visit) -> Visit:
    """Open a page as admin: ``opened("versions")``, or of another project."""

    def open_page(name: str, project: str = WITH_VERSIONS) -> Page:
        return visit("" if name == "home" else name, project)

    return open_page


def _no_errors(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def _shown(page: Page, words: str | re.Pattern[str]) -> Locator:
    return page.get_by_test_id("stMain").get_by_text(words).first


def _tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("home", ["Learning", "Worker running", "Champion", "Answers per label"]),
        ("train", ["Retrain now", "Learning curve", "Jobs"]),
        ("versions", ["Report of version", "holdout", "Per label"]),
        ("explain", ["How much each column matters", "How it matters"]),
        ("data", ["Imported so far", "Choose a file"]),
        ("admin", ["Add a person", "Invite a person"]),
    ],
)
def test_a_page_shows_what_it_is_for_and_no_error(
    opened: Visit, name: str, contents: list[str]
) -> None:
    page = opened(name)
    for words in contents:
        expect(_shown(page, words)).to_be_visible()
    _no_errors(page)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("home", "Start here"),
        ("train", "Nothing measured yet"),
        ("versions", "No version yet"),
        ("explain", "No version to explain yet"),
    ],
)
def test_a_project_without_answers_says_what_is_missing(
    opened: Visit, name: str, words: str
) -> None:
    page = opened(name, WITHOUT_ANSWERS)
    expect(_shown(page, words)).to_be_visible()
    _no_errors(page)


def test_every_part_of_the_data_page_opens(opened: Visit) -> None:
    page = opened("data")
    for tab, words in (
        ("Columns", "Columns the model sees"),
        ("Labels", "Save the labels"),
        ("Guidelines", "As annotators see them"),
        ("Export", "Gold labels"),
        ("Archive", "nothing is deleted"),
    ):
        _tab(page, tab)
        expect(_shown(page, words)).to_be_visible()
        _no_errors(page)


def test_two_labels_of_one_key_are_refused_and_nothing_of_it_is_saved(
    learnt: Any, opened: Visit
) -> None:
    for key, said in (("1", "Two labels have the key '1'"), ("3", "The label set is saved")):
        page = opened("data", WITHOUT_ANSWERS)
        _tab(page, "Labels")
        expect(page.get_by_test_id("glide-cell-3-1")).to_have_text("2")
        write_cell(page, key, row=1, column=3)
        page.get_by_role("button", name="Save the labels").click()
        expect(_shown(page, said)).to_be_visible()
    with learnt.opened() as store:
        stored = projects.get(store, None, WITHOUT_ANSWERS)
    assert [label.key for label in stored.labels] == ["1", "3"]


def test_two_versions_are_compared_and_the_verdict_is_in_words(opened: Visit) -> None:
    page = opened("versions")
    _tab(page, "Compare")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(_shown(page, "On the same")).to_be_visible()
    verdict = page.locator("[data-testid^=stAlertContent]").first
    expect(verdict).to_contain_text(
        re.compile("too few to say|too close|promote|keep", re.IGNORECASE)
    )
    _no_errors(page)


def test_promoting_and_rolling_back_touches_no_annotation(learnt: Any, opened: Visit) -> None:
    champion, before = _champion(learnt), _annotations(learnt)
    page = opened("versions")
    page.get_by_role("button", name=re.compile(r"Promote version \d+")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("No label is changed")).to_be_visible()
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(_shown(page, "is the champion now")).to_be_visible()
    assert _champion(learnt) != champion
    page.get_by_role("button", name=f"Roll back to version {champion}").click()
    dialog.get_by_role("button", name="Roll back", exact=True).click()
    expect(_shown(page, "is the champion again. No label was changed.")).to_be_visible()
    assert _champion(learnt) == champion
    assert _annotations(learnt) == before > 0


def test_a_retrain_is_watched_until_its_version_is_there(learnt: Any, opened: Visit) -> None:
    before = len(versions(learnt, WITH_VERSIONS))
    page = opened("train")
    page.get_by_text("Full fit", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).click()
    until(lambda: len(versions(learnt, WITH_VERSIONS)) > before, "the new version")
    expect(_shown(page, "Nothing is running")).to_be_visible()
    assert versions(learnt, WITH_VERSIONS)[-1].version.mode == "full"
    _no_errors(page)


def test_a_sample_of_the_pool_is_explained(opened: Visit) -> None:
    page = opened("explain")
    _tab(page, "A sample")
    expect(_shown(page, "What speaks for and against")).to_be_visible()
    _no_errors(page)


def test_a_typed_row_is_answered_with_reasons(opened: Visit) -> None:
    page = opened("explain")
    _tab(page, "Try it")
    page.get_by_role("button", name="Ask").click()
    expect(_shown(page, re.compile(r"Version \d+ answers"))).to_be_visible()
    expect(_shown(page, "What speaks for and against")).to_be_visible()
    _no_errors(page)


def test_a_file_becomes_a_project_and_its_text_is_never_read_as_markup(
    learnt: Any, opened: Visit, tmp_path: Path
) -> None:
    source = tmp_path / "reviews.csv"
    rows = [f'{n},"<img src=x onerror=alert(1)> good **{n}**",good' for n in range(30)]
    source.write_text("id,text,verdict\n" + "\n".join([*rows, "30,bad,bad"]) + "\n")
    page = opened("data")
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.get_by_text("A new project").click()
    expect(_shown(page, "1. The data")).to_be_visible()
    settled(page)
    page.locator("input[type=file]").set_input_files(source)
    expect(_shown(page, "31 rows")).to_be_visible()
    page.get_by_label("Labels, one per line").fill("good\nbad")
    page.get_by_label("Labels, one per line").press("Control+Enter")
    page.get_by_role("button", name="Create and import").click()
    expect(_shown(page, "31 samples")).to_be_visible()
    listed = json.loads(learnt.run("project", "list", "--json").stdout)
    assert "reviews" in {item["name"] for item in listed}
    assert alerts == []
    _no_errors(page)


def test_labels_that_a_file_holds_already_become_answers(
    learnt: Any, opened: Visit, tmp_path: Path
) -> None:
    source = tmp_path / "tickets.csv"
    rows = [f"{n},ticket {n},{('', 'late', 'broken')[n % 3]}" for n in range(30)]
    source.write_text("id,text,cause\n" + "\n".join(rows) + "\n")
    page = opened("data")
    page.get_by_text("A new project").click()
    expect(_shown(page, "1. The data")).to_be_visible()
    settled(page)
    page.locator("input[type=file]").set_input_files(source)
    expect(_shown(page, "30 rows")).to_be_visible()
    taken = page.get_by_role("combobox", name="Column with labels that exist already")
    choose(page, taken, "cause")
    expect(page.get_by_label("Labels, one per line")).to_have_value("broken\nlate")
    settled(page)
    page.get_by_role("button", name="Create and import").click()
    expect(_shown(page, "30 samples")).to_be_visible()
    with learnt.opened() as store, store.read() as connection:
        of = projects.get(store, None, "tickets")
        said = Counter(row.label for row in events.current_answers(connection, of.id))
    assert said == {"late": 10, "broken": 10}
    _no_errors(page)


def test_a_file_that_is_not_what_it_says_gets_one_sentence(opened: Visit, tmp_path: Path) -> None:
    source = tmp_path / "broken.parquet"
    source.write_bytes(b"this is no parquet file")
    page = opened("data")
    page.locator("input[type=file]").set_input_files(source)
    error = page.get_by_test_id("stAlertContentError")
    expect(error).to_be_visible()
    assert "broken.parquet" in error.inner_text()
    assert error.inner_text().strip().endswith(".")
    settled(page)
    better = tmp_path / "better.csv"
    better.write_text("body\none\ntwo\n")
    page.locator("input[type=file]").set_input_files(better)
    expect(error).to_have_count(0)
    settled(page)
    expect(page.locator(".upload .hint")).to_have_text("better.csv")
