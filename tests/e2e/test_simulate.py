"""A simulation in the browser: a file, a column, a button, and curves with what they advise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.controls import choose, settled

ROWS = "".join(f"{n % 7},{n % 11 + 4 * (n % 2)},{'tall' if n % 2 else 'flat'}\n" for n in range(60))


def test_a_labelled_file_is_played_and_its_curves_are_drawn(
    server: Any, page: Page, sign_in: Callable[..., None], tmp_path: Path
) -> None:
    source = tmp_path / "boxes.csv"
    source.write_text("width,height,kind\n" + ROWS)
    sign_in(page, server)
    page.goto(f"{server.url}/simulate?project=tumours")
    settled(page)
    page.locator("input[type=file]").set_input_files(source)
    choose(page, page.get_by_role("combobox", name="Column of true labels"), "kind")
    expect(page.get_by_text("The model sees 2 columns: width, height")).to_be_visible()
    seeds = page.get_by_role("spinbutton", name="Seeds")
    seeds.fill("2")
    seeds.press("Enter")
    expect(page.get_by_text("6 games: each strategy once with each seed.")).to_be_visible()
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_text("60 samples, 2 labels, by admin")).to_be_visible()
    expect(page.get_by_text("labels to 95%").first).to_be_visible()
    expect(page.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(6)
    expect(page.get_by_text("What it was played with")).to_be_visible()
