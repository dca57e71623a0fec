"""A real server and a real browser; what the server wrote is shown with every failure."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

MLVAJRA = Path(sys.executable).with_name("mlvajra")
PASSWORD = "correct horse battery staple"
DEMOS = ("spam", "tumours", "digits")
START_SECONDS = 120
STOP_SECONDS = 30
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


@dataclass
class Server:
    """`mlvajra run` as a person starts it: web and worker under their supervisor."""

    home: Path
    environment: dict[str, str]
    port: int = 0
    command: tuple[str | Path, ...] = (MLVAJRA, "run")
    folder: Path | None = None
    patience_s: float = START_SECONDS
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where the app answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the processes wrote."""
        return self.home.parent / "server.log"

    @property
    def log(self) -> str:
        """What the processes wrote, as text."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def setup_link(self) -> str:
        """The one-time link that the first start without a password prints."""
        for _ in range(50):  # /readyz may answer just before the line is written
            if found := re.search(r"http://\S*/account/setup\S*", self.log):
                return found[0]
            time.sleep(0.1)
        return pytest.fail("the server printed no setup link")

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and everything it started, by pid."""
        if self.process is None or not psutil.pid_exists(self.process.pid):
            return []
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def start(self) -> None:
        """Start on a free port and return when the app is ready."""
        self.port = self.port or _free_port()
        environment = os.environ | self.environment
        environment |= {"MLVAJRA_HOME": str(self.home), "MLVAJRA_PORT": str(self.port)}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when /readyz says yes; fail with the log when it does not in time."""
        assert self.process is not None
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"the server ended with {self.process.returncode}")
            if _answers(f"{self.url}/readyz"):
                return
            time.sleep(0.1)
        pytest.fail(f"the server was not ready after {self.patience_s} s")

    def stop(self) -> int:
        """Stop as Ctrl-C does, which reaches all processes of a terminal; return the exit code."""
        assert self.process is not None
        started = self.processes()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the server did not stop in {STOP_SECONDS} s")
        finally:
            _end(started)

    def end(self) -> None:
        """Make sure that nothing of it is left, however the test went."""
        _end(self.processes()[::-1])
        if self.process is not None:
            self.process.wait()

    def client(self, person: str = "admin") -> httpx.Client:
        """Return a program's HTTP client, signed in as a person by a token of their own."""
        token = self.run("token", "create", "--user", person)
        assert token.returncode == 0, token.stderr
        headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    def wait_for_demos(self) -> None:
        """Return when the demo projects have their samples."""
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            for name in DEMOS:
                while not client.get(f"/projects/{name}/progress").json().get("left"):
                    assert time.monotonic() < deadline, f"the demo {name} has no samples yet"
                    time.sleep(0.2)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a `mlvajra` command in this server's workspace."""
        return subprocess.run(
            [MLVAJRA, *words],
            env=os.environ | self.environment | {"MLVAJRA_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  always loopback
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _end(processes: list[psutil.Process]) -> None:
    left = [process for process in processes if process.is_running()]
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
