"""What is written in charts can be read in both themes: measured as the browser draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mlvajra_al.web.charts import look
from tests.contrast import ENOUGH, colour, contrast, over
from tests.e2e.beside import wait_until_idle

PROJECT = "tumours"
WRITTEN = """() => [...document.querySelectorAll(".js-plotly-plot text")]
    .filter(text => text.textContent.trim() && text.getClientRects().length)
    .map(text => [text.textContent, getComputedStyle(text).fill])"""
BELOW = """() => getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor"""


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest, browser: Browser, server: Any, sign_in: Callable[..., None]
) -> Iterator[Page]:
    """A tab of somebody who wants a theme."""
    context = browser.new_context(color_scheme=request.param)
    page = context.new_page()
    sign_in(page, server)
    yield page
    context.close()


@pytest.fixture(scope="module")
def measured(server: Any) -> Any:
    """A server whose project has a version that is measured."""
    assert server.run("demo", "annotate", PROJECT, "--labels", "120").returncode == 0
    wait_until_idle(server)
    return server


def faint(page: Page) -> list[tuple[str, str]]:
    """Return what is written too faintly."""
    below = colour(page.evaluate(BELOW))
    written = page.evaluate(WRITTEN)
    assert written, "there is no chart"
    return [(words, fill) for words, fill in written
            if contrast(over(colour(fill), below), below) < ENOUGH]  # fmt: skip


@pytest.mark.parametrize("name", ["", "train", "versions", "explain"])
def test_everything_written_in_charts_can_be_read(measured: Any, page: Page, name: str) -> None:
    page.goto(f"{measured.url}/{name}?project={PROJECT}")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.wait_for_timeout(500)  # charts below are drawn one after the other
    assert faint(page) == []


def test_numbers_of_a_confusion_matrix_can_be_read_on_every_shade(
    measured: Any, page: Page
) -> None:
    page.goto(f"{measured.url}/versions?project={PROJECT}")
    numbers = page.get_by_label("Confusion matrix").locator(".textpoint text")
    numbers.first.wait_for()
    below, text = colour(page.evaluate(BELOW)), numbers.first
    written = colour(text.evaluate("text => getComputedStyle(text).fill"))
    shades = [colour(shade) for _, shade in look.SHADES]
    assert min(contrast(written, over(shade, below)) for shade in shades) >= ENOUGH
