"""Several labels a sample, by keyboard and by mouse: keys choose, Enter answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from mlvajra_al.records import Policy
from mlvajra_al.services.label_sets import make_labels
from tests.e2e.beside import a_project, rows
from tests.e2e.desk import Desk

Sit = Callable[..., Desk]
LABELS = make_labels(["art", "money", "sport"])


@pytest.fixture(scope="module")
def news(server: Any) -> str:
    """A project in which an article may have several topics."""
    policy = Policy(holdout_rate=0.0, retrain_every=1_000)
    return a_project(server, "news", labels=LABELS, multilabel=True, policy=policy).name


def said(desk: Desk) -> list[tuple[str, str, list[str] | None]]:
    """Return sample, action and labels of each of this person's events."""
    desk.wait_until_saved()
    query = """SELECT sample_key, action, label, labels FROM annotation
        JOIN person ON person.id = person_id WHERE person.name = :person ORDER BY seq"""
    found = rows(desk.server, query, person=desk.person)
    assert {row["label"] for row in found} <= {None}
    return [
        (row["sample_key"], row["action"], row["labels"] and json.loads(row["labels"]))
        for row in found
    ]


def test_keys_choose_and_enter_answers_with_all_that_are_chosen(sit: Sit, news: str) -> None:
    desk = sit(news)
    first, save = desk.sample, desk.card.locator(".save")
    expect(save).to_contain_text("None of these")
    desk.page.keyboard.press("1")
    desk.page.keyboard.press("3")
    desk.page.keyboard.press("2")
    desk.page.keyboard.press("2")
    expect(save).to_contain_text("Save 2 labels")
    desk.shows(first)  # choosing is no answer yet
    desk.page.keyboard.press("Enter")
    expect(desk.card.locator(".last")).to_have_text("You said: art, sport")
    desk.wait_for_card()
    second = desk.sample
    assert second != first
    expect(save).to_contain_text("None of these")
    desk.page.keyboard.press("Enter")
    expect(desk.card.locator(".last")).to_have_text("You said: none of these")
    desk.wait_for_card()
    third = desk.sample
    desk.page.keyboard.press("1")
    desk.page.keyboard.press("s")  # what was chosen and not saved is no answer
    desk.wait_for_card()
    assert said(desk) == [
        (first, "answer", ["art", "sport"]),
        (second, "answer", []),
        (third, "skip", None),
    ]
    counts = desk.card.locator(".counts li b")
    assert [int(text) for text in counts.all_inner_texts()][1] == 0


def test_undo_shows_what_was_chosen_to_be_changed(sit: Sit, news: str) -> None:
    desk = sit(news)
    sample = desk.sample
    for key in ("1", "2", "Enter"):
        desk.page.keyboard.press(key)
    expect(desk.card.locator(".last")).to_have_text("You said: art, money")
    desk.page.keyboard.press("u")
    desk.shows(sample)
    expect(desk.card.locator(".said")).to_contain_text("You had said: art, money")
    pressed = desk.card.locator('.label[aria-pressed="true"]')
    expect(pressed).to_have_count(2)
    desk.page.keyboard.press("1")
    desk.page.keyboard.press("Enter")
    expect(desk.card.locator(".last")).to_have_text("You said: money")
    assert said(desk) == [
        (sample, "answer", ["art", "money"]),
        (sample, "retract", None),
        (sample, "answer", ["money"]),
    ]


def test_ticks_stay_with_their_card_while_undo_shows_another(sit: Sit, news: str) -> None:
    desk = sit(news)
    (first, *_), (second, *_) = desk.press("1", "Enter"), desk.press("2", "3")
    desk.page.keyboard.press("u")
    desk.shows(first)
    assert desk.press("Enter") == [first]
    desk.shows(second)
    pressed = desk.card.locator('.label[aria-pressed="true"]')
    expect(pressed).to_have_count(2)
    assert desk.press("Enter") == [second]
    assert said(desk) == [
        (first, "answer", ["art"]),
        (first, "retract", None),
        (first, "answer", ["art"]),
        (second, "answer", ["money", "sport"]),
    ]


def test_the_mouse_chooses_too_and_enter_saves_from_a_label_that_has_the_focus(
    sit: Sit, news: str
) -> None:
    desk = sit(news)
    sample = desk.sample
    desk.page.wait_for_timeout(400)  # sooner, a second click would be one of a double click
    desk.card.locator('.label[data-label="sport"]').click()
    desk.page.keyboard.press("Enter")
    expect(desk.card.locator(".last")).to_have_text("You said: sport")
    desk.wait_for_card()
    other = desk.sample
    desk.card.locator('.label[data-label="art"]').click()
    desk.card.locator(".save").click()
    expect(desk.card.locator(".last")).to_have_text("You said: art")
    assert said(desk) == [(sample, "answer", ["sport"]), (other, "answer", ["art"])]


def test_my_answers_are_changed_all_labels_at_once(sit: Sit, news: str) -> None:
    desk = sit(news)
    sample = desk.sample
    for key in ("1", "3", "Enter"):
        desk.page.keyboard.press(key)
    desk.wait_until_saved()
    desk.page.get_by_text("My answers", exact=True).click()
    desk.page.get_by_role("button", name="art, sport").click()
    desk.page.get_by_test_id("stPopoverBody").get_by_text("money").click()
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_role("button", name="art, money, sport")).to_be_visible()
    query = """SELECT labels FROM annotation JOIN project ON project.id = project_id
        WHERE project.name = :project AND sample_key = :sample ORDER BY seq DESC"""
    newest = rows(desk.server, query, project=news, sample=sample)[0]
    assert json.loads(newest["labels"]) == ["art", "money", "sport"]
