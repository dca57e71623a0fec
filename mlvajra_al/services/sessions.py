"""Sign-ins: with a password, how often one may try, which are open, and ending them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlvajra_al.errors import BadPassword, Conflict, DiskFull, NotFound, Throttled, Unavailable
from mlvajra_al.records import Origin, Person, Session, SignedIn
from mlvajra_al.services.credentials import digest, hash_of, matches, new_token
from mlvajra_al.services.people import may, note, require, require_admin
from mlvajra_al.store import people, sessions
from mlvajra_al.store.database import Connection, Store

ATTEMPTS = 10
"""Failures under one name from one address until the next is refused."""
ATTEMPTS_OF_A_NAME = 30
ATTEMPTS_FROM_AN_ADDRESS = 50
ATTEMPT_WINDOW = timedelta(minutes=5)
SEEN_EVERY = timedelta(minutes=5)
"""When a session was last used is known to this precision, to spare the database."""
WRONG = "the name or the password is wrong; try again"
WRONG_NOW = "the present password is wrong; try again"
NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Opened:
    """A session to come: where from, since when, for how long."""

    origin: Origin
    now: datetime
    life: timedelta


def sign_in(
    store: Store,
    name: str,
    *,
    password: str,
    now: datetime,
    life: timedelta,
    origin: Origin = NOWHERE,
) -> str:
    """Return the token of a new session.

    The attempt is counted before the password is looked at, so that many at once help nobody.

    Raises
    ------
    Throttled
        After too many failures under this name or from this address.
    BadPassword
        If the name or the password is wrong.
    """
    name = people.written(name)
    if not name.isprintable():  # nobody is called that, and not every database could look it up
        raise BadPassword(WRONG)
    stored = store.write(lambda connection: _attempt(connection, name, origin, now=now))
    person, password_hash = stored if stored is not None else (None, None)
    right = matches(password_hash, password)
    if person is None or not right or person.disabled_at is not None:
        raise BadPassword(WRONG)

    def operation(connection: Connection) -> str:
        if not _stands(connection, name, password_hash):
            raise BadPassword(WRONG)
        sessions.forget_attempts(connection, name)
        return open_for(connection, person, Opened(origin, now, life))

    return store.write(operation)


def _stands(connection: Connection, name: str, password_hash: str | None) -> bool:
    """Say whether a password that was just checked, which takes a while, is still the one."""
    person, current = people.by_name(connection, name, hold=True)
    return current == password_hash and person.disabled_at is None


def open_for(connection: Connection, person: Person, opened: Opened) -> str:
    """Return the token of a new session of a browser, whoever has found out who it is."""
    token = new_token()
    record = Session(
        id=0,
        person_id=person.id,
        person=person.name,
        kind="browser",
        name="",
        agent=opened.origin.agent,
        scopes=None,
        created_at=opened.now,
        seen_at=None,
        expires_at=opened.now + opened.life,
    )
    sessions.open_session(connection, record, token_hash=digest(token), now=opened.now)
    return token


def _attempt(
    connection: Connection, name: str, origin: Origin, *, now: datetime
) -> tuple[Person, str | None] | None:
    since = now - ATTEMPT_WINDOW
    sessions.hold_attempts(connection, name, address=origin.network)
    sessions.drop_attempts(connection, before=since)
    # What lies far ahead is from before a clock was set back.
    between = (since, now + ATTEMPT_WINDOW)
    counted = sessions.count_attempts(connection, name, address=origin.network, between=between)
    limits = (ATTEMPTS, ATTEMPTS_OF_A_NAME, ATTEMPTS_FROM_AN_ADDRESS)
    if any(count >= limit for count, limit in zip(counted, limits, strict=True)):
        raise Throttled(int(ATTEMPT_WINDOW.total_seconds()))
    sessions.note_attempt(connection, name, address=origin.network, now=now)
    if any(count + 1 == limit for count, limit in zip(counted, limits, strict=True)):
        detail = f"{name} from {origin.address or 'an unknown address'}"
        note(connection, None, "sign-in throttled", detail=detail, now=now)
    try:
        return people.by_name(connection, name)
    except NotFound:
        return None


def sign_out(store: Store, token_hash: str, *, now: datetime) -> None:
    """End one session."""
    store.write(lambda connection: sessions.revoke_by_hash(connection, token_hash, now=now))


def by_session(store: Store, token_hash: str, *, kind: str, now: datetime) -> SignedIn | None:
    """Return whose live session this is; `kind` is "browser" or "token"."""
    with store.glance() as connection:
        return sessions.by_token_hash(connection, token_hash, kind=kind, now=now)


def unnoted(signed: SignedIn, *, now: datetime) -> bool:
    """Say whether it is time to write down that a session is in use."""
    return signed.seen_at is None or now - signed.seen_at >= SEEN_EVERY


def note_seen(store: Store, session_id: int, *, now: datetime) -> None:
    """Remember when a session was last used, if the database can be written just now."""
    with suppress(Unavailable, DiskFull):  # who only reads must not need a database to write to
        store.write(lambda connection: sessions.note_seen(connection, session_id, now=now))


def change_password(
    store: Store, person: Person, *, old: str, new: str, keep: str | None, now: datetime
) -> None:
    """Change one's own password and end one's other sessions and tokens.

    `keep` is the token hash of the session that stays.

    Raises
    ------
    Conflict
        If the person has no password: a provider says who they are.
    BadPassword
        If the old one is wrong or the new one too weak.
    """
    found = store.write(lambda connection: _attempt(connection, person.name, NOWHERE, now=now))
    stored = None if found is None else found[1]
    if stored is None:
        raise Conflict("you have no password here; you sign in with your organisation's account")
    if not matches(stored, old):
        raise BadPassword(WRONG_NOW)
    password_hash = hash_of(new)

    def operation(connection: Connection) -> None:
        if not _stands(connection, person.name, stored):
            raise BadPassword(WRONG_NOW)
        sessions.forget_attempts(connection, person.name)
        people.set_password(connection, person.id, password_hash)
        sessions.revoke_all(connection, person.id, now=now, keep=keep)
        note(connection, person, "password changed", detail=person.name, now=now)

    store.write(operation)


def mine(store: Store, person: Person, *, now: datetime) -> tuple[Session, ...]:
    """Return the browsers where a person is signed in."""
    with store.read() as connection:
        return sessions.live(connection, kind="browser", person_id=person.id, now=now)


def everybodys(store: Store, person: Person, *, now: datetime) -> tuple[Session, ...]:
    """Return the browsers where anybody is signed in."""
    require(person, "admin", "see other people's sessions")
    with store.read() as connection:
        return sessions.live(connection, kind="browser", person_id=None, now=now)


def revoke(
    store: Store, person: Person | None, session_id: int, *, now: datetime, kind: str = "session"
) -> Session:
    """End one session or API token: one's own, or anybody's for an admin.

    Errors call it what `kind` says.

    Raises
    ------
    NotFound
        If there is none, or it is somebody else's.
    Conflict
        If it has ended already.
    """

    def operation(connection: Connection) -> Session:
        found = _found(connection, session_id, kind=kind)
        if person is not None and found.person_id != person.id and not may(person, "admin"):
            raise NotFound(kind, session_id)
        if not sessions.revoke(connection, session_id, now=now):
            raise Conflict(f"{kind} {session_id} has ended already; there is nothing to do")
        what = "API token revoked" if found.kind == "token" else "session ended"
        detail = ": ".join(filter(None, (found.person, found.name or found.agent)))
        note(connection, person, what, detail=detail, now=now)
        return found

    return store.write(operation)


def _found(connection: Connection, session_id: int, *, kind: str) -> Session:
    try:
        return sessions.get(connection, session_id)
    except NotFound as error:
        raise NotFound(kind, session_id) from error


def revoke_others(store: Store, person: Person, *, keep: str | None, now: datetime) -> int:
    """End one's sessions in all other browsers; return how many."""

    def operation(connection: Connection) -> int:
        ended = sessions.revoke_all(connection, person.id, now=now, kind="browser", keep=keep)
        detail = f"{person.name}: {ended} in other browsers"
        note(connection, person, "sessions ended", detail=detail, now=now)
        return ended

    return store.write(operation)


def revoke_everything(store: Store, person: Person | None, *, name: str, now: datetime) -> int:
    """End all sessions and API tokens of somebody; return how many."""
    require_admin(person, "end other people's sessions")

    def operation(connection: Connection) -> int:
        target, _ = people.by_name(connection, name)
        ended = sessions.revoke_all(connection, target.id, now=now)
        detail = f"{target.name}: {ended} sessions and tokens"
        note(connection, person, "sessions ended", detail=detail, now=now)
        return ended

    return store.write(operation)
