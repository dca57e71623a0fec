"""Which schema a database has, and which ones this program knows."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config)


def known() -> tuple[str, ...]:
    """Return the revisions of the schema this program can read, newest first."""
    return tuple(script.revision for script in _scripts().walk_revisions())


def newest() -> str:
    """Return the revision this program works with."""
    return known()[0]


def stored(connection: Connection) -> str | None:
    """Return the revision a database has; None if it holds no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision()
