"""Several people on one project: blind to each other, and settled by a third."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from mlvajra_al.records import Policy
from tests.e2e.beside import a_person, a_project
from tests.e2e.controls import label_button, settled
from tests.e2e.desk import Desk

Sit = Callable[..., Desk]


def test_two_annotators_are_blind_to_each_other_and_a_reviewer_settles_what_differs(
    sit: Sit,
    server: Any,
    browser: Browser,
    context: BrowserContext,
    sign_in: Callable[..., None],
) -> None:
    rows = [{"text": "a sample that two people read"}, {"text": "another sample of two readers"}]
    a_project(server, "twice", rows, policy=Policy(overlap=2, holdout_rate=0.0))
    ada = sit("twice")
    with browser.new_context() as elsewhere:
        bob = Desk(elsewhere.new_page(), server, a_person(server), "twice")
        sign_in(bob.page, server, bob.person)
        heard: list[str] = []
        bob.page.on(
            "response",
            lambda answer: "/claims" in answer.url and heard.append(answer.text()),
        )
        mine = dict(zip(ada.press("1", "1"), "11", strict=True))
        ada.wait_until_saved()
        bob.open()
        theirs = dict(zip(bob.press("2", "2"), "22", strict=True))
        bob.wait_until_saved()
        assert heard
        assert not [said for said in heard if ada.person in said], "nobody says who was first"
    assert set(mine) == set(theirs), "both were asked about both"
    assert {e["late"] for desk in (ada, bob) for e in desk.stored()} == {0}
    expect(ada.card.get_by_role("heading", name="The pool is finished")).to_be_visible()

    reviewer = a_person(server, "reviewer")
    context.clear_cookies()
    page = context.new_page()
    sign_in(page, server, reviewer)
    page.goto(f"{server.url}/review?project=twice")
    settled(page)
    expect(page.get_by_text("2 samples to review")).to_be_visible()
    expect(page.get_by_text(f"{ada.person} answered good")).to_be_visible()
    expect(page.get_by_text(f"{bob.person} answered bad")).to_be_visible()
    bad = label_button(page, "bad")
    bad.evaluate("button => { button.click(); button.click(); }")
    expect(page.get_by_text("1 sample to review")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Leave it without a label").click()
    expect(page.get_by_text("Nothing to review")).to_be_visible()
    with server.client() as client:
        gold = client.get("/projects/twice/labels", params={"format": "jsonl"}).text
    assert gold.count("\n") == 1
    assert '"bad"' in gold
