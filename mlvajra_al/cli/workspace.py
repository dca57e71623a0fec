"""What commands share: the open workspace, who acts, waiting for the worker, and output."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlvajra_al.errors import MlvajraError, Setup

if TYPE_CHECKING:
    from rich.progress import Progress

    from mlvajra_al.records import Job, Person
    from mlvajra_al.store.database import Store

POLL_SECONDS = 0.2


class JobFailed(MlvajraError):
    """A job that was waited for did not end well."""

    def __init__(self, job: Job) -> None:
        cancelled = "was cancelled; ask for it again if it is still wanted"
        what = cancelled if job.state == "cancelled" else f"failed: {job.error}"
        super().__init__(f"the {job.kind} job {job.id} {what}")
        self.job = job


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


@contextmanager
def opened() -> Iterator[Store]:
    """Open the workspace that the settings name, at the newest schema."""
    from mlvajra_al.config import settings
    from mlvajra_al.store.database import Store

    chosen = settings()
    store = Store.open(chosen.url, chosen.home)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


def operator(store: Store) -> Person:
    """Return whom the command line acts as, for the audit trail."""
    from mlvajra_al.services import people

    return people.operator(store, now=now())


def put(document: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def progress(*, unit: str = "") -> Progress:
    """Return a progress bar on standard error; gone when done, silent where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(
            "{task.completed:,.0f} of {task.total:,.0f} " + unit
            if unit
            else "{task.percentage:>3.0f}%"
        ),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


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
        elif not overview.worker_seen(self.store, None, now=now())[0]:
            self._start()

    @property
    def _log(self) -> Path:
        return self.store.home / "worker.log"

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


def finished(store: Store, job: Job) -> Job:
    """Wait for a job, showing its progress, and return it once it is done.

    Raises
    ------
    JobFailed
        If it failed or was cancelled.
    """
    from mlvajra_al.records import ACTIVE
    from mlvajra_al.services import training

    with helper(store) as worker, progress() as bar:
        task = bar.add_task(job.kind, total=1.0)
        while job.state in ACTIVE:
            worker.look()
            time.sleep(POLL_SECONDS)
            job = training.job(store, None, job.id)
            bar.update(task, completed=job.progress, description=job.message or job.kind)
    if job.state != "done":
        raise JobFailed(job)
    return job
