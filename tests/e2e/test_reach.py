"""When the web server goes away and comes back, and where a page does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.beside import gone
from tests.e2e.controls import settled

CANNOT = "The server cannot be reached. This page keeps trying."
PARTS = "**/static/js/**"
BROKEN = "dynamically imported module"


def _waits_for_the_server(page: Page) -> None:
    """Return when Streamlit has noticed, and has asked so often that it would say so itself."""
    for _ in range(2):
        page.wait_for_event("requestfailed", lambda request: "/_stcore/health" in request.url)
    page.wait_for_timeout(500)


def test_no_dialog_covers_what_the_card_says_without_a_server(sit: Callable[..., Any]) -> None:
    desk = sit()
    with gone(desk.server):
        met = desk.press("1", "2")
        _waits_for_the_server(desk.page)
        expect(desk.page.get_by_role("dialog")).to_have_count(0)
        expect(desk.page.get_by_text(CANNOT)).to_be_hidden()
        expect(desk.status).to_contain_text("Offline (2 waiting, kept in this browser)")
        met.append(desk.sample)
        desk.card.locator(".label").first.click(timeout=5_000)
    desk.wait_until_saved()
    assert [event["sample_key"] for event in desk.stored()] == met


def _break_a_page(server: Any, page: Page, sign_in: Callable[..., None]) -> None:
    """Go to a page whose parts do not come."""
    sign_in(page, server)
    page.goto(f"{server.url}/?project=spam")
    settled(page)
    page.route(PARTS, lambda route: route.abort())
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Simulate").click()
    expect(page.get_by_text(BROKEN).first).to_be_visible()


def test_without_a_server_a_page_says_so_and_mends_itself_once_when_it_is_back(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    _break_a_page(server, page, sign_in)
    loads: list[str] = []
    with gone(server):
        expect(page.get_by_role("status").filter(has_text=CANNOT)).to_be_in_viewport(ratio=1)
        _waits_for_the_server(page)
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.unroute(PARTS)
        page.on("load", lambda: loads.append(page.url))
    expect(page.get_by_text(CANNOT)).to_be_hidden()
    expect(page.get_by_text(BROKEN)).to_have_count(0)
    expect(page.get_by_role("heading", name="Simulate", level=1)).to_be_visible()
    settled(page)
    assert len(loads) == 1


TYPE = """() => {
  const box = document.body.appendChild(document.createElement("textarea"));
  box.value = "half a sentence";
  box.focus();
}"""


def test_a_broken_page_is_not_loaded_anew_while_somebody_types(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    _break_a_page(server, page, sign_in)
    loads: list[str] = []
    page.on("load", lambda: loads.append(page.url))
    with gone(server):
        expect(page.get_by_text(CANNOT)).to_be_visible()
        page.unroute(PARTS)
        page.evaluate(TYPE)
    expect(page.get_by_text(CANNOT)).to_be_hidden()
    page.wait_for_timeout(2_500)
    expect(page.get_by_text(BROKEN).first).to_be_visible()
    assert loads == []
    page.evaluate("document.activeElement.blur()")
    expect(page.get_by_text(BROKEN)).to_have_count(0)
    expect(page.get_by_role("heading", name="Simulate", level=1)).to_be_visible()
    settled(page)
    assert len(loads) == 1


def test_a_page_that_does_not_exist_is_said_in_a_line_above_home(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, server)
    page.goto(f"{server.url}/nosuchpage")
    line = page.get_by_text("There is no page of that name. This is Home.")
    expect(line).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("heading", name="Home", level=1).click()
    expect(line).to_be_hidden()
