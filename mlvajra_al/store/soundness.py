"""Whether the database engine itself finds its files whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

MOST = 20
"""So many complaints of one kind are enough to know."""


def complaints(connection: Connection) -> Iterator[str]:
    """Yield what the engine says is wrong with its tables and indexes."""
    if connection.dialect.name == "sqlite":
        yield from _of_sqlite(connection)
    else:
        yield from _of_postgresql(connection)


def _of_sqlite(connection: Connection) -> Iterator[str]:
    try:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST})").scalars().all()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DatabaseError as error:
        yield str(error.orig)
        return
    yield from (line for line in found if line != "ok")
    for (table, parent), count in Counter((row[0], row[2]) for row in orphans).items():
        yield f"{count:,} rows of {table} mention a {parent} that is not there"


def _of_postgresql(connection: Connection) -> Iterator[str]:
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    for name in connection.exec_driver_sql(invalid).scalars():
        yield f"the index {name} is not valid"
    failures = (
        "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    failed = connection.exec_driver_sql(failures).scalar_one()
    if failed:
        yield f"PostgreSQL counted {failed:,} pages whose checksum is wrong"
