"""The writer commits in groups; nobody is told that something is stored which is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, insert, select, text
from sqlalchemy.exc import OperationalError

from mlvajra_al.errors import Contended, Invalid, Unavailable
from mlvajra_al.store import database
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import login_attempt
from mlvajra_al.store.writer import Writer
from mlvajra_al.web import context
from tests.factories import NOW

Operation = Callable[[Connection], Any]
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def add(name: str) -> Operation:
    """Return an operation that stores a name, and returns it."""

    def operation(connection: Connection) -> str:
        connection.execute(insert(login_attempt).values(name=name, at=NOW))
        return name

    return operation


def fail(connection: Connection) -> None:
    add("half done")(connection)
    raise Invalid("no")


def lose_the_transaction(connection: Connection) -> None:
    """Do what a full or broken disk does in the middle of a statement: SQLite rolls all back."""
    add("lost")(connection)
    connection.execute(
        text("INSERT OR ROLLBACK INTO login_attempt SELECT * FROM login_attempt LIMIT 1")
    )


def lose_it_unnoticed(connection: Connection) -> None:
    connection.exec_driver_sql("ROLLBACK")


@dataclass
class Queue:
    """A writer whose queue is held up, so that what is sent in becomes one group."""

    store: Store
    writer: Writer
    gate: threading.Event = field(default_factory=threading.Event)

    def hold_up(self) -> None:
        """Return when the writer is busy, until the gate is set."""
        busy = threading.Event()

        def wait(_: Connection) -> None:
            busy.set()
            assert self.gate.wait(10)

        self.gate.clear()
        self.writer.submit(wait)
        assert busy.wait(10)

    def group(self, *operations: Operation) -> list[Future[Any]]:
        """Send operations that are committed together."""
        self.hold_up()
        sent = [self.writer.submit(operation) for operation in operations]
        self.gate.set()
        return sent

    def stored(self) -> list[str]:
        with self.store.read() as connection:
            return list(connection.scalars(select(login_attempt.c.name).order_by("id")))


@pytest.fixture
def on_both(store: Store) -> Iterator[Queue]:
    store.start_writer()
    if store.writer is None:
        store.queued(lambda _: None, lane="one").result(10)
    yield Queue(store, store.writer or store._lanes["one"])


@pytest.fixture
def held_up(tmp_path: Path) -> Iterator[Queue]:
    store = Store.open(f"sqlite:///{tmp_path / 'mlvajra.db'}", tmp_path)
    store.migrate()
    store.start_writer()
    assert store.writer is not None
    yield Queue(store, store.writer)
    store.close()


def test_operations_of_one_group_are_each_answered_with_what_they_returned(held_up: Queue) -> None:
    commits: list[str] = []
    event.listen(held_up.store.engine, "commit", lambda _: commits.append("commit"))
    names = [f"n{number}" for number in range(10)]
    sent = held_up.group(*map(add, names))
    assert [one.result(10) for one in sent] == names
    assert len(commits) == 2, "the one that held the queue up, and the group"
    assert held_up.stored() == names


def test_one_that_fails_takes_no_other_with_it(on_both: Queue) -> None:
    first, wrong, last = on_both.group(add("first"), fail, add("last"))
    assert (first.result(10), last.result(10)) == ("first", "last")
    with pytest.raises(Invalid, match="no"):
        wrong.result(10)
    assert on_both.stored() == ["first", "last"]


@pytest.mark.parametrize("disaster", [lose_the_transaction, lose_it_unnoticed])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_when_the_transaction_is_lost_nobody_of_the_group_is_told_that_it_is_stored(
    held_up: Queue, disaster: Operation, place: int
) -> None:
    operations = [add("first"), add("second")]
    operations.insert(place, disaster)
    sent = held_up.group(*operations)
    assert all(one.exception(10) is not None for one in sent)
    assert held_up.stored() == []
    assert held_up.writer.submit(add("later")).result(10) == "later"
    assert held_up.stored() == ["later"]


def test_a_commit_that_fails_is_told_to_all_and_the_writer_goes_on(held_up: Queue) -> None:
    def deferred(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql(
            "INSERT INTO session (person_id, token_hash, kind, name, created_at, expires_at) "
            "VALUES (404, 'x', 'token', '', '2026-01-01', '2026-01-01')"
        )

    sent = held_up.group(add("first"), deferred)
    assert [type(one.exception(10)).__name__ for one in sent] == ["IntegrityError"] * 2
    assert held_up.stored() == []
    assert held_up.writer.submit(add("later")).result(10) == "later"


def test_an_answer_comes_after_the_commit_not_before(held_up: Queue, tmp_path: Path) -> None:
    sent = held_up.group(add("a"), add("b"), add("c"))
    assert sent[0].result(10) == "a"
    other = create_engine(f"sqlite:///{tmp_path / 'mlvajra.db'}")
    with other.connect() as connection:
        assert len(list(connection.scalars(select(login_attempt.c.name)))) == 3
    other.dispose()


def test_who_hangs_up_before_their_turn_leaves_nothing(on_both: Queue) -> None:
    on_both.hold_up()
    gone, stays = on_both.writer.submit(add("gone")), on_both.writer.submit(add("stays"))
    assert gone.cancel()
    on_both.gate.set()
    assert stays.result(10) == "stays"
    assert on_both.stored() == ["stays"]


def test_what_is_queued_is_written_before_the_writer_stops(on_both: Queue) -> None:
    names = [f"n{number}" for number in range(100)]
    on_both.group(*map(add, names))
    on_both.writer.stop()  # ends the thread; the fixture's own stop finds it ended
    assert on_both.stored() == names


def test_a_database_locked_by_somebody_else_is_said_to_all_of_a_group(
    held_up: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 10)
    other = create_engine(f"sqlite:///{tmp_path / 'mlvajra.db'}", isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        sent = [held_up.writer.submit(add(name)) for name in ("a", "b")]
        for one in sent:
            with pytest.raises(Unavailable, match="another process has locked it"):
                one.result(10)
        connection.exec_driver_sql("ROLLBACK")
    other.dispose()
    assert held_up.stored() == []
    assert held_up.writer.submit(add("later")).result(10) == "later"


@on_postgresql
def test_where_the_database_ends_one_in_favour_of_another_it_is_tried_again(
    on_both: Queue,
) -> None:
    tries: list[str] = []

    def ended_once(connection: Connection) -> str:
        tries.append("try")
        add("again")(connection)
        if len(tries) == 1:
            raise Contended
        return "again"

    sent = on_both.group(add("first"), ended_once, add("last"))
    assert [one.result(10) for one in sent] == ["first", "again", "last"]
    assert on_both.stored() == ["first", "again", "last"]


def commits_of(store: Store) -> list[str]:
    commits: list[str] = []
    event.listen(store.engine, "commit", lambda _: commits.append("commit"))
    return commits


@on_postgresql
def test_those_about_one_thing_are_committed_together(on_both: Queue) -> None:
    on_both.hold_up()
    commits = commits_of(on_both.store)
    for name, about in [("a", 1), ("b", 1), ("c", 2), ("d", 1), ("e", 1)]:
        on_both.writer.submit(add(name), about=about)
    on_both.gate.set()
    assert on_both.writer.submit(add("f"), about=3).result(10) == "f"
    assert len(commits) == 5, "what held it up, a with b, c, d with e, f"
    assert on_both.stored() == ["a", "b", "c", "d", "e", "f"]


@on_postgresql
def test_those_of_a_lane_are_committed_one_by_one_unless_they_say_otherwise(
    on_both: Queue,
) -> None:
    on_both.hold_up()
    commits = commits_of(on_both.store)
    sent = [on_both.store.queued(add(name), lane="one") for name in "ab"]
    sent += [on_both.store.queued(add(name), lane="one", together="spam") for name in "cd"]
    on_both.gate.set()
    assert [one.result(10) for one in sent] == ["a", "b", "c", "d"]
    assert len(commits) == 4, "what held it up, a, b, c with d"


@on_postgresql
def test_a_group_gives_way_to_who_holds_what_it_needs_and_wants_what_it_holds(
    on_both: Queue,
) -> None:
    """Holding each other's locks would end in a deadlock, which PostgreSQL ends after a second."""
    holding, done = threading.Event(), threading.Event()

    def take(*locks: int) -> Operation:
        def operation(connection: Connection) -> tuple[int, ...]:
            for lock in locks:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({lock})"))
            return locks

        return operation

    def the_other_way_round() -> None:
        with on_both.store.begin() as connection:
            take(2)(connection)
            holding.set()
            assert on_both.gate.wait(10)
            take(1)(connection)
        done.set()

    other = threading.Thread(target=the_other_way_round)
    on_both.hold_up()
    other.start()
    assert holding.wait(10)
    sent = [on_both.writer.submit(take(number)) for number in (1, 2)]
    on_both.gate.set()
    assert [one.result(10) for one in sent] == [(1,), (2,)]
    other.join(10)
    assert done.is_set()


@on_postgresql
def test_one_of_a_group_that_waits_for_a_lock_holds_no_other_of_it_up(on_both: Queue) -> None:
    def wait(connection: Connection) -> str:
        connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        return add("waits")(connection)

    with on_both.store.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(1)"))
        first, waits, wrong, last = on_both.group(add("first"), wait, fail, add("last"))
        assert (first.result(10), last.result(10)) == ("first", "last")
        with pytest.raises(Invalid, match="no"):
            wrong.result(10)
        assert not waits.done()
    assert waits.result(10) == "waits"
    assert on_both.stored() == ["first", "last", "waits"]


@on_postgresql
def test_a_database_that_was_away_is_said_to_each_of_a_group_until_it_is_back(
    on_both: Queue,
) -> None:
    away = threading.Event()

    def refuse(_: object) -> None:
        if away.is_set():
            raise OperationalError("COMMIT", {}, Exception("gone"))

    event.listen(on_both.store.engine, "commit", refuse)
    away.set()
    on_both.hold_up()
    sent = [on_both.writer.submit(add(name)) for name in ("a", "b")]
    on_both.gate.set()
    for one in sent:
        with pytest.raises(Unavailable, match="does not answer"):
            one.result(10)
    away.clear()
    assert on_both.writer.submit(add("later")).result(10) == "later"
    assert on_both.stored() == ["later"]


@on_postgresql
def test_one_that_waits_for_a_lock_holds_nobody_up_on_postgresql(
    on_both: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "store", lambda: on_both.store)
    on_both.hold_up()
    sent = context.committed(add("past it"), lane="one")
    assert asyncio.run(sent) == "past it"
    assert on_both.stored() == ["past it"]
    on_both.gate.set()
