"""One-time links: the first admin sets up with one, everybody invited joins with one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Invitation, Person, Role
from mlvajra_al.services.credentials import digest, hash_of, new_token
from mlvajra_al.services.people import clean_name, note, require_admin
from mlvajra_al.store import people
from mlvajra_al.store.database import Connection, Store

LINK_LIFE = timedelta(days=7)
Purpose = Literal["setup", "invite"]


def setup_link(store: Store, now: datetime) -> str:
    """Return the token of a one-time link that makes the first admin; older ones are withdrawn.

    Raises
    ------
    Conflict
        If there is an admin already.
    """

    def before(connection: Connection) -> None:
        _require_no_admin(connection)
        people.withdraw_invitations(connection, "setup", now=now)

    return _link(store, "setup", None, role="admin", now=now, before=before)


def invite(store: Store, person: Person | None, *, role: Role, now: datetime) -> str:
    """Return the token of a one-time link with which somebody makes an account."""

    def before(connection: Connection) -> None:
        note(connection, person, "person invited", detail=role, now=now)

    require_admin(person, "invite people")
    return _link(store, "invite", person, role=role, now=now, before=before)


def _link(
    store: Store,
    purpose: Purpose,
    person: Person | None,
    *,
    role: Role,
    now: datetime,
    before: Callable[[Connection], None],
) -> str:
    token = new_token()
    wanted = Invitation(0, role, None, now, now + LINK_LIFE)

    def operation(connection: Connection) -> None:
        before(connection)
        people.add_invitation(
            connection,
            wanted,
            token_hash=digest(token),
            purpose=purpose,
            invited_by=person.id if person else None,
        )

    store.write(operation)
    return token


def _require_no_admin(connection: Connection) -> None:
    if people.has_admin(connection):
        raise Conflict("the first admin has been made already; sign in, or ask that admin")


def link_role(store: Store, token: str, *, purpose: Purpose, now: datetime) -> Role | None:
    """Return the role an unused link gives; None if it is used, expired or unknown."""
    with store.read() as connection:
        return people.role_invited(connection, digest(token), purpose=purpose, now=now)


def waiting(store: Store, person: Person | None, *, now: datetime) -> tuple[Invitation, ...]:
    """Return the invitations nobody has used yet."""
    require_admin(person, "see the invitations")
    with store.read() as connection:
        return people.waiting_invitations(connection, now=now)


def withdraw(store: Store, person: Person | None, invitation_id: int, *, now: datetime) -> None:
    """Make an invitation worthless.

    Raises
    ------
    NotFound
        If it was used or withdrawn already.
    """
    require_admin(person, "withdraw invitations")

    def operation(connection: Connection) -> None:
        if not people.withdraw_invitation(connection, invitation_id, now=now):
            raise NotFound("waiting invitation", invitation_id)
        note(connection, person, "invitation withdrawn", detail=str(invitation_id), now=now)

    store.write(operation)


def create_first_admin(
    store: Store, token: str, *, name: str, password: str, now: datetime
) -> Person:
    """Make the first admin with the one-time setup link.

    Raises
    ------
    Conflict
        If the link is used, expired or unknown, or there is an admin already.
    """
    cleaned, password_hash = clean_name(name), hash_of(password)

    def operation(connection: Connection) -> Person:
        _require_no_admin(connection)
        return _take_up(
            connection, token, "setup", name=cleaned, password_hash=password_hash, now=now
        )

    return store.write(operation)


def join(store: Store, token: str, *, name: str, password: str, now: datetime) -> Person:
    """Make an account with an invitation.

    Raises
    ------
    Conflict
        If the link is used, expired or unknown, or the name is taken.
    """
    cleaned, password_hash = clean_name(name), hash_of(password)
    return store.write(
        lambda connection: _take_up(
            connection, token, "invite", name=cleaned, password_hash=password_hash, now=now
        )
    )


def _take_up(
    connection: Connection,
    token: str,
    purpose: Purpose,
    *,
    name: str,
    password_hash: str,
    now: datetime,
) -> Person:
    role = people.role_invited(connection, digest(token), purpose=purpose, now=now)
    if role is None:
        raise Conflict("this link was used, withdrawn or has expired; ask for a new one")
    people.use_invitation(connection, digest(token), now=now)
    person = people.add(connection, name, role=role, password_hash=password_hash, now=now)
    note(connection, person, "account made with a link", detail=f"{name} ({role})", now=now)
    return person
