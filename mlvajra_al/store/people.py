"""People, and the one-time links that the first admin and the invited make their accounts with."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Invitation, Person, Role
from mlvajra_al.store.schema import identity, invitation, person


def as_person(row: Row[Any]) -> Person:
    """Return the record of a row of the table."""
    return Person(row.id, row.name, row.role, row.created_at, row.disabled_at)


def written(name: str) -> str:
    """Return a name in the one way it is stored and looked for, however it was typed."""
    return unicodedata.normalize("NFC", name.strip())


def add(
    connection: Connection, name: str, *, role: Role, password_hash: str | None, now: datetime
) -> Person:
    """Store a new person.

    Raises
    ------
    Conflict
        If the name is taken, in whatever case.
    """
    name = written(name)
    taken = Conflict(f"there is a person {name!r} already; choose another name")
    query = select(person.c.id).where(func.lower(person.c.name) == func.lower(name))
    if connection.scalar(query) is not None:
        raise taken
    values = {"name": name, "role": role, "password_hash": password_hash, "created_at": now}
    try:
        with connection.begin_nested():
            statement = insert(person).values(values).returning(*person.c)
            return as_person(connection.execute(statement).one())
    except IntegrityError as error:  # somebody else took it since we looked
        raise taken from error


def get(connection: Connection, person_id: int) -> Person:
    """Return a person by id."""
    row = connection.execute(select(person).where(person.c.id == person_id)).one_or_none()
    if row is None:
        raise NotFound("person", person_id)
    return as_person(row)


def by_name(connection: Connection, name: str, *, hold: bool = False) -> tuple[Person, str | None]:
    """Return a person by name, however it was typed, with the stored password hash.

    With `hold` nobody changes either until this transaction ends.
    """
    query = select(person).where(func.lower(person.c.name) == func.lower(written(name)))
    if hold:
        query = query.with_for_update(key_share=True)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("person", name)
    return as_person(row), row.password_hash


def listed(connection: Connection) -> tuple[Person, ...]:
    """Return everybody in order of creation."""
    return tuple(as_person(row) for row in connection.execute(select(person).order_by(person.c.id)))


def _can_sign_in() -> ColumnElement[bool]:
    return _has_a_way_in() & person.c.disabled_at.is_(None)


def _has_a_way_in() -> ColumnElement[bool]:
    linked = exists().where(identity.c.person_id == person.c.id)
    return person.c.password_hash.is_not(None) | linked


def without_a_way_in(connection: Connection) -> frozenset[int]:
    """Return whom nobody can sign in as: no password, and no provider that vouches for them."""
    return frozenset(connection.scalars(select(person.c.id).where(~_has_a_way_in())))


def has_account(connection: Connection) -> bool:
    """Say whether anybody can sign in."""
    return connection.scalar(select(person.c.id).where(_can_sign_in()).limit(1)) is not None


def has_admin(connection: Connection) -> bool:
    """Say whether somebody can sign in as an admin."""
    query = select(person.c.id).where(person.c.role == "admin", _can_sign_in())
    return connection.scalar(query.limit(1)) is not None


def hold_admins(connection: Connection) -> None:
    """Let nobody else change who is admin until this transaction ends."""
    query = select(person.c.id).where(person.c.role == "admin").order_by(person.c.id)
    connection.execute(query.with_for_update()).all()


def set_password(connection: Connection, person_id: int, password_hash: str) -> None:
    """Replace the stored password hash."""
    connection.execute(
        update(person).where(person.c.id == person_id).values(password_hash=password_hash)
    )


def set_role(connection: Connection, person_id: int, role: Role) -> None:
    """Replace a person's role."""
    connection.execute(update(person).where(person.c.id == person_id).values(role=role))


def set_disabled(connection: Connection, person_id: int, at: datetime | None) -> None:
    """Disable an account, or enable it again."""
    connection.execute(update(person).where(person.c.id == person_id).values(disabled_at=at))


def by_identity(connection: Connection, issuer: str, subject: str) -> Person | None:
    """Return who a provider calls `subject`; None if nobody here."""
    query = (
        select(person)
        .join(identity, identity.c.person_id == person.c.id)
        .where(identity.c.issuer == issuer, identity.c.subject == subject)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else as_person(row)


def link(
    connection: Connection, person_id: int, *, issuer: str, subject: str, now: datetime
) -> None:
    """Remember what a provider calls a person.

    Raises
    ------
    Conflict
        If it calls somebody else that already.
    """
    values = {"person_id": person_id, "issuer": issuer, "subject": subject, "created_at": now}
    try:
        with connection.begin_nested():
            connection.execute(insert(identity).values(values))
    except IntegrityError as error:
        raise Conflict("this account was linked a moment ago; sign in again") from error


def identities(connection: Connection, person_id: int) -> tuple[str, ...]:
    """Return the providers a person signs in with."""
    query = select(identity.c.issuer).where(identity.c.person_id == person_id)
    return tuple(connection.scalars(query.order_by(identity.c.id)))


def unlink(connection: Connection, person_id: int, *, issuer: str) -> bool:
    """Forget what a provider calls a person; False if it calls the person nothing."""
    statement = delete(identity).where(
        identity.c.person_id == person_id, identity.c.issuer == issuer
    )
    return connection.execute(statement).rowcount > 0


def add_invitation(
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


def role_invited(
    connection: Connection, token_hash: str, *, purpose: str, now: datetime
) -> Role | None:
    """Return the role an unused link gives; None if it is used, expired or unknown."""
    query = select(invitation.c.role).where(
        _unused(token_hash), invitation.c.purpose == purpose, invitation.c.expires_at > now
    )
    role: Role | None = connection.scalar(query)
    return role


def use_invitation(connection: Connection, token_hash: str, *, now: datetime) -> None:
    """Use a link up.

    Raises
    ------
    Conflict
        If somebody was quicker.
    """
    statement = update(invitation).where(_unused(token_hash)).values(used_at=now)
    if connection.execute(statement).rowcount != 1:
        raise Conflict("somebody else has just used this link; ask for a new one")


def waiting_invitations(connection: Connection, *, now: datetime) -> tuple[Invitation, ...]:
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


def withdraw_invitation(connection: Connection, invitation_id: int, *, now: datetime) -> bool:
    """Make one unused link worthless; False if it is used or unknown."""
    statement = (
        update(invitation)
        .where(invitation.c.id == invitation_id, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )
    return connection.execute(statement).rowcount == 1


def withdraw_invitations_by(connection: Connection, person_id: int, *, now: datetime) -> None:
    """Make all unused links of a person worthless."""
    connection.execute(
        update(invitation)
        .where(invitation.c.invited_by == person_id, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )


def withdraw_invitations(connection: Connection, purpose: str, *, now: datetime) -> None:
    """Make all unused links of a purpose worthless."""
    connection.execute(
        update(invitation)
        .where(invitation.c.purpose == purpose, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )
