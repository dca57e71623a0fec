"""The app as a person starts it, in processes of its own: started, asked, stopped, ended."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from mlvajra_al.services import tokens
from mlvajra_al.store.database import Store

MLVAJRA = Path(sys.executable).with_name("mlvajra")
DEMOS = ("spam", "tumours", "digits")
START_SECONDS = 300
STOP_SECONDS = 60


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
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start on a free port, or on the one it had, and wait for nothing."""
        self.port = self.port or free_port()
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
                # One session with the tests, who play the browsers: Linux weighs sessions against
                # each other.
                process_group=0,
            )

    def answers(self) -> bool:
        """Say whether the app is ready."""
        return _answers(f"{self.url}/readyz")

    def wait_until_ready(self) -> None:
        """Return when /readyz says yes; fail with the log when it does not in time."""
        assert self.process is not None
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"the server ended with {self.process.returncode}:\n{self.log[-4000:]}")
            if self.answers():
                return
            time.sleep(0.1)
        pytest.fail(f"the server was not ready after {self.patience_s} s")

    def stop(self) -> int:
        """Stop as Ctrl-C does, which reaches all processes of a terminal; return the exit code.

        A process that is left is a failure.
        """
        assert self.process is not None
        started = self.processes()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
            left = psutil.wait_procs(started, timeout=STOP_SECONDS)[1]
            assert not left, f"the server left {left}"
            return code
        except subprocess.TimeoutExpired:
            pytest.fail(f"the server did not stop in {STOP_SECONDS} s")
        finally:
            _end(started)

    def end(self) -> None:
        """Make sure that nothing of it is left, however the test went."""
        _end(self.processes()[::-1])
        if self.process is not None:
            self.process.wait()

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield the workspace's store, beside the processes."""
        sqlite = f"sqlite:///{self.home / 'mlvajra.db'}"
        store = Store.open(self.environment.get("MLVAJRA_DATABASE_URL", sqlite), self.home)
        try:
            yield store
        finally:
            store.close()

    def client(self, person: str = "admin") -> httpx.Client:
        """Return a program's HTTP client, signed in as a person by a token of their own."""
        grant, now = tokens.Grant("a test"), datetime.now(UTC)
        with self.opened() as store:
            token = tokens.create(store, None, name=person, grant=grant, now=now)
        headers = {"Authorization": f"Bearer {token}"}
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
