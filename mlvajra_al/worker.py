"""The worker: does jobs until it is told to stop, and says meanwhile that it is alive.

``python -m mlvajra_al.worker`` runs one on the workspace that the settings name; several on one
database share the jobs. One that stands by (``--standby``) loads scikit-learn only when the others
have left it a job. Whatever happens to one, no job is lost: a job whose worker is gone is
taken over when its lease ends.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import NoReturn

from mlvajra_al.config import settings
from mlvajra_al.errors import MlvajraError, Setup, Unavailable
from mlvajra_al.services import workspaces
from mlvajra_al.services.jobs.performing import (
    LEASE,
    MODULES,
    TROUBLE_S,
    Stop,
    every,
    handler_of,
    run_once,
    utc_now,
)
from mlvajra_al.services.jobs.telling import Clock
from mlvajra_al.signals import Told
from mlvajra_al.store import estimates, job_leases, jobs, processes, uploads
from mlvajra_al.store.database import Connection, Store

REPORT_S = 5.0
POLL_S = 0.25
SOON_S = 0.02
ALERT_S = 2.0
"""So long after a job it looks for the next one so soon: rows to predict come one by one."""
AGAIN_S = 0.05
TIDY = timedelta(hours=1)
"""So often uploads that nobody waits for are looked for."""
NICEST = 19
STANDBY = timedelta(seconds=0.5)
"""So long a job waits for a worker that has loaded already what the job needs."""

log = logging.getLogger("mlvajra_al.worker")


class Steadiness:
    """Notices that the clock was set, or that the machine has slept.

    Then every lease looks as if it had ended, though its worker lives: for one lease nobody
    is taken for dead.
    """

    JUMP_S = 5.0

    def __init__(self, clock: Clock, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._elapsed = clock, elapsed
        self._offset = clock().timestamp() - elapsed()
        self._jumped_at = -LEASE.total_seconds() + elapsed()

    def settled(self) -> bool:
        """Tell whether the clock has gone evenly for a lease."""
        now = self._elapsed()
        offset = self._clock().timestamp() - now
        if abs(offset - self._offset) > self.JUMP_S:
            self._jumped_at = now
        self._offset = offset
        return now - self._jumped_at >= LEASE.total_seconds()


def give_back_memory() -> None:
    """Return what jobs have freed to the system, where its allocator keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Trouble:
    """Says once that the database is away, and once that it is back."""

    def __init__(self) -> None:
        self._lasts = False

    def begins(self, error: MlvajraError) -> None:
        """Say what is waited for, unless that has been said."""
        if not self._lasts:
            log.warning("waiting: %s", error)
        self._lasts = True

    def is_over(self) -> None:
        """Say that the wait is over, if there was one."""
        if self._lasts:
            log.warning("going on: the database answers again")
        self._lasts = False


class Worker:
    """A process that does jobs until it is told to stop."""

    def __init__(
        self, store: Store, name: str, *, clock: Clock = utc_now, standby: bool = False
    ) -> None:
        self.store, self.name, self.clock = store, name, clock
        self._after = STANDBY if standby else job_leases.AT_ONCE
        self.stopping = Told()
        self.started_at = clock()
        self._tidied_at = self.started_at - TIDY
        self.steadiness = Steadiness(clock)
        self._trouble = Trouble()
        self._interruptible = False
        self._thread: int | None = None

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End soon; a signal ends the job at hand at once, and it goes back to the queue."""
        self.stopping.set()
        step_forward()
        if self._interruptible and threading.get_ident() == self._thread:
            self._interruptible = False
            raise Stop

    def stop_again(self, lost: sys.UnraisableHookArgs) -> None:
        """Raise `Stop` anew that came in a callback of the garbage collector, which drops it."""
        if lost.exc_type is not Stop:
            sys.__unraisablehook__(lost)
            return
        self._interruptible = True
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)

    def run_forever(self) -> None:
        """Do jobs as they come."""
        self._thread = threading.get_ident()
        if not self._after:
            self._turn(warm_up)
        with every(REPORT_S, self._report_or_wait):
            self._turn(self.report)
            alert_until = 0.0
            while not self.stopping.is_set():
                if self._turn(self.work):
                    alert_until = time.monotonic() + ALERT_S
                else:
                    self.stopping.wait(SOON_S if time.monotonic() < alert_until else POLL_S)
        self._turn(self._leave)

    def work(self) -> bool:
        """Do one job if one waits for this worker, and tell whether one did."""
        self._tidy()
        takeover = self.steadiness.settled()
        done = run_once(
            self.store, self.name, clock=self.clock, takeover=takeover, after=self._after
        )
        if done is None:
            return False
        self._after = job_leases.AT_ONCE
        give_back_memory()
        return True

    def _tidy(self) -> None:
        """Remove old uploads now and then, whatever became of the jobs that were to read them."""
        now = self.clock()
        if abs(now - self._tidied_at) < TIDY:
            return
        with self.store.read() as connection:
            uploads.sweep(connection, self.store.home, now=now)
        self._tidied_at = now

    def _turn(self, act: Callable[[], bool | None]) -> bool:
        """Do something; a database that is away comes back."""
        self._interruptible = True
        try:
            done = bool(act())
            self._trouble.is_over()
            return done
        except Stop:
            return False
        except MlvajraError as error:
            self._trouble.begins(error)
        except Exception:  # the edge
            log.exception("could not look for jobs")
        finally:
            self._interruptible = False
        self.stopping.wait(TROUBLE_S)
        return False

    def report(self) -> None:
        """Say that this process is alive."""
        now = self.clock()

        def operation(connection: Connection) -> None:
            processes.report(
                connection,
                self.name,
                kind="worker",
                started_at=self.started_at,
                now=now,
                doing=jobs.doing(connection, self.name),
            )
            processes.forget_silent(connection, before=now - timedelta(days=1))
            estimates.renew(connection)

        self.store.write(operation)

    def _report_or_wait(self) -> None:
        try:
            self.report()
        except Unavailable as error:
            self._trouble.begins(error)

    def _leave(self) -> None:
        def operation(connection: Connection) -> None:
            # A job that was being claimed when the signal came was claimed for nobody.
            job_leases.give_back_all(connection, worker=self.name, now=self.clock())
            processes.forget(connection, self.name)

        self.store.write(operation)


def run_forever(store: Store, *, standby: bool = False) -> None:
    """Do the jobs of a workspace until SIGTERM or SIGINT."""
    worker = Worker(store, f"{socket.gethostname()}:{os.getpid()}"[-80:], standby=standby)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, worker.stop)
    sys.unraisablehook = worker.stop_again
    worker.run_forever()


def warm_up() -> None:
    """Load what the first job would otherwise wait for."""
    import numpy as np

    from mlvajra_al.learning import persistence, training

    for kind in MODULES:
        handler_of(kind)
    trained = training.train("logistic_regression", np.eye(2), ["a", "b"], seed=0)
    persistence.loads(persistence.dumps(trained.model))


def step_back(niceness: int) -> None:
    """Let whoever answers annotators have the processor first.

    Who is nicest runs, on Linux, only while nobody else wants to: who is merely nice still runs on
    until the next tick when an answer arrives, up to 4 ms each time.
    """
    if not niceness:
        return
    os.nice(niceness)
    if niceness == NICEST and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def step_forward() -> None:
    """Take that back as far as the system lets us: what ends waits behind nobody."""
    with suppress(OSError):  # only root may be nicer to itself
        if hasattr(os, "SCHED_OTHER"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def main() -> None:
    """Run a worker on the workspace that the settings name."""
    parser = argparse.ArgumentParser(prog="python -m mlvajra_al.worker", description=main.__doc__)
    parser.add_argument(
        "--standby", action="store_true", help="do only what the other workers leave"
    )
    standby = parser.parse_args().standby
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        chosen = settings()
        store = workspaces.opened(chosen.home, chosen.url)
    except Setup as error:
        sys.exit(str(error))
    try:
        # Who writes does not step back: on SQLite everybody else waits for it.
        store.start_writer()
        step_back(chosen.worker_nice)
        run_forever(store, standby=standby)
    finally:
        store.close()


def end() -> NoReturn:
    """End without clearing up, of which Python and its libraries make seconds of a busy machine."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
    end()
