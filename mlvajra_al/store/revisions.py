"""Which schema a database has, and which ones this program knows.

Every process asks that when it starts; only what migrates needs Alembic, which takes as long to
load as the command line.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from mlvajra_al.errors import Setup

if TYPE_CHECKING:
    from alembic.config import Config

LOCK = 0x6D6C76616A7261
"""Held by whoever migrates a PostgreSQL database; two who start at once take turns."""


MIGRATIONS = Path(__file__).parent / "migrations"
STORED = Table("alembic_version", MetaData(), Column("version_num", String))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@cache
def known() -> tuple[str, ...]:
    """Return the revisions of the schema this program can read, newest first.

    They are numbered, and the files named so.
    """
    names = (path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    return tuple(sorted((name.partition("_")[0] for name in names), reverse=True))


def newest() -> str:
    """Return the revision this program works with."""
    return known()[0]


def stored(connection: Connection) -> str | None:
    """Return the revision a database has; None if it holds no tables of ours."""
    return next(iter(every_stored(connection)), None)


def every_stored(connection: Connection) -> tuple[str, ...]:
    """Return what a database says of its revision: one, where nobody has tampered with it."""
    if not inspect(connection).has_table(STORED.name):
        return ()
    return tuple(connection.scalars(select(STORED.c.version_num)))


def is_newest(connection: Connection) -> bool:
    """Say whether a database has the schema this program works with.

    Raises
    ------
    Setup
        If it has one that this program does not know.
    """
    found = stored(connection)
    if found is not None and found not in known():
        raise Setup(
            f"the database has schema {found!r}, but this program knows none newer than "
            f"{newest()!r}; install the version that wrote it, or restore a backup from before"
        )
    return found == newest()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring a database to the newest schema, or to another one, in this transaction.

    Raises
    ------
    Setup
        If it has a schema that this program does not know.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    if is_newest(connection):
        return
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
