"""What PostgreSQL believes about the sizes of tables, told anew before its own daemon looks.

A statement that is run again and again is planned once: made while a table was nearly empty, its
plan may read all of it for each answer, until somebody counts the table again.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, text

from mlvajra_al.store.schema import metadata

FEW, SHARE = 100, 0.5
"""So many rows, and this share of the table, have changed before it is counted again."""
ROWS = 200
"""So many rows added at once are told at once."""
AS_COUNTED = 0.5
"""This share of these rows the table had when it was last counted: that need not be done anew."""
COUNTED = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:table)")
CHANGED = text(
    "SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema()"
    " AND n_mod_since_analyze > :few + :share * n_live_tup"
)


def renew(connection: Connection) -> None:
    """Count the tables of which much has changed."""
    if connection.dialect.name != "postgresql":
        return
    changed = connection.scalars(CHANGED, {"few": FEW, "share": SHARE})
    for name in sorted({*changed} & {*metadata.tables}):
        _count(connection, metadata.tables[name])


def renew_after(connection: Connection, table: Table, *, added: int) -> None:
    """Count a table to which so many rows were added in this transaction, if they are its most."""
    if connection.dialect.name != "postgresql" or added < ROWS:
        return
    if (connection.scalar(COUNTED, {"table": table.name}) or 0) < AS_COUNTED * added:
        _count(connection, table)


def _count(connection: Connection, table: Table) -> None:
    name = connection.dialect.identifier_preparer.format_table(table)
    connection.execute(text(f"ANALYZE (SKIP_LOCKED) {name}"))  # somebody else counts it
