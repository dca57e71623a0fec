"""How a group of writes is committed, so that one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from mlvajra_al.errors import Contended
from mlvajra_al.store.statements import execute
from mlvajra_al.store.trouble import opened_read_only, told
from mlvajra_al.store.writer import Operation, Outcome

MOMENT_MS = 50
ONE_PLAN = "SET LOCAL plan_cache_mode = force_generic_plan"
"""What is run again and again is planned once: to plan costs as much as to run it."""


class InSavepoints:
    """Commit a group on SQLite, each operation in a savepoint, which costs next to nothing there.

    `let_go` closes the connections of all others.
    """

    def __init__(self, engine: Engine, home: Path, let_go: Callable[[], None]) -> None:
        self._engine, self._home, self._let_go = engine, home, let_go
        self._open: Connection | None = None

    def __call__(self, operations: Sequence[Operation[Any]]) -> Iterable[tuple[int, Outcome]]:
        """Say what became of each operation, by its place."""
        try:
            outcomes = self._written(operations)
        except Exception as error:
            outcomes = [(None, error)] * len(operations)
        if any(failure is not None and opened_read_only(failure) for _, failure in outcomes):
            self.hang_up()
            self._let_go()
        return enumerate(outcomes)

    def hang_up(self) -> None:
        """Close what stays open between groups."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _written(self, operations: Sequence[Operation[Any]]) -> list[Outcome]:
        try:
            with told(self._home):
                connection = self._connection()
                with connection.begin():
                    return [self._attempt(connection, operation) for operation in operations]
        except BaseException:  # the next group starts on a connection of which nothing is doubtful
            self.hang_up()
            raise

    def _connection(self) -> Connection:
        """Return what stays open between groups: opening one costs as much as ten statements."""
        if self._open is None:
            self._open = self._engine.connect().execution_options(immediate=True)
        return self._open

    def _attempt(self, connection: Connection, operation: Operation[Any]) -> Outcome:
        """Run an operation in a savepoint.

        A full disk and the like make SQLite roll the whole transaction back; then no operation of
        the group is stored, and the error goes to all of them.
        """
        driver: Any = connection.connection.driver_connection
        try:
            with told(self._home):
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


class Together:
    """Commit a group on PostgreSQL in one transaction, or each operation alone where that fails.

    Each holds the locks of those before it, which others may take in another order: a group waits
    for a lock no longer than a moment. Of operations that are alone, one that needs longer lets
    the others of its group go first, and then waits as long as it takes.
    """

    def __init__(
        self, once: Callable[[Operation[Any]], Any], *, alone: Callable[[Operation[Any]], Any]
    ) -> None:
        self._once, self._alone = once, alone

    def __call__(self, operations: Sequence[Operation[Any]]) -> Iterator[tuple[int, Outcome]]:
        """Say what became of each operation, by its place, as soon as it is known."""
        if len(operations) == 1:
            yield 0, _outcome(self._alone, partial(_patiently, operations[0]))
            return
        results, failure = _outcome(self._once, partial(_soon, operations))
        if failure is None:
            yield from enumerate((result, None) for result in results)
            return
        patient = []
        for place, operation in enumerate(operations):  # each is told of its own
            results, failure = _outcome(self._once, partial(_soon, [operation]))
            if isinstance(failure, Contended):
                patient.append(place)
            else:
                yield place, (results and results[0], failure)
        for place in patient:
            yield place, _outcome(self._alone, partial(_patiently, operations[place]))

    def hang_up(self) -> None:
        """Close nothing: connections are given back to the pool."""


def _outcome(write: Callable[[Operation[Any]], Any], operation: Operation[Any]) -> Outcome:
    try:
        return write(operation), None
    except Exception as error:  # handed to whoever asked, through the future
        return None, error


def _soon(operations: Sequence[Operation[Any]], connection: Connection) -> list[Any]:
    """Run operations that wait for a lock no longer than a moment."""
    execute(connection, f"SET LOCAL lock_timeout = {MOMENT_MS}; {ONE_PLAN}")
    return [operation(connection) for operation in operations]


def _patiently(operation: Operation[Any], connection: Connection) -> Any:
    """Run an operation that waits for a lock as long as it takes."""
    execute(connection, ONE_PLAN)
    return operation(connection)
