"""What stands round every page: the menu, names of tabs, keys, words that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mlvajra_al.services import claiming, labelling, people
from mlvajra_al.web.context import now
from tests.e2e.beside import a_person, a_project, rows, until
from tests.e2e.controls import settled
from tests.factories import LEASE, an_answer

PHONE = {"width": 390, "height": 844}


def test_on_a_phone_the_menu_starts_closed_and_closes_when_a_page_is_chosen(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, server)
    page.goto(f"{server.url}/?project=spam")
    settled(page)
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text="Annotate")
    expect(link).not_to_be_in_viewport()
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(link).to_be_in_viewport()
    link.click()
    expect(page.get_by_role("heading", name="Annotate", level=1)).to_be_visible()
    expect(link).not_to_be_in_viewport()
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(link).to_be_in_viewport()
    page.reload()
    settled(page)
    expect(link).not_to_be_in_viewport()


def test_on_a_desk_the_menu_stays_open(server: Any, visit: Callable[..., Page]) -> None:
    page = visit("train", "spam")
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text="Versions")
    link.click()
    expect(page.get_by_role("heading", name="Versions", level=1)).to_be_visible()
    expect(link).to_be_in_viewport()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("", "Home · spam · mlvajra"),
        ("annotate", "Annotate · spam · mlvajra"),
        ("train", "Train · spam · mlvajra"),
        ("admin", "Admin · mlvajra"),
    ],
)
def test_a_tab_names_its_page_and_project(
    visit: Callable[..., Page], name: str, title: str
) -> None:
    page = visit(name, "spam")
    expect(page).to_have_title(title)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_count(1)
    expect(heading).to_have_text(title.split(" · ")[0])


def test_a_page_of_admins_says_so_to_an_annotator(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, server, a_person(server))
    page.goto(f"{server.url}/train?project=spam")
    expect(page.get_by_text("Train is for admins; ask an admin of this project")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_test_id("stMain").get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()


def _flag(server: Any, project: str, count: int) -> None:
    """Let an annotator flag samples."""
    name = a_person(server)
    with server.opened() as store:
        grace = people.get(store, name)
        claims = claiming.claim(
            store, grace, project, n=count, now=now(), lease=LEASE, rng=np.random.default_rng(0)
        )
        flags = [an_answer(claim, None, action="flag") for claim in claims]
        labelling.record(store, grace, project, answers=flags, now=now(), lease=LEASE)


def _decisions(server: Any, person: str) -> list[tuple[str, str | None]]:
    query = """SELECT action, label FROM annotation JOIN person ON person.id = person_id
        WHERE person.name = :person ORDER BY seq"""
    return [(row["action"], row["label"]) for row in rows(server, query, person=person)]


def test_a_reviewer_decides_and_undoes_by_keys_but_not_while_typing_or_holding(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    project = a_project(server, "flagged")
    _flag(server, project.name, 3)
    rita = a_person(server, "reviewer")
    sign_in(page, server, rita)
    page.goto(f"{server.url}/review?project={project.name}")
    expect(page.get_by_text("3 samples to review")).to_be_visible()
    settled(page)
    comment = page.get_by_label("Comment")
    comment.fill("seen ")
    comment.press("1")
    expect(comment).to_have_value("seen 1")
    page.get_by_role("heading", level=1).click()
    page.keyboard.down("1")
    for _ in range(20):  # a key that is held comes again and again
        page.keyboard.down("1")
        page.wait_for_timeout(50)
    page.keyboard.up("1")
    expect(page.get_by_text("2 samples to review")).to_be_visible()
    settled(page)
    page.wait_for_timeout(500)
    first = project.labels[0].name
    assert _decisions(server, rita) == [("answer", first)]
    page.keyboard.press("u")
    until(lambda: len(_decisions(server, rita)) == 2, "the decision to be undone")
    expect(page.get_by_text("3 samples to review")).to_be_visible()
    assert _decisions(server, rita) == [("answer", first), ("retract", None)]


CONTRAST = """(node) => {
  const pixel = (color) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const brush = canvas.getContext("2d");
    brush.fillStyle = color;
    brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3]));
  const light = (color) => color.slice(0, 3)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const above = [];
  for (let at = node; at; at = at.parentElement) above.push(getComputedStyle(at));
  const ground = above.map((style) => pixel(style.backgroundColor)).reverse()
    .reduce((below, top) => over(top, below), [1, 1, 1]);
  const ink = pixel(above[0].color);
  ink[3] *= above.reduce((product, style) => product * Number(style.opacity), 1);
  const [high, low] = [light(over(ink, ground)), light(ground)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""
READ = {
    "a caption": "[data-testid=stCaptionContainer] p",
    "the tab that is open": "[role=tab][aria-selected=true] p",
    "what is chosen": "[data-variant=segmented_control][data-selected=true] p",
}
MAIN = "[data-testid=stBaseButton-primary] p"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_and_coloured_words_are_legible(
    server: Any, page: Page, sign_in: Callable[..., None], scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, server)
    page.goto(f"{server.url}/train?project=spam")
    settled(page)
    found = {
        name: page.get_by_test_id("stMain").locator(selector).first.evaluate(CONTRAST)
        for name, selector in READ.items()
    }
    page.goto(f"{server.url}/?project=spam")  # there it can be pressed before anybody has answered
    settled(page)
    found["the main button"] = page.get_by_test_id("stMain").locator(MAIN).first.evaluate(CONTRAST)
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


def test_a_page_in_the_menu_that_has_the_focus_is_outlined(visit: Callable[..., Page]) -> None:
    page = visit("train", "spam")
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text="Versions")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Simulate").focus()
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    expect(link).to_have_css("outline-style", "solid")
    expect(link).to_have_css("outline-width", "2px")


def test_a_key_that_no_label_has_says_so_and_answers_nothing(sit: Callable[..., Any]) -> None:
    desk = sit()
    before = desk.sample
    desk.press("7")
    expect(desk.card.locator(".last")).to_have_text("No label has the key 7; ? shows the keys")
    assert (desk.sample, desk.stored()) == (before, [])


def test_the_guidelines_open_above_the_fold(sit: Callable[..., Any]) -> None:
    page = sit().page
    button = page.get_by_role("button", name="Guidelines")
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    expect(page.get_by_test_id("stPopoverBody")).to_be_in_viewport(ratio=1)


def test_on_a_wide_screen_the_card_keeps_a_readable_width(sit: Callable[..., Any]) -> None:
    page = sit().page
    page.set_viewport_size({"width": 1920, "height": 1000})
    box = page.locator(".mlvajra-card .sheet").bounding_box()
    assert box is not None
    assert 600 < box["width"] <= 64 * 16


def test_where_nothing_hovers_no_keys_are_shown_and_no_table_covers_its_tabs(
    server: Any, browser: Any, sign_in: Callable[..., None]
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, server)
    page.goto(f"{server.url}/annotate?project=spam")
    expect(page.locator(".mlvajra-card .actions").get_by_text("Undo")).to_be_visible()
    expect(page.locator(".mlvajra-card .actions kbd").first).to_be_hidden()
    page.goto(f"{server.url}/admin")
    settled(page)
    page.get_by_role("tab", name="Audit trail").tap()
    expect(page.get_by_role("tab", name="Audit trail")).to_have_attribute("aria-selected", "true")
    context.close()


def test_where_nothing_hovers_a_table_stands_under_its_heading_and_a_tap_brings_its_buttons(
    server: Any, browser: Any, sign_in: Callable[..., None]
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    sign_in(page, server)
    page.goto(f"{server.url}/train?project=spam")
    table = page.locator("[data-testid=stDataFrame]:visible")
    heading = page.get_by_role("heading", name="Jobs")
    buttons = table.get_by_test_id("stElementToolbar")
    expect(buttons).to_have_css("opacity", "0")
    above, below = heading.bounding_box(), table.bounding_box()
    assert above is not None and below is not None
    assert below["y"] - (above["y"] + above["height"]) <= 20
    table.tap(position={"x": 60, "y": 50})
    expect(buttons).to_have_css("opacity", "1")
    heading.tap()
    expect(buttons).to_have_css("opacity", "0")
    context.close()


def test_the_page_shows_that_it_has_the_focus_when_keys_have_brought_it_there(
    visit: Callable[..., Page],
) -> None:
    page = visit("home", "spam")
    main = page.get_by_role("main", name="The page")
    outline = "node => getComputedStyle(node).outlineStyle"
    expect(main).to_be_visible()
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Tab")
    expect(main).to_be_focused()
    assert main.evaluate(outline) == "solid"
    page.get_by_role("button", name="Sign out").focus()
    box = main.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] - 4)
    page.keyboard.press("Shift")
    page.keyboard.press("7")
    expect(main).to_be_focused()
    assert main.evaluate(outline) == "none"


def test_on_a_phone_choices_that_break_into_lines_are_whole_buttons(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, server)
    page.goto(f"{server.url}/simulate?project=spam")
    settled(page)
    choices = page.get_by_role("radiogroup", name="Whose labels are the truth").get_by_role("radio")
    expect(choices).to_have_count(3)
    for choice in choices.all():
        expect(choice).to_have_css("border-radius", "8px")
        for side in ("left", "right"):
            expect(choice).to_have_css(f"border-{side}-width", "1px")
            expect(choice).not_to_have_css(f"border-{side}-color", "rgba(0, 0, 0, 0)")


def test_on_a_phone_the_days_of_the_audit_trail_can_be_read(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, server)
    page.goto(f"{server.url}/admin")
    settled(page)
    page.get_by_role("tab", name="Audit trail").click()
    days = page.get_by_test_id("stDateInput")
    expect(days).to_be_visible()
    box = days.bounding_box()
    assert box is not None and box["width"] >= 230
