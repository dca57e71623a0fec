"""Processes to kill: forked from one that has imported everything, so that each costs little."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVER = """
import json, os, sys
import mlvajra_al.services.backup, mlvajra_al.services.people, mlvajra_al.services.restoring
import mlvajra_al.services.jobs.ingesting, mlvajra_al.services.jobs.retraining, mlvajra_al.worker
import tests.factories

for line in sys.stdin:
    code, arguments = json.loads(line)
    child = os.fork()
    if not child:
        exec(code, {"arguments": arguments})
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Run pieces of code, each in a process of its own."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running: int | None = None

    def start(self, code: str, *arguments: Any) -> int:
        """Start a process and return its number; `code` finds the list `arguments`."""
        assert self._server.stdin is not None
        if self._running is not None:  # a test has failed meanwhile
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)
            self.ended()
        print(json.dumps([code, list(map(str, arguments))]), file=self._server.stdin, flush=True)
        self._running = self._line()
        return self._running

    def ended(self) -> int:
        """Wait for the process that was started last and return how it ended."""
        self._running = None
        return self._line()

    def run(self, code: str, *arguments: Any) -> int:
        """Run a process to its end and return how it ended."""
        self.start(code, *arguments)
        return self.ended()

    def _line(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def close(self) -> None:
        """End the process that others are forked from."""
        with self._server:
            assert self._server.stdin is not None
            self._server.stdin.close()
