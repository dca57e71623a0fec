"""Who may see which project: the one place where names of projects and jobs become records.

Admins see all; others see the projects open to everybody and those they are members of. What one
may not see answers like what does not exist. Where a function takes ``person: Person | None``,
None is the worker or the operator at the command line, who see all.
"""

from __future__ import annotations

from shlex import quote

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Job, Person, Project
from mlvajra_al.store import jobs, members, projects
from mlvajra_al.store.database import Connection, Store


def sees(connection: Connection, person: Person | None, project: Project) -> bool:
    """Say whether a person may see a project."""
    if person is None or person.role == "admin" or not project.restricted:
        return True
    return members.is_member(connection, project.id, person_id=person.id)


def project(
    connection: Connection, person: Person | None, name: str, *, alone: bool = False
) -> Project:
    """Return a project by name; `alone` lets the other tabs of this person wait for this one.

    They wait till the end of the transaction.

    Raises
    ------
    NotFound
        If there is none, or none that this person may see.
    """
    found = projects.by_name(
        connection, name, alone=person.id if person is not None and alone else None
    )
    if not sees(connection, person, found):
        raise NotFound("project", name)
    return found


def open_project(
    connection: Connection, person: Person | None, name: str, *, alone: bool = False
) -> Project:
    """Return a project that may be worked on.

    Raises
    ------
    NotFound
        If there is none, or none that this person may see.
    Conflict
        If it is archived.
    """
    found = project(connection, person, name, alone=alone)
    if found.archived_at is not None:
        raise Conflict(
            f"the project {name!r} is archived; an admin takes it out on the page Data, under "
            f"Archive, or by `mlvajra project archive {quote(name)} --undo`"
        )
    return found


def listed(
    connection: Connection, person: Person | None, *, archived: bool = False
) -> tuple[Project, ...]:
    """Return the projects a person may see, archived ones only on request."""
    every = projects.listed(connection, archived=archived)
    if person is None or person.role == "admin":
        return every
    mine = members.project_ids(connection, person_id=person.id)
    return tuple(item for item in every if not item.restricted or item.id in mine)


def job(connection: Connection, person: Person | None, job_id: int) -> Job:
    """Return a job of a project that a person may see.

    Raises
    ------
    NotFound
        If there is none, or none that this person may see.
    """
    found = jobs.get(connection, job_id)
    if not sees(connection, person, projects.get(connection, found.project_id)):
        raise NotFound("job", job_id)
    return found


def require_project(store: Store, person: Person, name: str) -> None:
    """Refuse a project that a person may not see.

    Raises
    ------
    NotFound
    """
    with store.read() as connection:
        project(connection, person, name)
