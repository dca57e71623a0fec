"""A real server and a real browser; what the server wrote is shown with every failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.server import Server

PASSWORD = "correct horse battery staple"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


SERVERS = pytest.StashKey[list[Server]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        for server in item.config.stash[SERVERS]:
            report.sections.append((f"log of {server.url}", server.log[-8000:]))
    return report


Starter = Callable[..., Server]


def _starter(config: pytest.Config, folder: Path) -> Iterator[Starter]:
    started: list[Server] = []

    def start(server: Server | None = None, **environment: str) -> Server:
        if server is None:
            home = folder / f"server{len(started)}" / "workspace"
            home.mkdir(parents=True)
            server = Server(home, environment)
        started.append(server)
        config.stash[SERVERS].append(server)
        server.start()
        return server

    try:
        yield start
    finally:
        for server in started:
            server.end()
            config.stash[SERVERS].remove(server)


@pytest.fixture
def start_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Starter]:
    """Start servers of one's own: ``start_server(MLVAJRA_DEMO="false")``, to kill or to set up."""
    yield from _starter(request.config, tmp_path)


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A running app with its demo projects and the person `admin`, shared by one test file."""
    starter = _starter(request.config, tmp_path_factory.mktemp("server"))
    running = next(starter)(MLVAJRA_ADMIN_PASSWORD=PASSWORD)
    running.wait_for_demos()
    yield running
    running.stop()
    next(starter, None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; it cannot resolve any host but this machine."""
    names = (os.environ.get("CHROMIUM") or "chromium", *BROWSERS)
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.fail("Chromium is not installed; `make machine` says how")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def hosts() -> set[str]:
    """Every host that the pages of this test asked for anything."""
    return set()


@pytest.fixture
def context(browser: Browser, hosts: set[str]) -> Iterator[BrowserContext]:
    """A fresh browser profile whose every request is on record; none may leave this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.on("request", lambda request: _note(hosts, request.url))
    context.on("page", lambda page: page.on("websocket", lambda ws: _note(hosts, ws.url)))
    yield context
    context.close()
    assert hosts <= {"127.0.0.1", "localhost"}, f"pages asked other hosts: {sorted(hosts)}"


def _note(hosts: set[str], url: str) -> None:
    address = urlsplit(url)
    if address.scheme in {"http", "https", "ws", "wss"} and address.hostname:
        hosts.add(address.hostname)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab in this test's own browser profile."""
    return context.new_page()


@pytest.fixture
def settled() -> Callable[[Page], None]:
    """Wait until Streamlit has run the script and drawn the page."""

    def wait(page: Page) -> None:
        page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=30_000)

    return wait


@pytest.fixture
def sign_in(settled: Callable[[Page], None]) -> Callable[..., None]:
    """Sign a person in by the form: ``sign_in(page, server)`` or with a name and password."""

    def sign(page: Page, server: Server, name: str = "admin", password: str = PASSWORD) -> None:
        page.goto(f"{server.url}/account/login")
        page.locator("input[name=name]").fill(name)
        page.locator("input[name=password]").fill(password)
        page.locator("button[type=submit]").click()
        page.wait_for_url(lambda url: "/account/" not in url)
        settled(page)

    return sign
