"""Which schema a database has, and which ones this program knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from mlvajra_al.errors import Setup

LOCK = 0x6D6C76616A7261
"""Held by whoever migrates a PostgreSQL database; two who start at once take turns."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@cache
def known() -> tuple[str, ...]:
    """Return the revisions of the schema this program can read, newest first."""
    return tuple(script.revision for script in _scripts().walk_revisions())


def newest() -> str:
    """Return the revision this program works with."""
    return known()[0]


def stored(connection: Connection) -> str | None:
    """Return the revision a database has; None if it holds no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision()


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
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
