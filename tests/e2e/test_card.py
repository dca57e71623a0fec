"""The card in its window: what is said is seen, names are whole, undo goes on after a visit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from mlvajra_al.records import Column, Policy, Recipe
from mlvajra_al.services import people, projects
from mlvajra_al.services.label_sets import make_labels
from tests.e2e.beside import a_person, a_project, rows, until
from tests.e2e.controls import settled
from tests.e2e.desk import Desk

Sit = Callable[..., Desk]
TOPICS = make_labels(
    [
        "Billing: the customer was charged twice",
        "Delivery address changed after shipping out",
        "Request for a copy of last year's invoice",
        "Complaint about the tone of an employee",
        "Technical fault of the device on arrival",
        "Cancellation within the fourteen days limit",
        "Question about compatibility of accessories",
        "Warranty claim after more than two years",
        "Praise, thanks and other friendly messages",
        "Newsletter, advertising and automatic notes",
        "Account locked or password was forgotten",
        "Data protection: information or deletion",
        "Wrong article or wrong quantity delivered",
        "Something else that fits none of the above",
    ]
)
NO_RETRAIN = Policy(holdout_rate=0.0, retrain_every=1_000)
IS_CUT = "nodes => nodes.filter(n => n.scrollHeight > n.clientHeight + 1).map(n => n.textContent)"


@pytest.fixture(scope="module")
def tickets(server: Any) -> str:
    """A project with many labels of many letters, and guidelines."""
    return a_project(
        server, "enquiries", labels=TOPICS, policy=NO_RETRAIN, guidelines="Read all of it."
    ).name


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone: a small screen, fingers, no keyboard."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    yield context
    context.close()


def edges(drawn: Locator) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of something on the screen."""
    box = drawn.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 640), (1920, 1080)])
def test_a_notice_is_seen_at_once_and_moves_no_button(
    sit: Sit, tickets: str, width: int, height: int
) -> None:
    desk = sit(tickets)
    desk.page.set_viewport_size({"width": width, "height": height})
    button = desk.card.locator(".label").last
    expect(button).to_be_in_viewport(ratio=1)
    before = until(lambda: edges(button)[3] < height and edges(button), "the buttons in sight")
    desk.page.keyboard.press("u")
    notice = desk.notices.filter(has_text="Nothing to take back")
    expect(notice).to_be_in_viewport(ratio=1)
    assert edges(notice)[3] <= edges(desk.card.locator(".labels"))[1]
    assert edges(button) == before
    desk.press("1")
    expect(notice).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 640), (1920, 1080)])
def test_long_names_of_labels_are_whole_and_within_the_window(
    sit: Sit, tickets: str, width: int, height: int
) -> None:
    desk = sit(tickets)
    desk.page.set_viewport_size({"width": width, "height": height})
    names = desk.card.locator(".label span")
    expect(names).to_have_count(len(TOPICS))
    until(lambda: names.evaluate_all(IS_CUT) == [], "whole names")
    until(lambda: edges(desk.card.locator(".actions"))[3] <= height, "all buttons in the window")
    assert edges(desk.card.locator(".sheet"))[3] <= edges(desk.card.locator(".labels"))[1]
    first = desk.card.locator(".counts .name").first
    expect(first).to_have_attribute("title", TOPICS[0].display)


def test_one_long_name_leaves_the_others_their_columns_and_the_sample_its_room(
    phone: BrowserContext, server: Any, sign_in: Callable[..., None]
) -> None:
    names = [*(f"topic {number}" for number in range(11)), "Datenschutzgrundverordnungsauskunft"]
    made = a_project(server, "data", labels=make_labels(names), policy=NO_RETRAIN)
    page, person = phone.new_page(), a_person(server)
    sign_in(page, server, person)
    card = Desk(page, server, person, made.name).open().card
    assert card.locator(".label span").evaluate_all(IS_CUT) == []
    first, second, *_, last = (edges(label) for label in card.locator(".label").all())
    assert first[1] == second[1] and last[2] - last[0] > 2 * (first[2] - first[0])
    sheet = edges(card.locator(".sheet"))
    assert sheet[3] - sheet[1] > 300


def test_a_label_of_one_word_is_on_one_line_on_a_phone(
    phone: BrowserContext, server: Any, properties: str, sign_in: Callable[..., None]
) -> None:
    page, person = phone.new_page(), a_person(server)
    sign_in(page, server, person)
    names = Desk(page, server, person, properties).open().card.locator(".label span")
    lines = dict(names.evaluate_all(LINES))
    assert [lines[word] for word in ("even", "large", "prime")] == [1, 1, 1], lines


def test_a_finger_leaves_no_definition_over_the_next_sample(
    phone: BrowserContext, server: Any, properties: str, sign_in: Callable[..., None]
) -> None:
    page, person = phone.new_page(), a_person(server)
    sign_in(page, server, person)
    label = Desk(page, server, person, properties).open().card.locator(".label").first
    expect(label).to_have_attribute("data-tip", "Divisible by two")
    label.tap()
    tip = "e => getComputedStyle(e, '::after').content"
    assert label.evaluate("e => e.matches(':hover')") and label.evaluate(tip) == "none"


@pytest.fixture(scope="module")
def properties(server: Any) -> str:
    """A project with a few labels of one short word or more, and what one of them means."""
    even, *others = make_labels(["even", "large", "with a loop", "prime"])
    labels = (replace(even, definition="Divisible by two"), *others)
    return a_project(server, "properties", labels=labels, policy=NO_RETRAIN, multilabel=True).name


@pytest.fixture(scope="module")
def measures(server: Any) -> str:
    """A project with many columns of numbers and a long category."""
    names = [f"measure_number_{place}_in_millimetres" for place in range(12)]
    values = [2.459488442, 8.08574765790486, -0.0000123456789, 1234567.25]
    columns = (*(Column(name, "numeric") for name in names), Column("kind_of_roof", "categorical"))
    kind = "thatched, with a ridge of heather and a gutter of hollowed larch"
    samples = [
        {name: row + values[at % 4] for at, name in enumerate(names)} | {"kind_of_roof": kind}
        for row in range(1, 21)
    ]
    recipe = Recipe(columns)
    return a_project(server, "measures", samples, recipe=recipe, policy=NO_RETRAIN).name


LINES = """nodes => nodes.map(node => {
  const range = document.createRange();
  range.selectNodeContents(node);
  const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
  return [node.textContent, tops.size];
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_columns_break_between_words_and_numbers_nowhere(
    sit: Sit, measures: str, width: int
) -> None:
    desk = sit(measures)
    desk.page.set_viewport_size({"width": width, "height": 844})
    figures = desk.card.locator(".value.figure")
    expect(figures).to_have_count(12)
    assert {count for _, count in figures.evaluate_all(LINES)} == {1}
    assert all(len(text.strip("-").replace(".", "")) <= 9 for text in figures.all_inner_texts())
    assert float(figures.first.get_attribute("title") or 0) != float(figures.first.inner_text())
    names = dict(desk.card.locator(".row dt").evaluate_all(LINES))
    assert len(names) == 13 and max(names.values()) <= 3, names


def test_the_heading_ends_where_the_card_ends(sit: Sit, tickets: str) -> None:
    desk = sit(tickets)
    desk.page.set_viewport_size({"width": 1920, "height": 1080})
    heading, rail = desk.page.locator(".st-key-slim"), desk.card.locator(".rail")
    until(lambda: abs(edges(heading)[2] - edges(rail)[2]) <= 1, "one right edge")
    desk.page.set_viewport_size({"width": 390, "height": 844})
    row = [desk.page.locator(".st-key-annotate_view"), desk.page.get_by_test_id("stPopover")]
    until(lambda: abs(edges(row[0])[1] - edges(row[1])[1]) < 8, "one row on a phone")
    page = desk.page.get_by_test_id("stMain")
    assert page.evaluate("e => e.scrollWidth - e.clientWidth") == 0, "nothing moves sideways"


def test_undo_goes_on_after_a_visit_to_another_page_and_a_reload(sit: Sit, tickets: str) -> None:
    desk = sit(tickets)
    first, second = desk.press("1", "2")
    desk.wait_until_saved()
    desk.page.get_by_text("My answers", exact=True).click()
    expect(desk.page.get_by_role("button", name="Take back")).to_have_count(2)
    desk.page.get_by_role("radio", name="Label").click()
    desk.wait_for_card()
    settled(desk.page)
    desk.page.keyboard.press("u")
    desk.shows(second)
    expect(desk.card.locator(".said")).to_contain_text(f"You had said: {TOPICS[1].display}")
    assert desk.press("3") == [second]
    desk.wait_until_saved()
    desk.page.reload()
    desk.wait_for_card()
    desk.page.keyboard.press("u")
    desk.shows(second)
    desk.page.keyboard.press("u")
    desk.shows(first)
    desk.wait_until_saved()
    events = desk.stored()
    assert [(e["sample_key"], e["action"]) for e in events[-2:]] == [
        (second, "retract"),
        (first, "retract"),
    ]
    assert len({e["event_id"] for e in events}) == len(events) == 6
    desk.page.keyboard.press("u")
    expect(desk.notices.filter(has_text="Nothing to take back")).to_be_visible()


def test_undo_never_brings_back_what_somebody_else_said_in_this_tab(
    sit: Sit, tickets: str, sign_in: Callable[..., None], context: BrowserContext
) -> None:
    desk = sit(tickets)
    desk.press("1", "2")
    desk.wait_until_saved()
    context.clear_cookies()
    other = a_person(desk.server)
    sign_in(desk.page, desk.server, other)
    theirs = Desk(desk.page, desk.server, other, tickets).open()
    theirs.page.keyboard.press("u")
    expect(theirs.notices.filter(has_text="Nothing to take back")).to_be_visible()
    assert theirs.stored() == []
    assert len(desk.stored()) == 2


def test_undo_of_a_flag_keeps_its_comment(sit: Sit, tickets: str) -> None:
    desk = sit(tickets)
    (sample,) = desk.press("f")
    comment = desk.card.get_by_label("Comment for the reviewer")
    desk.page.keyboard.type("two letters in one")
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("f")
    expect(comment).to_have_value("two letters in one")
    desk.page.keyboard.press("Enter")
    expect(desk.card).not_to_have_attribute("data-painted", sample)
    desk.press("f")
    expect(comment).to_have_value("")
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("u")
    desk.shows(sample)
    said = "You had flagged it: “two letters in one”. Answer again, or skip."
    expect(desk.card.locator(".said")).to_have_text(said)
    desk.page.keyboard.press("f")
    expect(comment).to_have_value("two letters in one")


def test_no_key_answers_the_card_that_the_guidelines_cover(sit: Sit, tickets: str) -> None:
    desk = sit(tickets)
    sample, guide = desk.sample, desk.page.get_by_test_id("stPopoverBody")
    desk.page.keyboard.press("?")
    expect(desk.card.get_by_role("dialog", name="Shortcuts")).to_contain_text("Guidelines")
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("g")
    expect(guide).to_be_visible()
    for key in "1su":
        desk.page.keyboard.press(key)
    expect(desk.notices.filter(has_text="Close the guidelines first")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(guide).to_be_hidden()
    assert desk.stored() == []
    assert desk.sample == sample
    desk.page.keyboard.press("g")
    expect(guide).to_be_visible()
    desk.page.keyboard.press("g")
    expect(guide).to_be_hidden()
    assert desk.press("1") == [sample]


def test_labels_that_an_admin_changes_reach_an_open_card_and_what_was_typed_stays(
    sit: Sit, server: Any
) -> None:
    project = a_project(server, "changing", policy=NO_RETRAIN)
    desk = sit("changing")
    sample, written = desk.sample, "neither of both"
    desk.press("f")
    desk.page.keyboard.type(written)
    good, ugly = make_labels(["good", "ugly"])
    with server.opened() as store:
        labels = (replace(good, display="Fine"), ugly)
        boss = people.get(store, "admin")
        projects.set_labels(store, boss, project.name, labels=labels, now=datetime.now(UTC))
    desk.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(desk.card.locator(".label span")).to_have_text(["Fine", "ugly"])
    expect(desk.card.locator(".counts .name")).to_have_text(["Fine", "ugly"])
    expect(desk.notices.filter(has_text="The labels have changed")).to_be_visible()
    comment = desk.card.get_by_label("Comment for the reviewer")
    expect(comment).to_be_focused()
    expect(comment).to_have_value(written)
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_timeout(800)
    assert desk.press("2") == [sample]
    assert [event["label"] for event in desk.saved(1)] == ["ugly"]


def test_a_finished_pool_offers_what_to_do_next(sit: Sit, server: Any) -> None:
    samples = [{"text": f"{number} of few"} for number in range(3)]
    a_project(server, "few", samples, policy=Policy(holdout_rate=0.0, retrain_every=3))
    desk = sit("few")
    desk.press("1", "2", "1")
    expect(desk.card.get_by_role("heading", name="The pool is finished")).to_be_visible()
    expect(desk.notices.filter(has_text="is ready.")).to_be_visible()
    expect(desk.notices.filter(has_text="what comes next")).to_have_count(0)
    elsewhere = desk.card.get_by_role("link", name="Go on with")
    expect(elsewhere.first).to_have_attribute("href", "/annotate?project=spam")
    desk.card.get_by_role("button", name="Look over my answers").click()
    expect(desk.page.get_by_role("button", name="Take back")).to_have_count(3)


def test_the_last_sample_is_said_in_good_grammar_to_be_with_somebody_else(
    sit: Sit, server: Any
) -> None:
    samples = [{"text": "alone"}, {"text": "with another"}]
    labels = make_labels(["constructor", "toString"])  # every object of a script has these
    a_project(server, "one", samples, policy=NO_RETRAIN, labels=labels)
    desk = sit("one")
    desk.page.route("**/annotations", lambda route: route.abort())
    desk.press("1")
    expect(desk.card.locator(".counts li b")).to_have_text(["1", "0"])
    desk.page.unroute("**/annotations")
    desk.press("s")
    expect(desk.card.locator(".end")).to_contain_text(
        "1 sample is with somebody else, or wants another person's answer."
    )


def test_a_phone_names_buttons_instead_of_keys(
    phone: BrowserContext, server: Any, tickets: str, sign_in: Callable[..., None]
) -> None:
    page, person = phone.new_page(), a_person(server)
    sign_in(page, server, person)
    desk = Desk(page, server, person, tickets).open()
    desk.card.get_by_role("button", name="Help").click()
    told = desk.card.get_by_role("dialog", name="What the buttons do")
    expect(told).to_contain_text("Undobring the last card back")
    expect(told.locator("dl kbd")).to_have_count(0)
    expect(told).not_to_contain_text("Backspace")


def test_a_reader_of_the_rail_meets_the_words_of_the_home_page(sit: Sit, tickets: str) -> None:
    desk = sit(tickets)
    expect(desk.card.locator(".rail")).to_contain_text("Model in use")
    expect(desk.card.locator(".rail")).not_to_contain_text("Champion")


def test_a_new_version_takes_no_card_that_was_seen(sit: Sit, server: Any) -> None:
    policy = Policy(holdout_rate=0.0, retrain_every=4)
    a_project(server, "seen", labels=TOPICS[:3], multilabel=True, policy=policy)
    desk = sit("seen")
    for keys in ("1", "2", "3"):
        desk.press(keys, "Enter")
    fourth = desk.press("1", "Enter")[0]
    ticked = desk.press("2")[0]
    learnt = "SELECT 1 FROM version JOIN project ON project_id = project.id WHERE name = 'seen'"
    until(lambda: rows(server, learnt), "a version of four answers")  # taken back it has three
    desk.page.keyboard.press("u")
    desk.shows(fourth)
    expect(desk.notices.filter(has_text="Version 1 is ready")).to_be_visible()
    desk.press("Enter")
    desk.shows(ticked)
    expect(desk.card.locator('.label[aria-pressed="true"]')).to_have_count(1)
