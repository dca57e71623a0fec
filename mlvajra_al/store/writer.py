"""A thread that commits writes: all of a process in groups on SQLite, one by one on PostgreSQL."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Operation = Callable[[Connection], T]
Outcome = tuple[Any, Exception | None]
"""What an operation returned once it was committed, or what became of it instead."""


class Committing(Protocol):
    """What commits a group, so that an operation that fails takes no other with it."""

    def __call__(self, operations: Sequence[Operation[Any]]) -> list[Outcome]:
        """Return what became of each operation."""
        ...

    def hang_up(self) -> None:
        """Close what stays open between groups."""
        ...


class Writer(threading.Thread):
    """Take what waits, hand at most `most` over together, and answer each with what came of it."""

    def __init__(self, committing: Committing, *, most: int) -> None:
        super().__init__(name="writer", daemon=True)
        self._committing, self._most = committing, most
        self._queue: queue.SimpleQueue[tuple[Operation[Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )

    def submit(self, operation: Operation[T]) -> Future[T]:
        """Queue an operation; its future is done once it is committed.

        A future that is cancelled before its turn comes is left out.
        """
        future: Future[T] = Future()
        self._queue.put((operation, future))
        return future

    def stop(self) -> None:
        """Finish what is queued and end the thread."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        """Drain, write, commit, answer; until stopped."""
        running = True
        while running:
            group: list[tuple[Operation[Any], Future[Any]]] = []
            entry = self._queue.get()
            while True:
                if entry is None:
                    running = False
                    break
                if entry[1].set_running_or_notify_cancel():
                    group.append(entry)
                if len(group) == self._most or self._queue.empty():
                    break
                entry = self._queue.get()
            if group:
                self._commit(group)
        self._committing.hang_up()

    def _commit(self, group: list[tuple[Operation[Any], Future[Any]]]) -> None:
        try:
            outcomes = self._committing([operation for operation, _ in group])
        except Exception as error:  # nothing of the group is stored, and each is told why
            outcomes = [(None, error)] * len(group)
        for (_, future), (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
