"""People whom a provider vouches for: found by what it calls them, never by e-mail alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlvajra_al.errors import Conflict, NotAllowed, NotFound, NotLinked
from mlvajra_al.records import Person, Role
from mlvajra_al.services.credentials import digest, new_token
from mlvajra_al.services.people import clean_name, note
from mlvajra_al.services.sessions import Opened, open_for
from mlvajra_al.store import people, sessions
from mlvajra_al.store.database import Connection, Store

FLOW_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, in the words of a provider that proved it to us."""

    issuer: str
    subject: str
    name: str
    email: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom to let in: of these e-mail domains, if any; new people with this role, if any."""

    domains: frozenset[str] = frozenset()
    create_as: Role | None = None

    def check(self, identity: Identity) -> None:
        """Refuse somebody from elsewhere.

        Raises
        ------
        NotAllowed
        """
        domain = identity.email.rpartition("@")[2].lower()
        if self.domains and not (identity.email_verified and domain in self.domains):
            known = ", ".join(sorted(self.domains))
            raise NotAllowed("sign in this way", f"a verified e-mail address of {known}")


def start(store: Store, body: dict[str, Any], *, now: datetime) -> str:
    """Keep what the answer of a provider must be compared with; return the browser's token."""
    token = new_token()

    def operation(connection: Connection) -> None:
        sessions.start_flow(
            connection, digest(token), body=body, now=now, expires_at=now + FLOW_LIFE
        )

    store.write(operation)
    return token


def take(store: Store, token: str, *, now: datetime) -> dict[str, Any]:
    """Return what `start` kept, once.

    Raises
    ------
    Conflict
        If it is too old, was taken already, or this browser never started.
    """
    found = store.write(lambda connection: sessions.take_flow(connection, digest(token), now=now))
    if found is None:
        minutes = int(FLOW_LIFE.total_seconds() // 60)
        raise Conflict(
            f"this sign-in was finished already, was begun in another browser or took longer than "
            f"{minutes} minutes; start again"
        )
    return found


def sign_in(store: Store, identity: Identity, *, rules: Rules, opened: Opened) -> str:
    """Return the token of a new session for whom a provider vouches.

    Raises
    ------
    NotAllowed
        If the account here is disabled, or the rules do not let this person in.
    NotLinked
        If nobody here is linked with this identity, and no account is to be made.
    Conflict
        If an account is to be made but its name is taken.
    """
    rules.check(identity)

    def operation(connection: Connection) -> str:
        person = people.by_identity(connection, identity.issuer, identity.subject)
        if person is None:
            person = _new(connection, identity, rules.create_as, now=opened.now)
        if person.disabled_at is not None:
            raise NotAllowed("sign in here", "somebody whose account is not disabled")
        return open_for(connection, person, opened)

    return store.write(operation)


def _new(connection: Connection, identity: Identity, role: Role | None, *, now: datetime) -> Person:
    name = clean_name(" ".join((identity.name or identity.email or identity.subject).split()))
    if role is None:
        raise NotLinked(name)
    try:
        person = people.add(connection, name, role=role, password_hash=None, now=now)
    except Conflict as error:
        raise Conflict(
            f"somebody here is called {name!r} already; if that is you, sign in with your password "
            "and link the two under 'Your account', else ask an admin"
        ) from error
    people.link(connection, person.id, issuer=identity.issuer, subject=identity.subject, now=now)
    detail = f"{name} ({role}) by {identity.issuer}"
    note(connection, person, "account made by a provider", detail=detail, now=now)
    return person


def link(store: Store, person: Person, identity: Identity, *, rules: Rules, now: datetime) -> None:
    """Let somebody who is signed in here sign in with a provider from now on.

    Raises
    ------
    Conflict
        If the identity is linked already.
    """
    rules.check(identity)

    def operation(connection: Connection) -> None:
        found = people.by_identity(connection, identity.issuer, identity.subject)
        if found is not None:
            whose = "your account" if found.id == person.id else "another account here"
            raise Conflict(f"that account is linked with {whose} already; there is nothing to do")
        people.link(
            connection, person.id, issuer=identity.issuer, subject=identity.subject, now=now
        )
        detail = f"{person.name} with {identity.issuer}"
        note(connection, person, "account linked", detail=detail, now=now)

    store.write(operation)


def unlink(store: Store, person: Person, issuer: str, *, now: datetime) -> None:
    """Stop signing in with a provider; the password must remain.

    Raises
    ------
    NotFound
        If the person does not sign in with it.
    Conflict
        If there would be no way left to sign in.
    """

    def operation(connection: Connection) -> None:
        _, password_hash = people.by_name(connection, person.name)
        if password_hash is None:
            raise Conflict(
                "you have no password here, so you could not sign in any more; ask an admin to "
                "give you one first"
            )
        if not people.unlink(connection, person.id, issuer=issuer):
            raise NotFound("link with", issuer)
        detail = f"{person.name} with {issuer}"
        note(connection, person, "account unlinked", detail=detail, now=now)

    store.write(operation)


def linked(store: Store, person: Person) -> tuple[str, ...]:
    """Return the providers a person signs in with."""
    with store.read() as connection:
        return people.identities(connection, person.id)
