"""A real server and a real browser; what the server wrote is shown with every failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.e2e.beside import PASSWORD, a_person
from tests.e2e.controls import settled
from tests.e2e.desk import Desk
from tests.server import Server

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
SPY = Path(__file__).parent / "spy"
PATIENCE_MS = 90_000
"""A machine that does other things too is slow, not wrong."""
expect.set_options(timeout=PATIENCE_MS)

SLOWEST = ("test_stranger", "test_outbox", "test_labelling", "test_pages", "test_start")
"""Begun first where processes share the files, so that they end together."""

SERVERS = pytest.StashKey[list[Server]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.path.parent != Path(__file__).parent:
        return -1
    return SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST)


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


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A running app with its demo projects and the person `admin`, shared by all tests.

    What would spoil it for others a test does with a project or a server of its own. On SIGUSR1
    its processes write down what they have loaded.
    """
    folder = tmp_path_factory.mktemp("server")
    starter = _starter(request.config, folder)
    running = next(starter)(
        MLVAJRA_ADMIN_PASSWORD=PASSWORD,
        PYTHONPATH=os.pathsep.join([str(SPY), os.environ.get("PYTHONPATH", "")]),
        MODULES_OF=str(folder),
    )
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


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile for the tests of a process: what all pages load is loaded once."""
    context = _quiet(browser)
    yield context
    context.close()


@pytest.fixture
def context(profile: BrowserContext, hosts: set[str]) -> Iterator[BrowserContext]:
    """A browser in which nobody was before; its requests are on record, none may leave."""
    with _watched(profile, hosts):
        yield profile
        for page in profile.pages:
            page.close()
        profile.set_offline(False)
        profile.set_storage_state({"cookies": [], "origins": []})


@pytest.fixture
def fresh_context(browser: Browser, hosts: set[str]) -> Iterator[BrowserContext]:
    """A profile of this test's own, to spoil."""
    context = _quiet(browser)
    with _watched(context, hosts):
        yield context
        context.close()


@pytest.fixture(scope="session")
def visit(
    browser: Browser, server: Server, sign_in: Callable[..., None]
) -> Iterator[Callable[..., Page]]:
    """Open a page as admin in a tab that tests share: ``visit("train", "tumours")``."""
    context = _quiet(browser)
    with _watched(context, set()):
        page = context.new_page()
        sign_in(page, server)

        def go(name: str, project: str) -> Page:
            page.goto(f"{server.url}/{name}?{urlencode({'project': project})}")
            settled(page)
            return page

        yield go
        context.close()


def _quiet(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    return context


@contextmanager
def _watched(context: BrowserContext, hosts: set[str]) -> Iterator[None]:
    def asked(request: Request) -> None:
        _note(hosts, request.url)

    def opened(page: Page) -> None:
        page.on("websocket", lambda socket: _note(hosts, socket.url))

    context.on("request", asked)
    context.on("page", opened)
    yield
    context.remove_listener("request", asked)
    context.remove_listener("page", opened)
    assert hosts <= {"127.0.0.1", "localhost"}, f"pages asked other hosts: {sorted(hosts)}"


def _note(hosts: set[str], url: str) -> None:
    address = urlsplit(url)
    if address.scheme in {"http", "https", "ws", "wss"} and address.hostname:
        hosts.add(address.hostname)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab in this test's own browser profile."""
    return context.new_page()


@pytest.fixture(scope="session")
def sign_in() -> Callable[..., None]:
    """Sign a person in through the form's door: ``sign_in(page, server)``, or with a name."""

    def sign(page: Page, server: Server, name: str = "admin", password: str = PASSWORD) -> None:
        answer = page.context.request.post(
            f"{server.url}/account/login",
            form={"name": name, "password": password},
            headers={"Origin": server.url},
            max_redirects=0,
            max_retries=2,  # as a browser does where the server ends an idle connection just then
        )
        assert answer.status == 303, answer.text()

    return sign


@pytest.fixture
def sit(context: BrowserContext, server: Any, sign_in: Callable[..., None]) -> Callable[..., Desk]:
    """Sit a new person down at a project's card."""

    def sit_down(project: str = "spam") -> Desk:
        page = context.new_page()
        person = a_person(server)
        sign_in(page, server, person)
        return Desk(page, server, person, project).open()

    return sit_down
