"""Stored files that were found damaged: noted by whoever read them, shown until they are whole."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from mlvajra_al.records import Damage
from mlvajra_al.store.schema import damage


def note(connection: Connection, project_id: int, *, path: str, what: str, now: datetime) -> None:
    """Say that a file is damaged; what was said of it before is said anew."""
    mine = (damage.c.project_id == project_id) & (damage.c.path == path)
    if connection.execute(update(damage).where(mine).values(what=what)).rowcount == 0:
        connection.execute(
            insert(damage).values(project_id=project_id, path=path, what=what, found_at=now)
        )


def listed(connection: Connection, project_id: int) -> tuple[Damage, ...]:
    """Return the damaged files of a project, the first found first."""
    query = select(damage).where(damage.c.project_id == project_id)
    rows = connection.execute(query.order_by(damage.c.found_at, damage.c.path))
    return tuple(Damage(row.path, row.what, row.found_at) for row in rows)


def forget(connection: Connection, project_id: int, path: str) -> None:
    """Stop saying that a file is damaged: it is whole again."""
    connection.execute(
        delete(damage).where(damage.c.project_id == project_id, damage.c.path == path)
    )
