"""The frame of the app in a real browser: who gets in, what it loads, how one leaves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

import mlvajra_al

PAGES = sorted((Path(mlvajra_al.__file__).parent.parent / "pages").glob("*.py"))
PASSWORD = "correct horse battery staple"
THINKING = {"sklearn", "modAL", "shap", "skops", "cleanlab", "numba", "mlvajra_al.learning"}


@pytest.fixture(scope="module")
def spied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder where processes tell their modules; servers started after it will tell."""
    folder = tmp_path_factory.mktemp("modules")
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(Path(__file__).parent / "spy"))
    patch.setenv("MODULES_OF", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def app(spied: Path, server: Any) -> Any:
    """A running app whose processes can be asked what they have loaded."""
    return server


def _web_process(server: Any) -> psutil.Process:
    [found] = [p for p in server.processes() if any("app.py" in word for word in p.cmdline())]
    return found


def _modules(process: psutil.Process, folder: Path) -> set[str]:
    told = folder / f"{process.pid}.txt"
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 20
    while not told.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return set(told.read_text().splitlines())


@pytest.mark.parametrize("name", ["", *(path.stem for path in PAGES)])
def test_a_stranger_sees_the_sign_in_page_instead(app: Any, page: Page, name: str) -> None:
    page.goto(f"{app.url}/{name}")

    expect(page).to_have_title("Sign in · mlvajra")
    assert page.url.startswith(f"{app.url}/account/login?next=")


def test_every_page_opens_without_error_and_the_web_process_never_learns_to_think(
    app: Any,
    spied: Path,
    page: Page,
    sign_in: Callable[..., None],
    settled: Callable[[Page], None],
) -> None:
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    sign_in(page, app)
    for path in PAGES:
        page.goto(f"{app.url}/{path.stem}")
        settled(page)
        expect(page.get_by_text("Something went wrong")).to_have_count(0)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(page.get_by_test_id("stToolbarActions")).to_have_count(0)
    refused = [text for text in problems if "Content Security Policy" in text]

    loaded = _modules(_web_process(app), spied)

    assert refused == []
    assert "streamlit" in loaded
    heavy = {name for name in loaded if name.split(".")[0] in THINKING or name in THINKING}
    assert heavy == set()
    assert not {name for name in loaded if name.startswith("mlvajra_al.services.jobs.")}


def test_the_sidebar_offers_what_the_role_may_open(
    app: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, app)

    links = page.get_by_test_id("stSidebarNavLink").all_inner_texts()

    assert {"Home", "Annotate", "Train", "Versions", "Data", "Admin"} <= set(links)


def test_signing_out_in_the_sidebar_ends_the_session(
    app: Any, page: Page, sign_in: Callable[..., None]
) -> None:
    sign_in(page, app)

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · mlvajra")
    page.goto(f"{app.url}/home")

    expect(page).to_have_title("Sign in · mlvajra")


def test_an_open_page_says_that_its_session_was_ended(
    start_server: Callable[..., Any],
    page: Page,
    sign_in: Callable[..., None],
) -> None:
    server = start_server(MLVAJRA_ADMIN_PASSWORD=PASSWORD, MLVAJRA_DEMO="false")
    sign_in(page, server)
    page.context.request.post(f"{server.url}/account/logout")  # as in another tab

    page.get_by_test_id("stSidebarNavLink").filter(has_text="Admin").click()

    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.locator("input[name=password]")).to_be_visible()
