"""When to stop labelling, and what the labels themselves look like: stored results, in words."""

from __future__ import annotations

from dataclasses import replace

from mlvajra_al.records import NOTHING_LEFT, Advice, Doubt, Examination, Person
from mlvajra_al.services import access
from mlvajra_al.services.people import require
from mlvajra_al.store import advice, doubts, projects, versions
from mlvajra_al.store.database import Store


def newest(store: Store, person: Person | None, project_name: str) -> Advice | None:
    """Return the advice given with the newest version that has some; None before the first.

    Where nothing is left to ask it says so, whatever was advised before.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        found = advice.latest(connection, project.id)
        if found is None or projects.outlook(connection, project.id).wanted:
            return found
        return replace(found, action="stop", words=NOTHING_LEFT)


def of_version(
    store: Store, person: Person | None, project_name: str, number: int
) -> Advice | None:
    """Return the advice given when a version was made.

    Raises
    ------
    NotFound
        If there is no such version.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        versions.get(connection, project.id, number)
        return advice.of_version(connection, project.id, number)


def examination(store: Store, person: Person | None, project_name: str) -> Examination | None:
    """Return what the last look at the labels found; None before the first.

    Raises
    ------
    NotAllowed
        If an annotator asks: it tells how others answer.
    """
    if person is not None:
        require(person, "reviewer", "see how people agree")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return doubts.of_project(connection, project.id)


def doubted(
    store: Store, person: Person | None, project_name: str, *, limit: int
) -> tuple[Doubt, ...]:
    """Return the labels that look wrong and that nobody has looked at since, the worst first.

    Raises
    ------
    NotAllowed
        If an annotator asks: it tells what others answered.
    """
    if person is not None:
        require(person, "reviewer", "see which labels look wrong")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return doubts.listed(connection, project.id, limit=limit)
