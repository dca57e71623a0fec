"""Alembic's entry point: migrate over the connection that the store hands in."""

from __future__ import annotations

from alembic import context

from mlvajra_al.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
