"""Streamlit's controls, as a browser test waits for them and works them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

DRAWN = ".stApp[data-test-script-state=notRunning]"


def settled(page: Page) -> None:
    """Wait until the script has run and the page is drawn: after going there.

    After a click it may not have begun yet: wait first for what the click brings about.
    """
    page.locator(DRAWN).wait_for()


def label_button(page: Page, label: str) -> Locator:
    """Return the reviewer's button of a label."""
    return page.locator(".st-key-give").get_by_role("button", name=label, exact=True)


def choose(page: Page, box: Locator, option: str) -> None:
    """Choose from a list by typing: of a long one only what is in sight is drawn."""
    settled(page)  # a list that is open is not drawn anew
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


def write_cell(page: Page, text: str, *, row: int, column: int) -> None:
    """Write into a cell of the table that can be edited, by keyboard from its first cell."""
    canvas = page.get_by_test_id("data-grid-canvas").locator("visible=true")

    def cell(row: int, column: int) -> Locator:
        return canvas.get_by_test_id(f"glide-cell-{column}-{row}")

    canvas.focus()
    for at in range(1, row + 1):
        canvas.press("ArrowDown")
        expect(cell(at, 1)).to_have_attribute("aria-selected", "true")
    for at in range(2, column + 1):
        canvas.press("ArrowRight")
        expect(cell(row, at)).to_have_attribute("aria-selected", "true")
    canvas.press(text)
    editor = page.locator("#portal textarea, #portal input")
    expect(editor).to_have_value(text)
    editor.press("Enter")
    expect(cell(row, column)).to_have_text(text)
