"""The audit trail: every privileged act, by whom and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select

from mlvajra_al.records import AuditEntry
from mlvajra_al.store.schema import audit, person, project

SERVER = "the server"
"""What stands for nobody: the operator's command line before there is anyone, and start-up."""

PROMOTED, ROLLED_BACK = "version promoted", "rolled back"
"""The two ways in which a person moves the champion."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which acts to read; `before` continues where the last page ended."""

    person: str | None = None
    action: str | None = None
    project: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


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


def _where(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    if wanted.person is not None:
        nobody = wanted.person == SERVER
        yield person.c.name.is_(None) if nobody else person.c.name == wanted.person
    if wanted.action is not None:
        yield audit.c.action == wanted.action
    if wanted.project is not None:
        yield project.c.name == wanted.project
    if wanted.since is not None:
        yield audit.c.at >= wanted.since
    if wanted.until is not None:
        yield audit.c.at < wanted.until
    if wanted.before is not None:
        yield audit.c.id < wanted.before


JOINED = audit.outerjoin(person, person.c.id == audit.c.person_id).outerjoin(
    project, project.c.id == audit.c.project_id
)


def listed(connection: Connection, wanted: Filter, *, limit: int) -> tuple[AuditEntry, ...]:
    """Return the newest entries first."""
    query = (
        select(audit, person.c.name.label("person"), project.c.name.label("project"))
        .select_from(JOINED)
        .where(*_where(wanted))
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    return tuple(
        AuditEntry(row.id, row.at, row.person, row.action, row.project, row.detail)
        for row in connection.execute(query)
    )


def count(connection: Connection, wanted: Filter) -> int:
    """Count the entries."""
    query = select(func.count()).select_from(JOINED).where(*_where(wanted))
    return int(connection.scalar(query) or 0)


def actions(connection: Connection) -> tuple[str, ...]:
    """Return the kinds of acts there have been, by name."""
    return tuple(connection.scalars(select(audit.c.action).distinct().order_by(audit.c.action)))
