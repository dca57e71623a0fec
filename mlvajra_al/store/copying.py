"""The database as one SQLite file of one moment, and back into a database of either kind."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from mlvajra_al.config import sqlite_url
from mlvajra_al.errors import Conflict, Damaged
from mlvajra_al.store import revisions
from mlvajra_al.store.database import Store, teach_letters
from mlvajra_al.store.files import Mentioned, mentioned
from mlvajra_al.store.presence import IN_USE
from mlvajra_al.store.schema import annotation, metadata, person, project, version

BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a copied database holds, and the files its rows mention."""

    revision: str
    projects: int
    annotations: int
    versions: int
    files: tuple[Mentioned, ...]


def snapshot(store: Store, path: Path) -> Snapshot:
    """Copy the database of a workspace into a new SQLite file, while others write to it.

    The copy has the schema that the database has, be it an earlier one.

    Raises
    ------
    Damaged
        If the copy is not sound, because its source is not.
    """
    if store.engine.dialect.name == "sqlite":
        _copy_sqlite(store, path)
    copy = Store.open(sqlite_url(path), path.parent)
    try:
        if store.engine.dialect.name != "sqlite":
            with store.read() as source, copy.begin() as target:
                revisions.upgrade(target, revisions.stored(source) or revisions.newest())
            _copy_tables(store, copy)
        with copy.read() as connection:
            held = Snapshot(
                revision=revisions.stored(connection) or "",
                projects=count(connection, project),
                annotations=count(connection, annotation),
                versions=count(connection, version),
                files=tuple(mentioned(connection)),
            )
    except DatabaseError as error:
        raise _unsound(error, path) from error
    finally:
        copy.close()
        (path.parent / IN_USE).unlink(missing_ok=True)
    finish(path)
    return held


def _copy_sqlite(store: Store, path: Path) -> None:
    """Copy in one step: a single snapshot, and writers are not held up."""
    with store.engine.connect() as connection:
        source = connection.connection.driver_connection
        target = sqlite3.connect(path)
        try:
            source.backup(target, pages=-1)  # type: ignore[union-attr]
        finally:
            target.close()


def finish(path: Path) -> None:
    """Leave one file without a journal beside it, and make sure it is sound.

    Raises
    ------
    Damaged
    """
    connection = sqlite3.connect(path)
    try:
        teach_letters(connection)
        connection.execute("PRAGMA journal_mode=DELETE")
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise _unsound(error, path) from error
    finally:
        connection.close()
    if found != "ok" or broken is not None:
        raise Damaged(str(path))
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _unsound(error: Exception, path: Path) -> Exception:
    """Return what to raise: that the file is damaged, or the error if it says something else."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorcode", None)
    return Damaged(str(path)) if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else error


def _copy_tables(store: Store, copy: Store) -> None:
    """Copy table by table from one snapshot of another database."""
    with (
        store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source,
        copy.engine.connect() as target,
    ):
        target.exec_driver_sql("PRAGMA foreign_keys=OFF")
        target.rollback()
        with target.begin():
            _pour(source, target)


def _pour(source: Connection, target: Connection) -> None:
    for table in _of_both(target):
        for rows in _batches(source, table):
            if target.dialect.name == "postgresql":
                rows = [_storable(row) for row in rows]
            target.execute(table.insert(), rows)


def _of_both(target: Connection) -> Iterator[Table]:
    """Yield the tables, and of these the columns, that the schema of a database has already.

    Schemas only grow. What one lost that an earlier one had would have to be refused here.

    Raises
    ------
    Conflict
    """
    there = inspect(target)
    names = set(there.get_table_names())
    earlier = MetaData()
    for table in metadata.sorted_tables:
        if table.name not in names:
            continue
        held = {column["name"] for column in there.get_columns(table.name)}
        if held - {*table.c.keys()}:
            raise Conflict(
                f"the table {table.name!r} of this earlier schema cannot be copied whole; make the "
                "backup with the version of mlvajra_al that was used last"
            )
        kept = (
            Column(column.name, column.type, primary_key=column.primary_key)
            for column in table.c
            if column.name in held
        )
        yield Table(table.name, earlier, *kept)


def _storable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the one character that PostgreSQL stores in no text."""
    return {
        name: value.replace("\x00", "") if isinstance(value, str) else value
        for name, value in row.items()
    }


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in order of their key: what a row refers to in its own table stands before it."""
    query = select(table).order_by(*table.primary_key)
    found = connection.execution_options(yield_per=BATCH).execute(query)
    for part in found.mappings().partitions():
        yield [dict(row) for row in part]


def load(copy: Store, target: Store) -> None:
    """Fill a PostgreSQL database at the newest schema with everything a copy holds, or nothing.

    Raises
    ------
    Conflict
        If there are people or projects in it already.
    """
    with copy.read() as source, target.begin() as connection:
        refuse_unless_empty(connection)
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        _pour(source, connection)
        for table in metadata.sorted_tables:
            if table.autoincrement_column is not None:
                _continue_numbering(connection, table, table.autoincrement_column.name)


def is_empty(connection: Connection) -> bool:
    """Tell whether nobody has worked with a database yet."""
    return not any(count(connection, table) for table in (person, project))


def refuse_unless_empty(connection: Connection) -> None:
    """Refuse a database that somebody works with.

    Raises
    ------
    Conflict
    """
    if not is_empty(connection):
        raise Conflict(
            f"the database holds {count(connection, person):,} people and "
            f"{count(connection, project):,} projects already; make an empty one (createdb) and "
            "name it in MLVAJRA_DATABASE_URL"
        )


def others_connected(connection: Connection) -> int:
    """Return how many other connections a PostgreSQL database has."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return int(connection.exec_driver_sql(query).scalar_one())


def _continue_numbering(connection: Connection, table: Table, name: str) -> None:
    highest = select(func.coalesce(func.max(table.c[name]), 0) + 1).scalar_subquery()
    sequence = func.pg_get_serial_sequence(f'"{table.name}"', name)
    connection.execute(select(func.setval(sequence, highest, text("false"))))


def count(connection: Connection, table: Table) -> int:
    """Return how many rows a table has."""
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)
