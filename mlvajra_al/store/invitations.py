"""One-time links: what the first admin and the invited make their accounts with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from mlvajra_al.errors import Conflict
from mlvajra_al.records import Invitation, Role
from mlvajra_al.store.schema import invitation, person


def add(
    connection: Connection,
    wanted: Invitation,
    *,
    token_hash: str,
    purpose: str,
    invited_by: int | None,
) -> None:
    """Store a one-time link; `purpose` is "setup" or "invite", `wanted.id` is ignored."""
    connection.execute(
        insert(invitation).values(
            token_hash=token_hash,
            purpose=purpose,
            role=wanted.role,
            created_at=wanted.created_at,
            expires_at=wanted.expires_at,
            invited_by=invited_by,
        )
    )


def _unused(token_hash: str) -> ColumnElement[bool]:
    return (invitation.c.token_hash == token_hash) & invitation.c.used_at.is_(None)


def role_of(connection: Connection, token_hash: str, *, purpose: str, now: datetime) -> Role | None:
    """Return the role an unused link gives; None if it is used, expired or unknown."""
    query = select(invitation.c.role).where(
        _unused(token_hash), invitation.c.purpose == purpose, invitation.c.expires_at > now
    )
    role: Role | None = connection.scalar(query)
    return role


def use(connection: Connection, token_hash: str, *, now: datetime) -> None:
    """Use a link up.

    Raises
    ------
    Conflict
        If somebody was quicker.
    """
    statement = update(invitation).where(_unused(token_hash)).values(used_at=now)
    if connection.execute(statement).rowcount != 1:
        raise Conflict("somebody else has just used this link; ask for a new one")


def waiting(connection: Connection, *, now: datetime) -> tuple[Invitation, ...]:
    """Return the invitations that nobody has used yet, the newest first."""
    query = (
        select(invitation, person.c.name.label("inviter"))
        .outerjoin(person, person.c.id == invitation.c.invited_by)
        .where(
            invitation.c.purpose == "invite",
            invitation.c.used_at.is_(None),
            invitation.c.expires_at > now,
        )
        .order_by(invitation.c.id.desc())
    )
    return tuple(
        Invitation(row.id, row.role, row.inviter, row.created_at, row.expires_at)
        for row in connection.execute(query)
    )


def withdraw(connection: Connection, invitation_id: int, *, now: datetime) -> bool:
    """Make one unused link worthless; False if it is used or unknown."""
    statement = (
        update(invitation)
        .where(invitation.c.id == invitation_id, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )
    return connection.execute(statement).rowcount == 1


def withdraw_by(connection: Connection, person_id: int, *, now: datetime) -> None:
    """Make all unused links of a person worthless."""
    connection.execute(
        update(invitation)
        .where(invitation.c.invited_by == person_id, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )


def withdraw_all(connection: Connection, purpose: str, *, now: datetime) -> None:
    """Make all unused links of a purpose worthless."""
    connection.execute(
        update(invitation)
        .where(invitation.c.purpose == purpose, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )
