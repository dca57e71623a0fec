"""A database of every earlier schema becomes one of the newest, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, DateTime, Float, Integer, MetaData, String, Table, select, text
from sqlalchemy.types import JSON

from mlvajra_al.cli.application import run
from mlvajra_al.errors import Conflict, Setup
from mlvajra_al.store import copying, revisions
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import metadata
from tests.factories import NOW

ROWS = 3
# Of an index on an expression SQLite does not say what it is of.
pytestmark = pytest.mark.filterwarnings("ignore:.*expression-based index")
BEFORE_RUNS = "0002"
"""The schema whose next one makes the table `run`."""
EARLIER = [name for name in reversed(revisions.known()) if name != revisions.newest()]


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An open workspace whose database holds no table yet."""
    store = Store.open(database_url, tmp_path / "home")
    yield store
    store.close()


def test_the_revisions_this_program_knows_are_those_that_migrate() -> None:
    scripts = ScriptDirectory.from_config(revisions._config())
    assert revisions.known() == tuple(script.revision for script in scripts.walk_revisions())


def _made_by(store: Store, revision: str) -> MetaData:
    """Make the tables of an earlier schema, and return them as the database describes them."""
    config = revisions._config()
    with store.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    found = MetaData()
    with store.read() as connection:
        found.reflect(connection)
    return found


def _value(table: Table, name: str, number: int) -> Any:
    """Return a value of a row that no default would give; what refers to a row has its value."""
    column = table.columns[name]
    for key in column.foreign_keys:
        if key.column.table is not table or isinstance(column.type, String):
            column = key.column
            table, name = column.table, column.name
            break
    if isinstance(column.type, Boolean) or name in {"late", "done", "adjudicates", "holdout"}:
        return bool(number % 2)
    if isinstance(column.type, DateTime):
        return NOW.replace(tzinfo=None) + timedelta(seconds=number)
    if isinstance(column.type, JSON):
        return {"number": number, "text": "Žofie"}
    if isinstance(column.type, Float):
        return number + 0.25
    if isinstance(column.type, Integer):
        return number
    words = f"{number} {table.name} {name} Žofie"
    length = column.type.length if isinstance(column.type, String) else None
    return words[:length] if length and length > 1 else words[: length or 200]


def _filled(store: Store, tables: MetaData) -> dict[str, list[dict[str, Any]]]:
    """Put rows into every table and return them as they are stored, by table."""
    with store.begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            for number in range(1, ROWS + 1):
                row = {column.name: _value(table, column.name, number) for column in table.columns}
                connection.execute(table.insert().values(row))
    return _stored(store, tables)


def _stored(store: Store, tables: MetaData) -> dict[str, list[dict[str, Any]]]:
    with store.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in tables.sorted_tables
            if table.name != "alembic_version"
        }


def _differences(store: Store) -> list[Any]:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        return [item for item in compare_metadata(context, metadata) if "type" not in str(item[0])]


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_database_is_brought_up_to_date_without_losing_a_value(
    empty: Store, revision: str
) -> None:
    tables = _made_by(empty, revision)
    before = _filled(empty, tables)
    assert all(len(rows) == ROWS for rows in before.values()), "a table was left empty"

    empty.migrate()

    assert _stored(empty, tables) == before
    assert _differences(empty) == []
    with empty.read() as connection:
        assert revisions.stored(connection) == revisions.newest()


@pytest.mark.parametrize("revision", EARLIER)
def test_a_backup_of_an_earlier_database_holds_every_value_and_leaves_it_as_it_is(
    empty: Store, tmp_path: Path, revision: str
) -> None:
    tables = _made_by(empty, revision)
    before = _filled(empty, tables)

    held = copying.snapshot(empty, tmp_path / "copy.db")

    assert (held.revision, held.annotations) == (revision, ROWS)
    assert (empty.schema(), _stored(empty, tables)) == (revision, before)
    copy = Store.open(f"sqlite:///{tmp_path / 'copy.db'}", tmp_path / "beside")
    try:
        same = MetaData()
        with copy.read() as connection:
            same.reflect(connection)
        assert _plain(_stored(copy, same)) == _plain(before)
        copy.migrate()
        assert copy.schema() == revisions.newest()
    finally:
        copy.close()


def test_a_backup_refuses_an_earlier_schema_that_knew_more_than_this_one(empty: Store) -> None:
    _made_by(empty, "0001")
    with empty.begin() as connection:
        connection.execute(text("ALTER TABLE person ADD COLUMN shoe_size INTEGER"))
        with pytest.raises(Conflict, match="'person' of this earlier schema cannot be copied"):
            list(copying._of_both(connection))


def _plain(stored: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, str]]]:
    """Return rows as they can be compared between databases, in which moments look different."""
    return {
        table: [
            {
                name: value.replace(tzinfo=None).isoformat()
                if isinstance(value, datetime)
                else str(value)
                for name, value in row.items()
            }
            for row in rows
        ]
        for table, rows in stored.items()
    }


@pytest.mark.parametrize("revision", EARLIER)
def test_the_command_backs_up_an_earlier_workspace_and_restore_brings_it_up_to_date(
    workspace: Path, tmp_path: Path, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(f"sqlite:///{workspace / 'mlvajra.db'}", workspace)
    _made_by(store, revision)
    assert run(["backup", str(tmp_path / "kept"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["revision"] == store.schema() == revision
    store.close()
    assert run(["restore", made["folder"], "--into", str(tmp_path / "new"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["revision"] == revisions.newest()


def test_what_the_first_schema_did_not_know_has_its_default(empty: Store) -> None:
    _filled(empty, _made_by(empty, "0001"))

    empty.migrate()

    with empty.read() as connection:
        found = connection.execute(
            text("SELECT restricted FROM project UNION ALL SELECT scopes IS NOT NULL FROM session")
        )
        assert {bool(value) for (value,) in found} == {False}
        assert set(connection.scalars(text("SELECT agent FROM session"))) == {""}


@pytest.mark.parametrize("revision", EARLIER)
def test_foreign_keys_still_hold_after_the_upgrade(empty: Store, revision: str) -> None:
    _filled(empty, _made_by(empty, revision))
    empty.migrate()
    with empty.read() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.begin() as connection:
        connection.execute(text("DELETE FROM person WHERE id = 1"))


def test_a_fresh_database_equals_an_upgraded_one(empty: Store) -> None:
    empty.migrate()
    assert _differences(empty) == []


def test_a_database_newer_than_the_program_is_left_alone(empty: Store) -> None:
    empty.migrate()
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Setup, match=r"schema '9999', but this program knows none newer than"):
        empty.migrate()

    with empty.read() as connection:
        assert revisions.stored(connection) == "9999"


def test_an_interrupted_upgrade_changes_nothing(empty: Store) -> None:
    tables = _made_by(empty, BEFORE_RUNS)
    before = _filled(empty, tables)
    with empty.begin() as connection:  # stands in the way of a table of the next schema
        connection.execute(text("CREATE TABLE run (id INTEGER)"))

    with pytest.raises(Setup, match="cannot be used"):
        empty.migrate()

    assert _stored(empty, tables) == before
    with empty.read() as connection:
        assert revisions.stored(connection) == BEFORE_RUNS
    with empty.begin() as connection:
        connection.execute(text("DROP TABLE run"))
    empty.migrate()
    assert _stored(empty, tables) == before


START = """
import sys
from pathlib import Path
from mlvajra_al.store.database import Store

store = Store.open(sys.argv[1], Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
store.migrate()
"""


def test_processes_that_start_at_once_do_not_collide(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, database_url, str(tmp_path / "home")]
    pipe = subprocess.PIPE
    starting = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate()[1] for process in starting]

    assert told == ["", ""]
    store = Store.open(database_url, tmp_path / "home")
    assert _differences(store) == []
    store.close()


def test_people_whose_names_differ_in_case_only_get_names_of_their_own(empty: Store) -> None:
    tables = _made_by(empty, "0001")
    person = tables.tables["person"]
    names = ["Anna", "anna", "Bob", "ANNA"]
    with empty.begin() as connection:
        for number, name in enumerate(names, start=1):
            row = {column.name: _value(person, column.name, number) for column in person.columns}
            connection.execute(person.insert().values(row | {"id": number, "name": name}))
    empty.migrate()
    with empty.read() as connection:
        found = connection.scalars(select(person.c.name).order_by(person.c.id)).all()
    assert found == ["Anna", "anna 2", "Bob", "ANNA 4"]


def test_who_migrates_nothing_does_not_wait_for_what_migrates(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mlvajra_al.store.database import Store;"
        f"Store.open('sqlite:///{tmp_path}/a.db', Path({str(tmp_path)!r})).migrate();"
        "print('alembic' in sys.modules)"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [one.stdout.strip() for one in said] == ["True", "False"]
