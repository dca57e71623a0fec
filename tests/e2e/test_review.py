"""A reviewer decides by keys: none is taken that was not meant, none is dropped in silence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mlvajra_al.records import Policy, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import labelling, people
from mlvajra_al.services.label_sets import make_labels
from tests.e2e.beside import a_person, a_project, change, rows, until
from tests.e2e.controls import settled
from tests.factories import LEASE, an_answer

SignIn = Callable[..., None]
POLICY = Policy(overlap=2, holdout_rate=0.0, retrain_every=1_000)


def differing(server: Any, project: Project, *answers: tuple[str, str]) -> None:
    """Let two people differ about as many samples as there are `answers`."""
    query = "SELECT sample_key FROM slot WHERE project_id = :id AND slot_no = 0 ORDER BY rank"
    keys = [row["sample_key"] for row in rows(server, query, id=project.id)]
    names = a_person(server), a_person(server)
    with server.opened() as store:
        for name, labels in zip(names, zip(*answers, strict=True), strict=True):
            said = [an_answer(key, label) for key, label in zip(keys, labels, strict=False)]
            person, at = people.get(store, name), datetime.now(UTC)
            labelling.record(store, person, project.name, answers=said, now=at, lease=LEASE)


def decisions(server: Any, person: str) -> list[tuple[str, str | None, str]]:
    query = """SELECT action, label, labels, comment FROM annotation
        JOIN person ON person.id = person_id WHERE person.name = :person ORDER BY seq"""
    found = rows(server, query, person=person)
    return [(row["action"], row["label"] or row["labels"], row["comment"]) for row in found]


def at_review(server: Any, page: Page, sign_in: SignIn, project: Project) -> str:
    rita = a_person(server, "reviewer")
    change(server, "DELETE FROM reservation")  # as if the reviewer before had left long ago
    sign_in(page, server, rita)
    page.goto(f"{server.url}/review?project={project.name}")
    expect(page.get_by_text("to review")).to_be_visible()
    settled(page)
    expect(page.locator(".mlv-keys[data-about]")).to_be_attached()
    expect(page.get_by_label("Comment")).to_have_attribute("aria-keyshortcuts", "c")
    return rita


def left(page: Page, count: int) -> None:
    expect(page.get_by_text(f"{count} sample{'s'[: count != 1]} to review")).to_be_visible()
    settled(page)


@pytest.fixture(scope="module")
def wide(server: Any) -> Project:
    """A project in which the key of the fourteenth label is r, which Streamlit has for itself."""
    labels = make_labels([f"topic {place}" for place in range(1, 15)])
    made = a_project(server, "wide", labels=labels, policy=POLICY, guidelines="Read all of it.")
    differing(server, made, *[("topic 1", "topic 2")] * 12)
    return made


def test_a_comment_is_opened_and_left_by_keys_and_then_keys_are_keys_again(
    server: Any, page: Page, sign_in: SignIn, wide: Project
) -> None:
    rita = at_review(server, page, sign_in, wide)
    comment = page.get_by_label("Comment")
    page.keyboard.press("c")
    expect(comment).to_be_focused()
    expect(page.get_by_test_id("InputInstructions").locator("visible=true")).to_have_count(0)
    page.keyboard.type("r, surely")
    page.keyboard.press("Enter")
    expect(comment).not_to_be_focused()
    page.keyboard.press("r")
    until(lambda: decisions(server, rita), "the decision")
    assert decisions(server, rita) == [("answer", "topic 14", "r, surely")]
    expect(page.get_by_text("Decided: topic 14")).to_be_visible()
    expect(page.get_by_test_id("stToast")).to_have_count(0)
    settled(page)
    expect(comment).to_have_attribute("aria-keyshortcuts", "c")
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    expect(comment).not_to_be_focused()


def test_keys_ask_somebody_else_leave_undo_and_go_on(
    server: Any, page: Page, sign_in: SignIn, wide: Project
) -> None:
    rita = at_review(server, page, sign_in, wide)
    previous = page.get_by_role("button", name="Previous")
    expect(previous).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(previous).to_be_enabled()
    settled(page)
    page.keyboard.press("ArrowLeft")
    expect(previous).to_be_disabled()
    settled(page)
    page.keyboard.press("g")
    expect(page.get_by_text("Read all of it.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Read all of it.")).to_be_hidden()
    for key, words in (("s", "somebody else is asked"), ("f", "left as it is")):
        page.keyboard.press(key)
        expect(page.get_by_text(f"Decided: {words}")).to_be_visible()
        settled(page)
        page.keyboard.press("u")
        expect(page.get_by_text("Taken back, to be decided anew")).to_be_visible()
        settled(page)
    said = [action for action, _, _ in decisions(server, rita)]
    assert said == ["skip", "retract", "flag", "retract"]


def test_keys_that_come_too_fast_are_not_taken_and_that_is_said(
    server: Any, page: Page, sign_in: SignIn, wide: Project
) -> None:
    rita = at_review(server, page, sign_in, wide)
    for key in "12345":
        page.keyboard.press(key)
    expect(page.get_by_text("was not taken: the next sample was not there yet")).to_be_visible()
    until(lambda: decisions(server, rita), "the first decision")
    expect(page.locator("body[data-deciding]")).to_have_count(0)
    taken = [label for _, label, _ in decisions(server, rita)]
    assert taken[0] == "topic 1"
    assert len(taken) < 5


def test_several_labels_are_toggled_by_keys_and_enter_saves_them(
    server: Any, page: Page, sign_in: SignIn
) -> None:
    labels = make_labels(["art", "money", "sport"])
    made = a_project(server, "themes", labels=labels, multilabel=True, policy=POLICY)
    pair = to_text(["art", "sport"]), to_text(["art", "money"])
    differing(server, made, pair, pair)
    rita = at_review(server, page, sign_in, made)
    boxes = page.locator(".st-key-give").get_by_role("checkbox")
    expect(boxes).to_have_count(3)
    assert [box.is_checked() for box in boxes.all()] == [True, True, True]
    expect(boxes.nth(1)).to_have_accessible_name(re.compile("^money · annotator"))
    expect(page.locator(".st-key-give p").nth(1)).to_have_css("white-space", "normal")
    page.keyboard.press("3")
    expect(boxes.nth(2)).not_to_be_checked()
    page.keyboard.press("Enter")
    left(page, 1)
    for key in ("1", "2", "3", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Nothing to review")).to_be_visible()
    said = [label for _, label, _ in decisions(server, rita)]
    assert said == [to_text(["art", "money"]), "[]"]


def test_on_a_phone_the_decision_is_at_hand_without_scrolling(
    server: Any, browser: Browser, sign_in: SignIn, wide: Project
) -> None:
    size = {"width": 390, "height": 844}
    context = browser.new_context(viewport=size, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    page = context.new_page()
    at_review(server, page, sign_in, wide)
    for name in ("topic 1", "Ask somebody else", "Leave it without a label"):
        button = page.locator(".st-key-pad").get_by_role("button", name=name, exact=True)
        expect(button).to_be_in_viewport(ratio=1)
    expect(page.locator(".mlvajra-card .sheet")).to_be_in_viewport()
    page.set_viewport_size({"width": 720, "height": 450})  # a laptop's at twice the size
    expect(page.locator(".st-key-pad")).not_to_have_css("position", "fixed")
    context.close()
