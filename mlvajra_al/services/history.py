"""Read what was said, page by page, and what a person holds at the moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Annotation, Claim, Person
from mlvajra_al.services import access
from mlvajra_al.services.people import may
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims
from mlvajra_al.store.database import Store

PAGE_MAX = 5_000


def listed(
    store: Store,
    person: Person,
    project_name: str,
    *,
    after: int = 0,
    limit: int = 1_000,
    current: bool = False,
) -> tuple[Annotation, ...]:
    """Return events after number `after`, in order; annotators see their own, and no reasons.

    Raises
    ------
    Invalid
        If `limit` is out of range.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"asked for {limit} annotations at once; ask for 1 to {PAGE_MAX}")
    everything = may(person, "reviewer")
    wanted = events.Filter(
        after_seq=after, current=current, person_id=None if everything else person.id
    )
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        found = events.listed(connection, project.id, wanted, limit=limit)
    return found if everything else tuple(replace(event, why=None) for event in found)


def held(store: Store, person: Person, project_name: str, *, now: datetime) -> tuple[Claim, ...]:
    """Return the claims a person holds in a project."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return claims.held(connection, project.id, person_id=person.id, now=now)
