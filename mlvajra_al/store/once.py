"""Insert what may be there already, one row or many at once, on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, FromClause, Table, Text, bindparam, column, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB


def insert_once(connection: Connection, table: Table) -> Any:
    """Return an insert that leaves alone what stands in its way."""
    return once(connection.dialect.name, table)


def once(dialect: str, table: Table) -> Any:
    """Return that insert for a kind of database."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def given(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> FromClause:
    """Return rows of plain values, with the same columns of a table each, to select from.

    Inserted so, nobody sees a part of them, and the writer of SQLite is held for less time. It
    would cut a text at a NUL, which no import lets pass.
    """
    columns = [table.c[name] for name in rows[0]]
    if connection.dialect.name == "postgresql":
        recordset = func.jsonb_to_recordset(bindparam("rows", rows, JSONB))
        typed = recordset.table_valued(*(column(one.name, one.type) for one in columns))
        return typed.render_derived(name="given", with_types=True)
    text = orjson.dumps([[*row.values()] for row in rows]).decode()
    row = func.json_each(bindparam("rows", text, Text)).table_valued("value").c.value
    cells = (func.json_extract(row, f"$[{at}]").label(one.name) for at, one in enumerate(columns))
    return select(*cells).subquery("given")
