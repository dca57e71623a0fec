"""Words of people that try to be more than words: shown on every page, without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mlvajra_al.records import Label
from tests.e2e.beside import a_project
from tests.e2e.controls import settled
from tests.e2e.desk import Desk

MARK = "<img class=evil src=x onerror=alert(1)>"
TEXTS = [
    f"<script>alert(1)</script>{MARK}",
    "[link](javascript:alert(1)) ![image](http://evil.example/x.png)",
    "$\\href{javascript:alert(1)}{x}$ :red[colour] :material/delete: :smile: a -> b",
    "=HYPERLINK(1) http://evil.example/path www.evil.example ada@evil.example",
]
ROWS = [
    {"subject": f"{text} {n}", "text": f"{text}\n\nnumber {n}"} for n in range(5) for text in TEXTS
]
LABELS = tuple(
    Label(f"{text} {key}", f"{text} {key}"[:200], key, "#2563eb", f"{text} as a definition")
    for key, text in zip("1234", TEXTS, strict=True)
)
PAGES: dict[str, tuple[str, ...]] = {
    "": (),
    "annotate": (),
    "review": (),
    "train": ("Settings",),
    "versions": (),
    "explain": (),
    "data": ("Columns", "Labels", "Guidelines", "Export", "Archive"),
    "admin": ("Audit trail",),
}
LIVE = "img.evil, img[src*=evil], a[href*=evil], a[href^=javascript]"


@pytest.fixture
def hostile(server: Any) -> str:
    """A project whose every word is an attempt."""
    fields = {"labels": LABELS, "title_column": "subject", "guidelines": MARK}
    return a_project(server, "hostile", ROWS, **fields).name


def test_words_that_try_to_be_more_are_shown_on_every_page_without_effect(
    hostile: str,
    server: Any,
    visit: Callable[..., Page],
) -> None:
    page = visit("annotate", hostile)
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    desk = Desk(page, server, "admin", hostile).open()
    desk.press("1", "2", "f")
    page.keyboard.type(f"{MARK} [link](http://evil.example)")
    page.keyboard.press("Enter")
    desk.wait_until_saved()
    expect(desk.card.locator(".title")).to_be_visible()
    page.get_by_text("My answers", exact=True).click()
    expect(page.get_by_role("button", name="Take back").first).to_be_visible()
    nothing_lives(page)
    for name, tabs in PAGES.items():
        visit(name, hostile)
        nothing_lives(page)
        for tab in tabs:
            page.get_by_role("tab", name=tab).click()
            settled(page)
            nothing_lives(page)
    assert alerts == []


def nothing_lives(page: Page) -> None:
    """Nothing of the hostile words became an element, and the page stands."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(page.locator(LIVE)).to_have_count(0)  # looks into shadow roots too
