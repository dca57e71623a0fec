"""Whether a database still refuses what must not be there twice: promises rest on that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Index, PrimaryKeyConstraint, Table, UniqueConstraint, text
from sqlalchemy.schema import CreateIndex

from mlvajra_al.store.schema import metadata

SQLITE = text(
    """
    SELECT l.name, l.partial, i.name AS column_name
    FROM pragma_index_list(:of) AS l JOIN pragma_index_info(l.name) AS i WHERE l."unique"
    UNION ALL SELECT 'primary', 0, name FROM pragma_table_info(:of) WHERE pk > 0
    """
)
POSTGRESQL = text(
    """
    SELECT c.relname AS name, i.indpred IS NOT NULL AS partial, a.attname AS column_name
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    CROSS JOIN LATERAL unnest(i.indkey::int[]) AS k(number)
    LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = to_regclass(:of) AND i.indisunique AND i.indisvalid
    """
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A unique index that is not there: of which table, its name, and how it is made."""

    table: str
    name: str
    statement: str


def missing(connection: Connection) -> Iterator[Missing]:
    """Yield what the schema says is unique and the database does not hold to be."""
    for table in metadata.sorted_tables:
        whole, named = _there(connection, table)
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint):
                columns = tuple(column.name for column in constraint.columns)
                if frozenset(columns) not in whole:
                    yield _of_columns(table, str(constraint.name), columns)
        for index in table.indexes:
            if index.unique and index.name not in named:
                yield _of_index(connection, table, index)


def _there(connection: Connection, table: Table) -> tuple[set[frozenset[str]], set[str]]:
    """Return the sets of columns that are unique in all rows, and the names of unique indexes."""
    query = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    columns: dict[str, set[str | None]] = {}
    partial = set()
    for row in connection.execute(query, {"of": table.name}):
        columns.setdefault(row.name, set()).add(row.column_name)
        if row.partial:
            partial.add(row.name)
    whole = {
        frozenset(name for name in of if name is not None)
        for index, of in columns.items()
        if index not in partial and None not in of
    }
    return whole, set(columns)


def _of_columns(table: Table, name: str, columns: tuple[str, ...]) -> Missing:
    statement = f"CREATE UNIQUE INDEX {name} ON {table.name} ({', '.join(columns)})"
    return Missing(table.name, name, statement)


def _of_index(connection: Connection, table: Table, index: Index) -> Missing:
    statement = str(CreateIndex(index).compile(dialect=connection.dialect))
    return Missing(table.name, str(index.name), " ".join(statement.split()))
