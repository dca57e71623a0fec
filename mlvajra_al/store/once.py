"""Insert what may be there already, on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table) -> Any:
    """Return an insert that leaves alone what stands in its way."""
    return once(connection.dialect.name, table)


def once(dialect: str, table: Table) -> Any:
    """Return that insert for a kind of database."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()
