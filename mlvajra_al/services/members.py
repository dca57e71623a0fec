"""Who belongs to a project: kept to its members, or open to everybody in the workspace."""

from __future__ import annotations

from datetime import datetime

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Member, Person, Project
from mlvajra_al.services import access
from mlvajra_al.services.people import require
from mlvajra_al.store import audit, claims, members, people, projects
from mlvajra_al.store.database import Connection, Store


def listed(store: Store, person: Person, project_name: str) -> tuple[Member, ...]:
    """Return the members of a project by name; admins need not be members."""
    require(person, "admin", "see the members of a project")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return members.listed(connection, project.id)


def add(store: Store, person: Person, project_name: str, *, name: str, now: datetime) -> None:
    """Make somebody a member of a project.

    Raises
    ------
    NotFound
        If there is no such project or person.
    Conflict
        If the person is a member already.
    """
    require(person, "admin", "add members to a project")

    def operation(connection: Connection) -> None:
        project = access.project(connection, person, project_name)
        target, _ = people.by_name(connection, name)
        if not members.add(
            connection, project.id, person_id=target.id, added_by=person.id, now=now
        ):
            raise Conflict(
                f"{target.name} is a member of {project.name!r} already; choose somebody else"
            )
        _note(connection, person, "member added", project, detail=target.name, now=now)

    store.write(operation)


def remove(store: Store, person: Person, project_name: str, *, name: str, now: datetime) -> None:
    """End somebody's membership; the samples this person holds go back, the answers stay.

    Raises
    ------
    NotFound
        If there is no such project, or the person is no member of it.
    """
    require(person, "admin", "remove members from a project")

    def operation(connection: Connection) -> None:
        project = access.project(connection, person, project_name)
        target, _ = people.by_name(connection, name)
        if not members.remove(connection, project.id, person_id=target.id):
            raise NotFound(f"member of {project.name!r} called", name)
        released = _release_outsiders(connection, project, now=now)
        detail = f"{target.name}; {released} claims released"
        _note(connection, person, "member removed", project, detail=detail, now=now)

    store.write(operation)


def set_restricted(
    store: Store, person: Person, project_name: str, *, restricted: bool, now: datetime
) -> Project:
    """Keep a project to its members and the admins, or open it to everybody."""
    require(person, "admin", "restrict a project")

    def operation(connection: Connection) -> Project:
        project = access.project(connection, person, project_name)
        members.set_restricted(connection, project.id, restricted=restricted)
        changed = projects.get(connection, project.id)
        released = _release_outsiders(connection, changed, now=now)
        what = "project restricted to members" if restricted else "project opened to everybody"
        detail = f"{released} claims released" if restricted else ""
        _note(connection, person, what, project, detail=detail, now=now)
        return changed

    return store.write(operation)


def _release_outsiders(connection: Connection, project: Project, *, now: datetime) -> int:
    """Give back what people hold of a project that they may no longer see."""
    if not project.restricted:
        return 0
    released = 0
    for person_id in members.holders_outside(connection, project.id):
        held = claims.held(connection, project.id, person_id=person_id, now=now)
        ids = [claim.id for claim in held]
        released += claims.release(connection, project.id, person_id=person_id, claims=ids)
    return released


def _note(
    connection: Connection,
    person: Person,
    action: str,
    project: Project,
    *,
    detail: str,
    now: datetime,
) -> None:
    audit.add(
        connection, action, now=now, person_id=person.id, project_id=project.id, detail=detail
    )
