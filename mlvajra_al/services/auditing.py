"""Read the audit trail: who did what privileged act, when, in which project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from mlvajra_al.errors import Invalid
from mlvajra_al.records import AuditEntry, Person
from mlvajra_al.services.export_formats import FORMATS
from mlvajra_al.services.people import note, require
from mlvajra_al.store import audit, people, projects
from mlvajra_al.store.audit import SERVER, Filter
from mlvajra_al.store.database import Store

__all__ = ["SERVER", "Choices", "Filter", "choices", "count", "csv", "listed"]

PAGE_MAX = 1_000
SCHEMA = pa.schema(
    [
        ("at", pa.timestamp("us", tz="UTC")),
        ("person", pa.large_string()),
        ("action", pa.large_string()),
        ("project", pa.large_string()),
        ("detail", pa.large_string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the trail can be filtered by."""

    people: tuple[str, ...]
    actions: tuple[str, ...]
    projects: tuple[str, ...]


def listed(store: Store, person: Person, wanted: Filter, *, limit: int) -> tuple[AuditEntry, ...]:
    """Return a page of privileged acts, the newest first.

    Raises
    ------
    NotAllowed
        If the person is no admin.
    Invalid
        If `limit` is out of range.
    """
    require(person, "admin", "read the audit trail")
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"asked for {limit} acts at once; ask for 1 to {PAGE_MAX}")
    with store.read() as connection:
        return audit.listed(connection, wanted, limit=limit)


def count(store: Store, person: Person, wanted: Filter) -> int:
    """Return how many acts there are."""
    require(person, "admin", "read the audit trail")
    with store.read() as connection:
        return audit.count(connection, wanted)


def choices(store: Store, person: Person) -> Choices:
    """Return the people, acts and projects there are."""
    require(person, "admin", "read the audit trail")
    with store.read() as connection:
        return Choices(
            people=(*(item.name for item in people.listed(connection)), SERVER),
            actions=audit.actions(connection),
            projects=tuple(item.name for item in projects.listed(connection, archived=True)),
        )


def csv(store: Store, person: Person, wanted: Filter, *, now: datetime) -> Iterator[bytes]:
    """Return the acts as CSV, piece by piece, the newest first; nothing in it is a formula."""
    require(person, "admin", "export the audit trail")
    store.write(lambda connection: note(connection, person, "audit exported", detail="", now=now))
    return FORMATS["csv"](SCHEMA, _pages(store, wanted))


def _pages(store: Store, wanted: Filter) -> Iterator[pa.Table]:
    while True:
        with store.read() as connection:
            page = audit.listed(connection, wanted, limit=PAGE_MAX)
        if not page:
            return
        rows = [
            {
                "at": entry.at,
                "person": entry.person or SERVER,
                "action": entry.action,
                "project": entry.project,
                "detail": entry.detail,
            }
            for entry in page
        ]
        yield pa.Table.from_pylist(rows, schema=SCHEMA)
        wanted = replace(wanted, before=page[-1].id)
