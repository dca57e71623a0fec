"""Who may see a restricted project."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, delete, or_, select, update

from mlvajra_al.records import Member, Project
from mlvajra_al.store.schema import annotation, membership, person, project, slot
from mlvajra_al.store.statements import insert_once, prepared

IS_MEMBER = prepared(
    select(membership.c.person_id).where(
        membership.c.project_id == bindparam("project"),
        membership.c.person_id == bindparam("person"),
    )
)


def is_member(connection: Connection, project_id: int, *, person_id: int) -> bool:
    """Say whether a person is a member of a project."""
    return IS_MEMBER.one(connection, project=project_id, person=person_id) is not None


def project_ids(connection: Connection, *, person_id: int) -> frozenset[int]:
    """Return the projects a person is a member of."""
    query = select(membership.c.project_id).where(membership.c.person_id == person_id)
    return frozenset(connection.scalars(query))


def listed(connection: Connection, project_id: int) -> tuple[Member, ...]:
    """Return the members of a project by name."""
    adder = person.alias("adder")
    query = (
        select(person.c.name, person.c.role, membership.c.added_at, adder.c.name.label("added_by"))
        .select_from(membership)
        .join(person, person.c.id == membership.c.person_id)
        .outerjoin(adder, adder.c.id == membership.c.added_by)
        .where(membership.c.project_id == project_id)
        .order_by(person.c.name)
    )
    return tuple(
        Member(row.name, row.role, row.added_at, row.added_by) for row in connection.execute(query)
    )


def add(
    connection: Connection,
    project_id: int,
    *,
    person_id: int,
    added_by: int | None,
    now: datetime,
) -> bool:
    """Make a person a member; False if it is one already."""
    statement = insert_once(connection, membership).values(
        project_id=project_id, person_id=person_id, added_at=now, added_by=added_by
    )
    return connection.scalar(statement.returning(membership.c.person_id)) is not None


def remove(connection: Connection, project_id: int, *, person_id: int) -> bool:
    """End a membership; False if there was none."""
    statement = delete(membership).where(
        membership.c.project_id == project_id, membership.c.person_id == person_id
    )
    return connection.execute(statement).rowcount == 1


def set_restricted(connection: Connection, project_id: int, *, restricted: bool) -> None:
    """Show a project to members and admins only, or to everybody."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(restricted=restricted)
    )


def who_label(connection: Connection, of: Project, *, at_most: int) -> int:
    """Return how many people label in a project, counted up to `at_most`.

    Its annotators, and of the others who see it those who have said something beside decisions.
    """
    said = select(annotation.c.seq).where(
        annotation.c.project_id == of.id,
        annotation.c.person_id == person.c.id,
        annotation.c.adjudicates.is_(False),
        annotation.c.action != "retract",
    )
    query = select(person.c.id).where(
        person.c.disabled_at.is_(None), or_(person.c.role == "annotator", said.exists())
    )
    if of.restricted:
        query = query.where(or_(person.c.role == "admin", person.c.id.in_(_inside(of.id))))
    return len(connection.scalars(query.limit(at_most)).all())


def _inside(project_id: int) -> Select[tuple[int]]:
    return select(membership.c.person_id).where(membership.c.project_id == project_id)


def holders_outside(connection: Connection, project_id: int) -> tuple[int, ...]:
    """Return who holds samples of a project without being a member or an admin."""
    inside = _inside(project_id).union(select(person.c.id).where(person.c.role == "admin"))
    query = (
        select(slot.c.annotator_id)
        .where(
            slot.c.project_id == project_id,
            slot.c.done.is_(False),
            slot.c.annotator_id.is_not(None),
            slot.c.annotator_id.not_in(inside),
        )
        .distinct()
    )
    return tuple(connection.scalars(query))
