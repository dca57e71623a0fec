"""Statements of the labelling path, compiled once, and inserts of what may be there already.

Those of the labelling path are written in Core and compiled once: running a Core statement costs
ten times what the database needs for it; a person waits for some ten of them between two cards.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    ColumnCollection,
    Connection,
    Dialect,
    FromClause,
    Table,
    Text,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

CURSOR = "mlvajra cursor"
Convert = Callable[[Any], Any]
Row = Any
"""A named tuple of the statement's columns."""


class Statement(Protocol):
    """A select, or an insert or update that returns rows."""

    @property
    def exported_columns(self) -> ColumnCollection[Any, Any]:
        """The columns of the rows."""

    def compile(self, *, dialect: Dialect) -> Any:
        """Return the text for one kind of database."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    constants: dict[str, Any]
    given: tuple[tuple[str, Convert | None], ...]
    order: tuple[str, ...] | None

    def arguments(self, values: dict[str, Any]) -> Any:
        """Return the values as the driver wants them."""
        converted = dict(self.constants)
        for name, convert in self.given:
            value = values[name]
            converted[name] = value if convert is None else convert(value)
        return converted if self.order is None else [converted[name] for name in self.order]


@dataclass(frozen=True, slots=True)
class _Reading:
    make: Callable[[Sequence[Any]], Row]
    cells: tuple[tuple[int, Convert], ...]

    def row(self, fetched: Sequence[Any]) -> Row:
        """Return a fetched row with Python's values in it."""
        if not self.cells:
            return self.make(fetched)
        found = list(fetched)
        for place, convert in self.cells:
            found[place] = convert(found[place])
        return self.make(found)


class Prepared:
    """A statement that is compiled at its first use on each kind of database.

    Parameters
    ----------
    build : callable
        Returns the statement for a kind of database, "sqlite" or "postgresql". Every `bindparam`
        without a value is an argument of the methods.
    """

    def __init__(self, build: Callable[[str], Statement]) -> None:
        self._build = build
        self._compiled: dict[str, _Compiled] = {}
        self._reading: dict[str, _Reading] = {}

    def all(self, connection: Connection, **values: Any) -> list[Row]:
        """Run it and return all rows."""
        compiled = self._for(connection.dialect)
        cursor = execute(connection, compiled.text, compiled.arguments(values))
        reading = self._reading_of(connection.dialect, cursor)
        return [reading.row(fetched) for fetched in cursor.fetchall()]

    def one(self, connection: Connection, **values: Any) -> Row | None:
        """Run it and return the only row; None where there is none."""
        rows = self.all(connection, **values)
        return rows[0] if rows else None

    def run(self, connection: Connection, **values: Any) -> None:
        """Run a statement that returns no rows."""
        compiled = self._for(connection.dialect)
        execute(connection, compiled.text, compiled.arguments(values))

    def many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run a statement that returns no rows, once for each set of arguments."""
        for row in rows:
            self.run(connection, **row)

    def _reading_of(self, dialect: Dialect, cursor: Any) -> _Reading:
        known = self._reading.get(dialect.name)
        if known is None:
            known = _reading(self._build(dialect.name), dialect, cursor)
            self._reading[dialect.name] = known
        return known

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _compile(self._build(dialect.name), dialect)
        return known


def prepared(statement: Statement) -> Prepared:
    """Return a statement that is the same on both databases."""
    return Prepared(lambda _dialect: statement)


def _reading(statement: Statement, dialect: Dialect, cursor: Any) -> _Reading:
    columns = list(statement.exported_columns)
    cells = [
        column.type.dialect_impl(dialect).result_processor(dialect, described[1])
        for column, described in zip(columns, cursor.description, strict=True)
    ]
    row = namedtuple("row", [column.key for column in columns], rename=True)  # type: ignore[misc]
    found = tuple((at, convert) for at, convert in enumerate(cells) if convert is not None)
    return _Reading(row._make, found)


def execute(connection: Connection, text: str, arguments: Any = ()) -> Any:
    """Let the driver run a text, and return its cursor; its errors are those of SQLAlchemy.

    On PostgreSQL what the cursor holds is to be fetched before the next text is run.
    """
    errors = connection.dialect.loaded_dbapi
    try:
        return _runs(connection).execute(text, arguments)
    except errors.Error as error:
        raise DBAPIError.instance(
            text, None, error, errors.Error, dialect=connection.dialect
        ) from error


def _runs(connection: Connection) -> Any:
    """Return what runs a text: a cursor is made at once by SQLite's driver, and dear in the other.

    There each connection keeps one, till it is closed.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        return driver
    kept = connection.info.get(CURSOR)
    if kept is None:
        kept = connection.info[CURSOR] = driver.cursor()
    return kept


def _compile(statement: Statement, dialect: Dialect) -> _Compiled:
    compiled: SQLCompiler = statement.compile(dialect=dialect)
    constants, given = {}, []
    for name, parameter in compiled.binds.items():
        convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if parameter.required:
            given.append((name, convert))
        else:
            value = parameter.effective_value
            constants[name] = value if convert is None else convert(value)
    return _Compiled(
        text=str(compiled),
        constants=constants,
        given=tuple(given),
        order=tuple(compiled.positiontup) if compiled.positiontup is not None else None,
    )


def insert_once(connection: Connection, table: Table) -> Any:
    """Return an insert that leaves alone what stands in its way."""
    return once(connection.dialect.name, table)


def once(dialect: str, table: Table) -> Any:
    """Return that insert for a kind of database."""
    return _insert(dialect, table).on_conflict_do_nothing()


def insert_or(connection: Connection, table: Table) -> Any:
    """Return an insert that is yet to be told what to do with what stands in its way."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


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
