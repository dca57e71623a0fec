"""The one thread of a process that writes to SQLite, which allows one writer at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from mlvajra_al.store.prepared import execute
from mlvajra_al.store.trouble import opened_read_only, told

T = TypeVar("T")
Operation = Callable[[Connection], T]
Outcome = tuple[Future[Any], Any, Exception | None]

GROUP_COMMIT = 32


class Writer(threading.Thread):
    """One thread that commits the writes of a process in groups.

    Each operation runs in a savepoint, so that one that fails takes no other with it, and is
    answered only after the commit. `let_go` closes the connections of all others.
    """

    def __init__(self, engine: Engine, home: Path, let_go: Callable[[], None]) -> None:
        super().__init__(name="writer", daemon=True)
        self._engine, self._home, self._let_go = engine, home, let_go
        self._open: Connection | None = None
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
                if len(group) == GROUP_COMMIT or self._queue.empty():
                    break
                entry = self._queue.get()
            if group:
                self._commit(group)
        self._hang_up()

    def _commit(self, group: list[tuple[Operation[Any], Future[Any]]]) -> None:
        try:
            outcomes = self._written(group)
        except Exception as error:  # nothing of the group is stored, and each is told why
            outcomes = [(future, None, error) for _, future in group]
        if any(failure is not None and opened_read_only(failure) for _, _, failure in outcomes):
            self._hang_up()
            self._let_go()
        for future, result, failure in outcomes:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def _written(self, group: list[tuple[Operation[Any], Future[Any]]]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            with told(self._home):
                connection = self._connection()
                with connection.begin():
                    for operation, future in group:
                        outcomes.append((future, *_attempt(connection, operation, self._home)))
        except BaseException:  # the next group starts on a connection of which nothing is doubtful
            self._hang_up()
            raise
        return outcomes

    def _connection(self) -> Connection:
        """Return what stays open between groups: opening one costs as much as ten statements."""
        if self._open is None:
            self._open = self._engine.connect().execution_options(immediate=True)
        return self._open

    def _hang_up(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _attempt(
    connection: Connection, operation: Operation[T], home: Path
) -> tuple[T | None, Exception | None]:
    """Run an operation in a savepoint.

    A full disk and the like make SQLite roll the whole transaction back; then no operation of the
    group is stored, and the error goes to all of them.
    """
    driver: Any = connection.connection.driver_connection
    try:
        with told(home):
            execute(connection, "SAVEPOINT operation")
            result = operation(connection)
            execute(connection, "RELEASE operation")
            return result, None
    except Exception as error:  # handed to whoever asked, through the future
        if not driver.in_transaction:
            raise
        execute(connection, "ROLLBACK TO operation")
        execute(connection, "RELEASE operation")
        return None, error
