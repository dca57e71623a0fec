"""Waiting for a job: a worker does it, or this process where none runs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mlvajra_al.cli.workspace import now, progress
from mlvajra_al.errors import MlvajraError, Setup

if TYPE_CHECKING:
    from mlvajra_al.records import Job
    from mlvajra_al.store.database import Store

POLL_SECONDS = 0.2
LOG = "worker.log"


class JobFailed(MlvajraError):
    """A job that was waited for did not end well."""

    def __init__(self, job: Job) -> None:
        cancelled = f"the {job.kind} was cancelled; ask for it again if it is still wanted"
        super().__init__(cancelled if job.state == "cancelled" else str(job.error))
        self.job = job


def finished(store: Store, job: Job) -> Job:
    """See that a job ends, showing its progress, and return it once it is done.

    A worker does it; where none runs, this process does this one job and nothing else.

    Raises
    ------
    JobFailed
        If it failed or was cancelled.
    """
    from mlvajra_al.records import ACTIVE
    from mlvajra_al.services import training

    with progress() as bar:
        task = bar.add_task(job.kind, total=1.0)

        def look() -> Job:
            found = training.job(store, None, job.id)
            bar.update(task, completed=found.progress, description=found.message or found.kind)
            return found

        while job.state in ACTIVE:
            if _tended(store) or not _do(store, job, look):
                time.sleep(POLL_SECONDS)
            job = look()
    if job.state != "done":
        raise JobFailed(job)
    return job


def _tended(store: Store) -> bool:
    """Tell whether some worker lives."""
    from mlvajra_al.services import overview

    return overview.worker_seen(store, now=now())[0]


def _do(store: Store, job: Job, look: Callable[[], object]) -> bool:
    """Do a job here, and tell whether it could be had."""
    from mlvajra_al.services.jobs.performing import every, run_this

    name = f"{socket.gethostname()}:{os.getpid()}"[-80:]
    with _noted(store.home / LOG), _interruptible(), every(POLL_SECONDS, look):
        return run_this(store, job.id, worker=name)


@contextmanager
def _noted(path: Path) -> Iterator[None]:
    """Write what a job says and warns of to a file, not between the words of a command."""
    root = logging.getLogger()
    with path.open("a", encoding="utf-8") as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s command: %(message)s"))
        before = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.setLevel(before)
            root.removeHandler(handler)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C give the job at hand back to the queue before it ends the command."""
    from mlvajra_al.services.jobs.performing import Stop

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise Stop

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Stop:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


class Helper:
    """A worker of our own for as long as nobody else runs one; its words go to a log file."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Make sure that a worker is alive.

        Raises
        ------
        Setup
            If the one started here cannot run.
        """
        from mlvajra_al.services import overview

        if self.process is not None:
            if self.process.poll() is not None:
                raise Setup(f"the worker ended by itself; see why in {self._log}")
        elif not overview.worker_seen(self.store, now=now())[0]:
            self._start()

    @property
    def _log(self) -> Path:
        return self.store.home / LOG

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlvajra_al.cli.leash", "mlvajra_al.worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the worker that was started here."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


@contextmanager
def helper(store: Store) -> Iterator[Helper]:
    """Yield a helper whose worker ends with the block."""
    made = Helper(store)
    try:
        yield made
    finally:
        made.stop()
