"""The worker: claim a job, do it, finish it; say meanwhile that it is alive.

``python -m mlvajra_al.worker`` runs one on the workspace that the settings name. Whatever
happens to it, no job is lost: a job whose worker is gone is taken over when its lease ends.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mlvajra_al.config import settings
from mlvajra_al.errors import MlvajraError, Setup
from mlvajra_al.learning import persistence, training
from mlvajra_al.records import Job
from mlvajra_al.services.jobs.registry import HANDLERS
from mlvajra_al.services.jobs.telling import Cancelled, Clock, Tell
from mlvajra_al.store import jobs
from mlvajra_al.store.database import Connection, Store

LEASE = timedelta(seconds=15)
BEAT_S = 3.0
REPORT_S = 5.0
POLL_S = 0.25
TROUBLE_S = 2.0

log = logging.getLogger("mlvajra_al.worker")


class Stop(BaseException):
    """The process was asked to end: the job at hand goes back to the queue."""


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


def run_once(store: Store, worker: str, *, clock: Clock = utc_now) -> Job | None:
    """Do one job if one waits, and return it as it ended; None if there is none."""
    with store.read() as connection:
        if not jobs.waiting(connection, now=clock()):
            return None
    with store.begin() as connection:
        job = jobs.claim(connection, worker=worker, now=clock(), lease=LEASE)
    if job is None:
        return None
    tell = Tell(store, job, worker=worker, clock=clock, lease=LEASE)
    with _every(BEAT_S, tell.beat):
        _do(store, job, tell)
    with store.read() as connection:
        return jobs.get(connection, job.id)


def _do(store: Store, job: Job, tell: Tell) -> None:
    log.info("%s %d: started", job.kind, job.id)
    try:
        with threadpool_limits(1):  # the other cores belong to the people who label
            result = HANDLERS[job.kind](store, job, tell)
    except Cancelled:
        log.info("%s %d: cancelled or taken over", job.kind, job.id)
    except Stop:
        with store.begin() as connection:
            jobs.give_back(connection, job.id, worker=tell.worker, now=tell.clock())
        raise
    except MlvajraError as error:
        log.warning("%s %d: %s", job.kind, job.id, error)
        _fail(store, job, tell, str(error))
    except Exception as error:  # the edge: whatever it was, the loop goes on
        log.exception("%s %d failed", job.kind, job.id)
        _fail(store, job, tell, _calm(job, error))
    else:
        _finish(store, job, tell, result)


def _calm(job: Job, error: Exception) -> str:
    return (
        f"an unexpected problem ended this ({type(error).__name__}); nothing was changed. "
        f"Try again; the worker's log has the details of {job.kind} {job.id}"
    )


def _fail(store: Store, job: Job, tell: Tell, why: str) -> None:
    with store.begin() as connection:
        if jobs.is_mine(connection, job.id, tell.worker):
            jobs.finish(connection, job.id, state="failed", now=tell.clock(), error=why)


def _finish(store: Store, job: Job, tell: Tell, result: dict[str, Any]) -> None:
    """End a job whose handler wrote nothing; one that did has ended it by `settle`."""
    with store.begin() as connection:
        if jobs.is_mine(connection, job.id, tell.worker):
            jobs.finish(connection, job.id, state="done", now=tell.clock(), result=result)
    log.info("%s %d: done", job.kind, job.id)


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do something regularly in a thread of its own, and not a moment longer."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(seconds):
            try:
                act()
            except Exception:  # the database may be away for a while
                log.exception("could not say that this worker is alive")

    thread = threading.Thread(target=loop, name=f"every {seconds} s", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Worker:
    """A process that does jobs until it is told to stop."""

    def __init__(self, store: Store, name: str, *, clock: Clock = utc_now) -> None:
        self.store, self.name, self.clock = store, name, clock
        self.stopping = threading.Event()
        self.started_at = clock()
        self._interruptible = False
        self._thread: int | None = None

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End soon; a signal ends the job at hand at once, and it goes back to the queue."""
        self.stopping.set()
        if self._interruptible and threading.get_ident() == self._thread:
            self._interruptible = False
            raise Stop

    def run_forever(self) -> None:
        """Do jobs as they come."""
        self._thread = threading.get_ident()
        warm_up()
        self.report()
        with _every(REPORT_S, self.report):
            while not self.stopping.is_set():
                if not self._turn():
                    self.stopping.wait(POLL_S)
        with self.store.begin() as connection:
            jobs.forget_process(connection, self.name)

    def _turn(self) -> bool:
        self._interruptible = True
        try:
            return run_once(self.store, self.name, clock=self.clock) is not None
        except Stop:
            return False
        except Exception:  # the edge: a database that is away comes back
            log.exception("could not look for jobs")
            self.stopping.wait(TROUBLE_S)
            return False
        finally:
            self._interruptible = False

    def report(self) -> None:
        """Say that this process is alive."""

        def operation(connection: Connection) -> None:
            now = self.clock()
            jobs.report_process(
                connection,
                self.name,
                kind="worker",
                started_at=self.started_at,
                now=now,
                doing=jobs.doing(connection, self.name),
            )
            jobs.forget_processes(connection, before=now - timedelta(days=1))

        with self.store.begin() as connection:
            operation(connection)


def run_forever(store: Store, *, name: str | None = None) -> None:
    """Do the jobs of a workspace until SIGTERM or SIGINT."""
    worker = Worker(store, name or f"{socket.gethostname()}:{os.getpid()}"[:80])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    worker.run_forever()


def warm_up() -> None:
    """Load what the first job would otherwise wait for."""
    trained = training.train("logistic_regression", np.eye(2), ["a", "b"], seed=0)
    persistence.loads(persistence.dumps(trained.model))


def main() -> None:
    """Run a worker on the workspace that the settings name."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        chosen = settings()
        store = Store.open(chosen.url, chosen.home)
        store.migrate()
    except Setup as error:
        sys.exit(str(error))
    try:
        run_forever(store)
    finally:
        store.close()


if __name__ == "__main__":
    main()
