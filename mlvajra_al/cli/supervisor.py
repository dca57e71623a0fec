"""Keep processes running: start them, start them again when they die, stop them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from mlvajra_al.services.listening import SUPERVISED
from mlvajra_al.signals import Told

FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0
STEADY_SECONDS = 30.0
"""Who has run this long has recovered: its next death counts as the first."""
STOP_SECONDS = 8.0
_output = threading.Lock()


@dataclass(frozen=True, slots=True)
class Task:
    """A Python module to run, and whether it is started again when it ends."""

    name: str
    arguments: tuple[str, ...]
    restart: bool = True


def delay(deaths: int) -> float:
    """Return how long to wait before starting again after so many deaths in a row.

    >>> [delay(deaths) for deaths in (1, 2, 3, 4, 20)]
    [0.2, 0.4, 0.8, 1.6, 30.0]
    """
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(deaths - 1, 16))


def say(name: str, text: str) -> None:
    """Write one line to standard error, marked with who says it."""
    with _output:
        try:
            sys.stderr.write(f"{name:<8} | {text}\n")
            sys.stderr.flush()
        except OSError:  # nobody is reading any more; the processes must not stop for that
            return


def _forward(name: str, stream: IO[bytes]) -> None:
    with stream:
        for line in stream:
            text = line.decode(errors="replace").rstrip()
            if text:
                say(name, text)


class Child:
    """One task: its process now, and how often it has died in a row."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.deaths = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due: float | None = None

    @property
    def running(self) -> bool:
        """Whether there is a live process."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start a process that ends with this one and has its own signals."""
        self._let_go()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlvajra_al.cli.leash", *self.task.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Of one session, or Linux would give each the same share of the processors.
            process_group=0,
            env=os.environ | {"PYTHONUNBUFFERED": "1", SUPERVISED: "1"},
        )
        self._started, self._due = time.monotonic(), None
        say(self.task.name, f"started as process {self.process.pid}")
        pipe = self.process.stdout
        if pipe is not None:
            arguments = (self.task.name, pipe)
            threading.Thread(target=_forward, args=arguments, daemon=True).start()

    def tend(self) -> None:
        """Notice a death, and start again when the time has come."""
        if self.running or self.process is None:
            return
        if self._due is None and self.task.restart:
            self._plan()
        elif self._due is not None and time.monotonic() >= self._due:
            self.start()

    def _plan(self) -> None:
        if time.monotonic() - self._started >= STEADY_SECONDS:
            self.deaths = 0
        self.deaths += 1
        wait = delay(self.deaths)
        self._due = time.monotonic() + wait
        say(self.task.name, f"{self._ended()}; starting it again in {wait:g} s")

    def _ended(self) -> str:
        code = self.process.returncode if self.process else 0
        if code < 0:
            return f"ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Let it finish what it is doing."""
        if self.process is not None and self.running:
            self.process.send_signal(signal.SIGTERM)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait for its end until `deadline` (monotonic), then end it."""
        if self.process is None:
            return
        ran = self.running
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(self.task.name, f"did not stop within {STOP_SECONDS:g} s, so it was killed")
            self.process.kill()
            self.process.wait()
        else:
            if ran:
                say(self.task.name, "stopped")
        self._let_go()

    def _let_go(self) -> None:
        """Close our end of the leash of a process that has ended."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


def stop(children: Sequence[Child]) -> None:
    """End all children, at the same time and within seconds."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.wait_or_kill(deadline)


def stop_on_signals() -> Told:
    """Return an event that is set by Ctrl-C, a request to end, or a closed terminal."""
    stopping = Told()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stopping.set())
    return stopping
