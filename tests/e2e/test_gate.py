"""The frame of the app in a real browser: who gets in, what it loads, how one leaves."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

import mlvajra_al
from mlvajra_al.records import Role
from tests.e2e.beside import a_person, until
from tests.e2e.controls import settled

PAGES = sorted((Path(mlvajra_al.__file__).parent.parent / "pages").glob("*.py"))
THINKING = {"sklearn", "modAL", "shap", "skops", "cleanlab", "numba", "mlvajra_al.learning"}


def _web_process(server: Any) -> psutil.Process:
    [found] = [p for p in server.processes() if any("app.py" in word for word in p.cmdline())]
    return found


def _modules(server: Any) -> set[str]:
    process = _web_process(server)
    told = Path(server.environment["MODULES_OF"]) / f"{process.pid}.txt"
    process.send_signal(signal.SIGUSR1)
    until(told.exists, "what the web process has loaded")
    return set(told.read_text().splitlines())


def test_a_stranger_sees_the_sign_in_page_instead(server: Any, page: Page) -> None:
    for name in ("", *(path.stem for path in PAGES)):
        page.goto(f"{server.url}/{name}")

        expect(page).to_have_title("Sign in · mlvajra")
        assert page.url.startswith(f"{server.url}/account/login?next=")


def test_every_page_opens_without_error_and_the_web_process_never_learns_to_think(
    server: Any,
    page: Page,
    sign_in: Callable[..., None],
) -> None:
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    sign_in(page, server)
    for path in PAGES:
        page.goto(f"{server.url}/{path.stem}")
        settled(page)
        expect(page.get_by_text("Something went wrong")).to_have_count(0)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(page.get_by_test_id("stToolbarActions")).to_have_count(0)
    refused = [text for text in problems if "Content Security Policy" in text]

    loaded = _modules(server)

    assert refused == []
    assert "streamlit" in loaded
    heavy = {name for name in loaded if name.split(".")[0] in THINKING or name in THINKING}
    assert heavy == set()
    assert not {name for name in loaded if name.startswith("mlvajra_al.services.jobs.")}


OFFERED = {
    "annotator": ["Home", "Annotate"],
    "reviewer": ["Home", "Annotate", "Review"],
    "admin": [
        *("Home", "Annotate", "Review", "Data", "Train"),
        *("Simulate", "Versions", "Explain", "Admin"),
    ],
}


@pytest.mark.parametrize("role", OFFERED)
def test_the_sidebar_offers_what_the_role_may_open(
    server: Any, page: Page, sign_in: Callable[..., None], role: Role
) -> None:
    sign_in(page, server, a_person(server, role))

    page.goto(server.url)

    expect(page.get_by_test_id("stSidebarNavLink")).to_have_text(OFFERED[role])


def test_signing_out_in_the_sidebar_ends_the_session(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, server)
    page.goto(server.url)

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · mlvajra")
    page.goto(f"{server.url}/home")

    expect(page).to_have_title("Sign in · mlvajra")


def test_an_open_page_says_that_its_session_was_ended(
    server: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, server)
    page.goto(server.url)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    elsewhere = {"Origin": server.url}
    page.context.request.post(f"{server.url}/account/logout", headers=elsewhere)

    page.get_by_test_id("stSidebarNavLink").filter(has_text="Admin").click()

    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.locator("input[name=password]")).to_be_visible()
