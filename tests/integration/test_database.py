"""The database opens, migrates, and keeps its settings, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from mlvajra_al.errors import Invalid, Setup, Unavailable
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import metadata, person
from mlvajra_al.store.statements import prepared
from tests.factories import NOW


def add_person(name: str):
    def operation(connection):
        connection.execute(insert(person).values(name=name, role="annotator", created_at=NOW))

    return operation


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.scalars(select(person.c.name)))


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_exactly_the_tables_of_the_schema(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.write(add_person("Ada"))
    store.migrate()
    assert names(store) == {"Ada"}


def test_times_come_back_aware_and_in_utc(store: Store) -> None:
    store.write(add_person("Ada"))
    with store.read() as connection:
        assert connection.scalar(select(person.c.created_at)) == NOW


def test_a_naive_time_is_refused(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(Exception, match="naive datetime"), store.begin() as connection:
        connection.execute(insert(person).values(name="Ada", role="admin", created_at=naive))


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        add_person("Ada")(connection)
        add_person("Ada")(connection)
    assert names(store) == set()


def test_queued_writes_are_committed_before_they_are_answered(store: Store) -> None:
    store.start_writer()
    for n in range(40):
        store.write(add_person(f"person {n}"))
        assert f"person {n}" in names(store)


def test_a_closed_store_has_finished_what_was_queued(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url, tmp_path / "home")
    store.migrate()
    store.start_writer()
    store.write(add_person("Ada"))
    store.close()
    again = Store.open(database_url, tmp_path / "home")
    assert names(again) == {"Ada"}
    again.close()


def test_sqlite_runs_with_the_settings_that_keep_labels(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a.db'}", tmp_path)
    with store.read() as connection:
        found = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    store.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_who_writes_waits_for_who_writes_already(tmp_path: Path) -> None:
    first, second = (Store.open(f"sqlite:///{tmp_path / 'm.db'}", tmp_path) for _ in "ab")
    first.migrate()
    begun, waits = threading.Event(), []

    def write_after() -> None:
        begun.wait()
        with second.begin() as connection:
            waits.append(time.monotonic())
            limit = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            waits.append(limit)

    thread = threading.Thread(target=write_after)
    thread.start()
    with first.begin():
        begun.set()
        time.sleep(0.05)
        left = time.monotonic()
    thread.join()
    first.close()
    second.close()
    assert waits[0] >= left
    assert waits[1] == 30_000


def test_a_database_we_do_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(Setup, match="'mysql'"):
        Store.open("mysql://somewhere/db", tmp_path)


def test_a_workspace_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(Setup, match="MLVAJRA_HOME"):
        Store.open("sqlite://", blocker / "workspace")


def test_a_database_out_of_reach_is_a_sentence(tmp_path: Path) -> None:
    store = Store.open("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    with pytest.raises(Setup, match="MLVAJRA_DATABASE_URL"):
        store.migrate()
    store.close()


def test_half_a_character_is_refused_with_a_sentence(store: Store) -> None:
    with pytest.raises(Invalid, match="cannot be stored"):
        store.write(add_person("half \ud83d"))
    with pytest.raises(Invalid, match="looked up"), store.read() as connection:
        connection.scalar(select(person.c.id).where(person.c.name == "half \ud83d"))
    store.start_writer()
    with pytest.raises(Invalid, match="cannot be stored"):
        store.write(add_person("half \ud83d"))
    assert names(store) == set()


ONE = prepared(select(person.c.name).limit(1))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("way", ["glance", "read", "begin"])
def test_a_server_that_was_away_costs_one_error_and_not_one_for_each_connection(
    store: Store, way: str
) -> None:
    with ExitStack() as together:
        for _ in range(8):
            together.enter_context(store.read())
    with store.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    failures = 0
    with ExitStack() as together:
        for _ in range(8):
            try:
                with ExitStack() as opened:
                    ONE.all(opened.enter_context(getattr(store, way)()))
                    together.push(opened.pop_all())
            except Unavailable:
                failures += 1
    assert failures <= 1


WRITES_AGAIN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mlvajra_al.errors import Unavailable
from mlvajra_al.store import people
from mlvajra_al.store.database import Store

file, by_thread = Path(sys.argv[1]), sys.argv[2] == "writer"
store = Store.open(f"sqlite:///{file}", file.parent / "home")
store.migrate()
if by_thread:
    store.start_writer()

def add(name):
    store.write(lambda c: people.add(
        c, name, role="annotator", password_hash=None, now=datetime.now(UTC)
    ))

with store.glance() as connection:
    people.listed(connection)
try:
    add("while nobody may write")
except Unavailable as error:
    assert "it can only be read" in str(error), error
else:
    sys.exit("it could be written to")
for each in file.parent.glob("mlvajra.db*"):
    each.chmod(0o644)
add("Ada")
"""


@pytest.mark.parametrize("way", ["writer", "begin"])
def test_a_file_that_may_be_written_again_is_written_again(tmp_path: Path, way: str) -> None:
    file = tmp_path / "mlvajra.db"
    before = Store.open(f"sqlite:///{file}", tmp_path / "home")
    before.migrate()
    files = list(tmp_path.glob("mlvajra.db*"))
    for each in files:
        each.chmod(0o444)
    # Root may write to everything unless it gives that right away.
    humbly = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    command = [*humbly, sys.executable, "-c", WRITES_AGAIN, str(file), way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    before.close()
    assert done.returncode == 0, done.stderr
