"""A thread that commits writes in groups: all of a process on SQLite, of a lane on PostgreSQL."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Operation = Callable[[Connection], T]
Outcome = tuple[Any, Exception | None]
"""What an operation returned once it was committed, or what became of it instead."""


class Committing(Protocol):
    """What commits a group, so that an operation that fails takes no other with it."""

    def __call__(self, operations: Sequence[Operation[Any]]) -> Iterable[tuple[int, Outcome]]:
        """Say what became of each operation, by its place, as soon as it is known."""
        ...

    def hang_up(self) -> None:
        """Close what stays open between groups."""
        ...


class _Entry(NamedTuple):
    operation: Operation[Any]
    future: Future[Any]
    about: Hashable


STOP = _Entry(lambda _: None, Future(), object())


class Writer(threading.Thread):
    """Take what waits, hand at most `most` over together, and answer each with what came of it."""

    def __init__(self, committing: Committing, *, most: int) -> None:
        super().__init__(name="writer", daemon=True)
        self._committing, self._most = committing, most
        self._queue: queue.SimpleQueue[_Entry] = queue.SimpleQueue()

    def submit(self, operation: Operation[T], *, about: Hashable = None) -> Future[T]:
        """Queue an operation; its future is done once it is committed.

        Only operations that are `about` the same become one group. A future that is cancelled
        before its turn comes is left out.
        """
        future: Future[T] = Future()
        self._queue.put(_Entry(operation, future, about))
        return future

    def stop(self) -> None:
        """Finish what is queued and end the thread."""
        self._queue.put(STOP)
        self.join()

    def run(self) -> None:
        """Drain, write, commit, answer; until stopped."""
        left: _Entry | None = None
        while (entry := left or self._queue.get()) is not STOP:
            group, left = self._group(entry)
            if group:
                self._commit(group)
        self._committing.hang_up()

    def _group(self, entry: _Entry) -> tuple[list[_Entry], _Entry | None]:
        """Return what waits beside an entry, and what is left because it is about another thing."""
        group, about = [], entry.about
        while entry.about == about:
            if entry.future.set_running_or_notify_cancel():
                group.append(entry)
            if len(group) == self._most or self._queue.empty():
                return group, None
            entry = self._queue.get()
        return group, entry

    def _commit(self, group: Sequence[_Entry]) -> None:
        left = {place: entry.future for place, entry in enumerate(group)}
        try:
            for place, (result, failure) in self._committing([entry.operation for entry in group]):
                if failure is None:
                    left.pop(place).set_result(result)
                else:
                    left.pop(place).set_exception(failure)
        except Exception as error:  # nothing of what is left is stored, and each is told why
            for future in left.values():
                future.set_exception(error)
