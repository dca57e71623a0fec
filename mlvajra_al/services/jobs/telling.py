"""What a running job says of itself, and its one right to write results."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from mlvajra_al.records import Job
from mlvajra_al.store import job_leases, jobs
from mlvajra_al.store.database import Connection, Store

Clock: TypeAlias = Callable[[], datetime]
Result: TypeAlias = dict[str, Any]

QUIET_S = 0.5
"""Seconds between two writes of progress that say the same but for their numbers."""
NUMBER = re.compile(r"\d[\d,]*")


class Cancelled(Exception):
    """The job was cancelled or another worker has taken it over: stop and write nothing."""


class Later(Exception):
    """Something more urgent waits for this worker: the job goes back to the queue as it is."""


class Tell:
    """Say how far a job is: ``tell(0.5, "Reading the pool")``; raises `Cancelled` to stop it.

    Results belong into one transaction that calls `settle`, so that a job that was taken over
    writes none of them and one that ends is never done again.
    """

    def __init__(
        self, store: Store, job: Job, *, worker: str, clock: Clock, lease: timedelta
    ) -> None:
        self.worker, self.clock = worker, clock
        self._store, self._job_id, self._lease = store, job.id, lease
        self._progress, self._message = 0.0, ""
        self._told_at = 0.0
        self._lost = False

    def __call__(self, progress: float, message: str = "") -> None:
        """Store progress (0 to 1) and message, unless much the same was said just now.

        Each write waits for the disk, and who counts batches of a large pool would wait for it
        thousands of times; what was not written is at the next beat or at the end.
        """
        said = message or self._message
        alike = NUMBER.sub("", said) == NUMBER.sub("", self._message)
        repeated = alike and time.monotonic() - self._told_at < QUIET_S
        self._progress, self._message = progress, said
        if not repeated:
            self.beat()
        if self._lost:
            raise Cancelled

    def beat(self) -> None:
        """Renew the lease; what comes of it is noticed at the next call."""
        self._told_at = time.monotonic()

        def operation(connection: Connection) -> bool:
            return job_leases.beat(
                connection,
                self._job_id,
                worker=self.worker,
                until=self.clock() + self._lease,
                progress=self._progress,
                message=self._message,
            )

        held = self._store.write(operation)
        self._lost = self._lost or not held

    def check(self, connection: Connection) -> None:
        """Refuse to write for a job that is no longer ours.

        Raises
        ------
        Cancelled
        """
        if not job_leases.is_mine(connection, self._job_id, self.worker):
            raise Cancelled

    def settle(self, connection: Connection, result: Result, *, message: str | None = None) -> None:
        """End the job as done in the transaction that writes its results.

        Its last message is `message`, else the last that was told.

        Raises
        ------
        Cancelled
            If it is no longer ours; the transaction must not be committed.
        """
        self.check(connection)
        jobs.finish(
            connection,
            self._job_id,
            state="done",
            now=self.clock(),
            result=result,
            message=self._message if message is None else message,
        )
