"""One turn of a worker: claim a job, do it, write how it ended.

A database that is away or a disk that is full is nothing the job has done: the job waits and
is done again, for as long as nobody else has taken it. An import says at once that there is no
room, because a person waits for it and it would fill the disk again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import cast

from threadpoolctl import threadpool_limits

from mlvajra_al.errors import DiskFull, MlvajraError, Unavailable
from mlvajra_al.records import Failure, Job, JobKind
from mlvajra_al.services.jobs.mending import Handler, guarded
from mlvajra_al.services.jobs.telling import Cancelled, Clock, Later, Result, Tell
from mlvajra_al.store import job_leases, jobs
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.trouble import room
from mlvajra_al.words import harmless

MODULES: dict[JobKind, str] = {
    "ingest": "ingesting",
    "prepare": "preparing",
    "retrain": "retraining",
    "evaluate": "evaluating",
    "explain": "explaining",
    "predict": "predicting",
    "simulate": "simulating",
    "examine": "examining",
}
"""Where the function lies that is named like the kind."""


def handler_of(kind: JobKind) -> Handler:
    """Return what does a kind of job; it notes the damaged file it fails on.

    Loaded on first use: a worker that only imports files never loads scikit-learn.
    """
    module = import_module(f"{__package__}.{MODULES[kind]}")
    return guarded(cast("Handler", getattr(module, kind)))


LEASE = timedelta(seconds=15)
BEAT_S = 3.0
TROUBLE_S = 2.0
PATIENT: tuple[JobKind, ...] = ("prepare", "retrain")
"""Jobs of the loop: where there is no room they wait for it, since nobody would ask again."""

UNEXPECTED = Failure("Internal", 500)

Ending = Callable[[Connection], None]

log = logging.getLogger("mlvajra_al.worker")


class Stop(BaseException):
    """The process was asked to end: the job at hand goes back to the queue."""


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


def run_once(
    store: Store,
    worker: str,
    *,
    clock: Clock = utc_now,
    takeover: bool = True,
    after: timedelta = job_leases.AT_ONCE,
) -> Job | None:
    """Do one job if one waits, and return it as it ended; None if there is none.

    Without `takeover` jobs of workers that seem to be dead are left alone, and so are those
    that have not waited for as long as `after` yet.
    """
    with store.read() as connection:
        if not job_leases.waiting(
            connection, now=clock(), lease=LEASE, takeover=takeover, after=after
        ):
            return None
    job = store.write(
        lambda connection: job_leases.claim(
            connection, worker=worker, now=clock(), lease=LEASE, takeover=takeover, after=after
        )
    )
    return None if job is None else _done(store, job, worker, clock=clock)


def run_this(store: Store, job_id: int, *, worker: str, clock: Clock = utc_now) -> bool:
    """Do one certain job here and now, and tell whether it could be had.

    It cannot while a worker has it, or while one of its project runs that it has to wait for.
    """
    job = store.write(
        lambda connection: job_leases.claim_this(
            connection, job_id, worker=worker, now=clock(), lease=LEASE
        )
    )
    if job is None:
        return False
    _done(store, job, worker, clock=clock)
    return True


def _done(store: Store, job: Job, worker: str, *, clock: Clock) -> Job:
    """Do a job that was claimed, and return it as it ended."""
    tell = Tell(store, job, worker=worker, clock=clock, lease=LEASE)
    with every(BEAT_S, tell.beat):
        try:
            _insist(store, job, tell, ending=_ending(store, job, tell))
        except Stop:
            _give_back(store, job, tell)
            raise
    with store.read() as connection:
        return jobs.get(connection, job.id)


def _ending(store: Store, job: Job, tell: Tell) -> Ending:
    """Do a job and return what is to be written about its end."""
    log.info("%s %d: started", job.kind, job.id)
    try:
        result = _patiently(store, job, tell)
    except Cancelled:
        log.info("%s %d: cancelled or taken over", job.kind, job.id)
        return lambda connection: None
    except Later:
        log.info("%s %d: makes room", job.kind, job.id)
        return lambda connection: job_leases.give_back(
            connection, job.id, worker=tell.worker, now=tell.clock()
        )
    except MlvajraError as error:
        log.warning("%s %d: %s", job.kind, job.id, harmless(str(error)))
        return _failure(job, tell, str(error), kind=Failure(type(error).__name__, error.status))
    except Exception as error:  # the edge: whatever it was, the loop goes on
        log.exception("%s %d failed", job.kind, job.id)
        return _failure(job, tell, _calm(job, error))
    log.info("%s %d: done", job.kind, job.id)
    return _success(job, tell, result)


def _patiently(store: Store, job: Job, tell: Tell) -> Result:
    """Do a job, again and again while what it needs is away.

    Raises
    ------
    Cancelled
        If somebody else has the job by then.
    """
    while True:
        try:
            # The other cores belong to the people who label.
            with threadpool_limits(1), room(store.home):
                return handler_of(job.kind)(store, job, tell)
        except Unavailable as error:
            _wait(job, tell, error)
        except DiskFull as error:
            if job.kind not in PATIENT:
                raise
            _wait(job, tell, error)


def _wait(job: Job, tell: Tell, error: MlvajraError) -> None:
    """Say why the job has not gone on, as soon as that can be said, and wait a moment."""
    said = False
    while not said:
        log.warning("%s %d waits: %s", job.kind, job.id, error)
        try:
            tell(0.0, f"Waiting: {error}")
            said = True
        except (Unavailable, DiskFull):
            pass
        time.sleep(TROUBLE_S)


def _calm(job: Job, error: Exception) -> str:
    return (
        f"an unexpected problem ended this ({type(error).__name__}). What was stored before it "
        f"is whole and stays, and nothing else was changed. Try again; the worker's log has the "
        f"details of {job.kind} {job.id}"
    )


def _failure(job: Job, tell: Tell, why: str, *, kind: Failure = UNEXPECTED) -> Ending:
    """End a job that failed; what kind of error it was is for who asks over HTTP."""

    def ending(connection: Connection) -> None:
        if job_leases.is_mine(connection, job.id, tell.worker):
            jobs.finish(
                connection, job.id, state="failed", now=tell.clock(), error=why, result=asdict(kind)
            )

    return ending


def _success(job: Job, tell: Tell, result: Result) -> Ending:
    """End a job whose handler wrote nothing; one that did has ended it by `settle`."""

    def ending(connection: Connection) -> None:
        if job_leases.is_mine(connection, job.id, tell.worker):
            jobs.finish(connection, job.id, state="done", now=tell.clock(), result=result)

    return ending


def _insist(store: Store, job: Job, tell: Tell, *, ending: Ending) -> None:
    """Write how a job ended as soon as it can be written, where that has not been done."""
    while True:
        try:
            with store.read() as connection:
                mine = job_leases.is_mine(connection, job.id, tell.worker)
            if mine:
                store.write(ending)
        except (Unavailable, DiskFull) as error:
            log.warning("the end of a job waits to be written: %s", error)
            time.sleep(TROUBLE_S)
        else:
            return


def _give_back(store: Store, job: Job, tell: Tell) -> None:
    try:
        store.write(
            lambda connection: job_leases.give_back(
                connection, job.id, worker=tell.worker, now=tell.clock()
            )
        )
    except (Unavailable, DiskFull) as error:  # its lease runs out
        log.warning("%s %d could not be given back: %s", job.kind, job.id, error)


@contextmanager
def every(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something regularly in a thread of its own, and not a moment longer."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(seconds):
            try:
                act()
            except MlvajraError as error:
                log.warning("could not say that this worker is alive: %s", error)
            except Exception:  # the edge of a thread
                log.exception("could not say that this worker is alive")

    thread = threading.Thread(target=loop, name=f"every {seconds} s", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
