"""People, their sessions, invitations and login attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Person, Role
from mlvajra_al.store.schema import invitation, login_attempt, person, session

# Statements of the labelling path are built once: building takes longer than running them.
BY_SESSION = (
    select(person)
    .join(session, session.c.person_id == person.c.id)
    .where(
        session.c.token_hash == bindparam("token_hash"),
        session.c.kind == bindparam("kind"),
        session.c.revoked_at.is_(None),
        session.c.expires_at > bindparam("now"),
        person.c.disabled_at.is_(None),
    )
)


def _person(row: Row[Any]) -> Person:
    return Person(row.id, row.name, row.role, row.created_at, row.disabled_at)


def add(
    connection: Connection, name: str, *, role: Role, password_hash: str | None, now: datetime
) -> Person:
    """Store a new person.

    Raises
    ------
    Conflict
        If the name is taken, in whatever case.
    """
    taken = select(person.c.id).where(func.lower(person.c.name) == func.lower(name))
    if connection.scalar(taken) is not None:
        raise Conflict(f"there is a person {name!r} already; choose another name")
    row = connection.execute(
        insert(person)
        .values(name=name, role=role, password_hash=password_hash, created_at=now)
        .returning(*person.c)
    ).one()
    return _person(row)


def get(connection: Connection, person_id: int) -> Person:
    """Return a person by id."""
    row = connection.execute(select(person).where(person.c.id == person_id)).one_or_none()
    if row is None:
        raise NotFound("person", person_id)
    return _person(row)


def by_name(connection: Connection, name: str) -> tuple[Person, str | None]:
    """Return a person by name, in whatever case, with the stored password hash."""
    query = select(person).where(func.lower(person.c.name) == func.lower(name))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("person", name)
    return _person(row), row.password_hash


def listed(connection: Connection) -> tuple[Person, ...]:
    """Return everybody in order of creation."""
    return tuple(_person(row) for row in connection.execute(select(person).order_by(person.c.id)))


def has_admin(connection: Connection) -> bool:
    """Say whether somebody can sign in as an admin."""
    query = select(person.c.id).where(
        person.c.role == "admin",
        person.c.password_hash.is_not(None),
        person.c.disabled_at.is_(None),
    )
    return connection.scalar(query.limit(1)) is not None


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


def open_session(
    connection: Connection,
    person_id: int,
    *,
    token_hash: str,
    kind: str,
    name: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Store a session; `kind` is "browser" or "token"."""
    connection.execute(
        insert(session).values(
            person_id=person_id,
            token_hash=token_hash,
            kind=kind,
            name=name,
            created_at=now,
            expires_at=expires_at,
        )
    )


def by_session(
    connection: Connection, token_hash: str, *, kind: str, now: datetime
) -> Person | None:
    """Return whose live session this is; None if expired, revoked, disabled or unknown."""
    asked = {"token_hash": token_hash, "kind": kind, "now": now}
    row = connection.execute(BY_SESSION, asked).one_or_none()
    return None if row is None else _person(row)


def revoke_session(connection: Connection, token_hash: str, *, now: datetime) -> None:
    """End one session."""
    connection.execute(
        update(session)
        .where(session.c.token_hash == token_hash, session.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_sessions(
    connection: Connection, person_id: int, *, now: datetime, keep: str | None = None
) -> None:
    """End all sessions of a person, but the one whose token hash is `keep`."""
    statement = update(session).where(
        session.c.person_id == person_id, session.c.revoked_at.is_(None)
    )
    if keep is not None:
        statement = statement.where(session.c.token_hash != keep)
    connection.execute(statement.values(revoked_at=now))


def invite(
    connection: Connection,
    *,
    token_hash: str,
    purpose: str,
    role: Role,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Store a one-time link; `purpose` is "setup" or "invite"."""
    connection.execute(
        insert(invitation).values(
            token_hash=token_hash,
            purpose=purpose,
            role=role,
            created_at=now,
            expires_at=expires_at,
        )
    )


def invited_role(
    connection: Connection, token_hash: str, *, purpose: str, now: datetime
) -> Role | None:
    """Return the role an unused link gives; None if it is used, expired or unknown."""
    query = select(invitation.c.role).where(
        invitation.c.token_hash == token_hash,
        invitation.c.purpose == purpose,
        invitation.c.used_at.is_(None),
        invitation.c.expires_at > now,
    )
    role: Role | None = connection.scalar(query)
    return role


def use_invitation(connection: Connection, token_hash: str, *, now: datetime) -> bool:
    """Use a link up; False if somebody was quicker."""
    statement = (
        update(invitation)
        .where(invitation.c.token_hash == token_hash, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )
    return connection.execute(statement).rowcount == 1


def withdraw_invitations(connection: Connection, purpose: str, *, now: datetime) -> None:
    """Make all unused links of a purpose worthless."""
    connection.execute(
        update(invitation)
        .where(invitation.c.purpose == purpose, invitation.c.used_at.is_(None))
        .values(used_at=now)
    )


def add_attempt(connection: Connection, name: str, *, now: datetime) -> None:
    """Remember a failed login."""
    connection.execute(insert(login_attempt).values(name=name.lower()[:80], at=now))


def attempts_since(connection: Connection, name: str, *, since: datetime) -> int:
    """Count the failed logins of a name."""
    query = select(func.count()).where(
        login_attempt.c.name == name.lower()[:80], login_attempt.c.at >= since
    )
    return int(connection.scalar(query) or 0)


def forget_attempts(connection: Connection, name: str) -> None:
    """Drop the failed logins of a name after a good one."""
    connection.execute(delete(login_attempt).where(login_attempt.c.name == name.lower()[:80]))


def drop_attempts(connection: Connection, *, before: datetime) -> None:
    """Drop failed logins that are too old to matter."""
    connection.execute(delete(login_attempt).where(login_attempt.c.at < before))
