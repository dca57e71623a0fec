"""The audit trail: every privileged act, by whom and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from mlvajra_al.records import AuditEntry
from mlvajra_al.store.schema import audit, person


def add(
    connection: Connection,
    action: str,
    *,
    now: datetime,
    person_id: int | None,
    project_id: int | None = None,
    detail: str = "",
) -> None:
    """Append one entry."""
    connection.execute(
        insert(audit).values(
            at=now, person_id=person_id, action=action, project_id=project_id, detail=detail
        )
    )


def latest(connection: Connection, *, limit: int = 200) -> tuple[AuditEntry, ...]:
    """Return the newest entries first."""
    query = (
        select(audit, person.c.name.label("person"))
        .outerjoin(person, person.c.id == audit.c.person_id)
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    return tuple(
        AuditEntry(row.at, row.person, row.action, row.project_id, row.detail)
        for row in connection.execute(query)
    )
