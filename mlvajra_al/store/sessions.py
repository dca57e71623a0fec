"""Sign-ins: sessions of browsers, API tokens, sign-ins under way at a provider, and those tried."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mlvajra_al.errors import NotFound
from mlvajra_al.records import Scope, Session, SignedIn
from mlvajra_al.store.people import as_person
from mlvajra_al.store.schema import login_attempt, person, session, sign_in_flow
from mlvajra_al.store.statements import prepared

BY_TOKEN_HASH = prepared(
    select(person, session.c.id.label("session_id"), session.c.scopes, session.c.seen_at)
    .join(session, session.c.person_id == person.c.id)
    .where(
        session.c.token_hash == bindparam("token_hash"),
        session.c.kind == bindparam("kind"),
        session.c.revoked_at.is_(None),
        session.c.expires_at > bindparam("now"),
        person.c.disabled_at.is_(None),
    )
)


def _scopes(stored: str | None) -> frozenset[Scope] | None:
    words: list[Any] = (stored or "").split()
    return None if stored is None else frozenset(words)


def open_session(
    connection: Connection, record: Session, *, token_hash: str, now: datetime
) -> Session:
    """Store a session; `record.id` is ignored and the stored record returned."""
    scopes = None if record.scopes is None else " ".join(sorted(record.scopes))
    session_id = connection.scalar(
        insert(session)
        .values(
            person_id=record.person_id,
            token_hash=token_hash,
            kind=record.kind,
            name=record.name,
            agent=record.agent,
            scopes=scopes,
            created_at=now,
            expires_at=record.expires_at,
        )
        .returning(session.c.id)
    )
    return get(connection, int(session_id or 0))


def by_token_hash(
    connection: Connection, token_hash: str, *, kind: str, now: datetime
) -> SignedIn | None:
    """Return whose live session this is; None if expired, revoked, disabled or unknown."""
    row = BY_TOKEN_HASH.one(connection, token_hash=token_hash, kind=kind, now=now)
    if row is None:
        return None
    return SignedIn(as_person(row), row.session_id, _scopes(row.scopes), row.seen_at)


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        person_id=row.person_id,
        person=row.person,
        kind=row.kind,
        name=row.name,
        agent=row.agent,
        scopes=_scopes(row.scopes),
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
    )


SELECT = select(session, person.c.name.label("person")).join(
    person, person.c.id == session.c.person_id
)


def get(connection: Connection, session_id: int) -> Session:
    """Return a session by id, ended or not."""
    row = connection.execute(SELECT.where(session.c.id == session_id)).one_or_none()
    if row is None:
        raise NotFound("session", session_id)
    return _session(row)


def live(
    connection: Connection, *, kind: str, person_id: int | None, now: datetime
) -> tuple[Session, ...]:
    """Return the sessions that have not ended, the newest first; of everybody without a person."""
    query = SELECT.where(
        session.c.kind == kind,
        session.c.revoked_at.is_(None),
        session.c.expires_at > now,
        person.c.disabled_at.is_(None),
    )
    if person_id is not None:
        query = query.where(session.c.person_id == person_id)
    return tuple(map(_session, connection.execute(query.order_by(session.c.id.desc()))))


def note_seen(connection: Connection, session_id: int, *, now: datetime) -> None:
    """Remember when a session was last used."""
    connection.execute(update(session).where(session.c.id == session_id).values(seen_at=now))


def revoke(connection: Connection, session_id: int, *, now: datetime) -> bool:
    """End one session; False if it had ended already."""
    statement = (
        update(session)
        .where(session.c.id == session_id, session.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return connection.execute(statement).rowcount == 1


def revoke_by_hash(connection: Connection, token_hash: str, *, now: datetime) -> None:
    """End the session of a token."""
    connection.execute(
        update(session)
        .where(session.c.token_hash == token_hash, session.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_all(
    connection: Connection,
    person_id: int,
    *,
    now: datetime,
    kind: str | None = None,
    keep: str | None = None,
) -> int:
    """End a person's sessions, but the one whose token hash is `keep`; return how many."""
    statement = update(session).where(
        session.c.person_id == person_id,
        session.c.revoked_at.is_(None),
        session.c.expires_at > now,
    )
    if kind is not None:
        statement = statement.where(session.c.kind == kind)
    if keep is not None:
        statement = statement.where(session.c.token_hash != keep)
    return connection.execute(statement.values(revoked_at=now)).rowcount


def start_flow(
    connection: Connection,
    token_hash: str,
    *,
    body: dict[str, Any],
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep what a sign-in at a provider must be compared with; drop those never finished."""
    connection.execute(delete(sign_in_flow).where(sign_in_flow.c.expires_at <= now))
    connection.execute(
        insert(sign_in_flow).values(token_hash=token_hash, body=body, expires_at=expires_at)
    )


def take_flow(connection: Connection, token_hash: str, *, now: datetime) -> dict[str, Any] | None:
    """Return what was kept and forget it: a sign-in is finished at most once."""
    statement = (
        delete(sign_in_flow)
        .where(sign_in_flow.c.token_hash == token_hash)
        .returning(sign_in_flow.c.body, sign_in_flow.c.expires_at)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None or row.expires_at <= now else row.body


NAME_MAX = 80
NAMES, ADDRESSES = 0x6D6C7601, 0x6D6C7602
"""Kinds of PostgreSQL's advisory locks."""


def _named(name: str) -> ColumnElement[bool]:
    return login_attempt.c.name == name.lower()[:NAME_MAX]


def note_attempt(connection: Connection, name: str, *, address: str, now: datetime) -> None:
    """Remember an attempt under a name from an address."""
    connection.execute(
        insert(login_attempt).values(name=name.lower()[:NAME_MAX], address=address, at=now)
    )


def hold_attempts(connection: Connection, name: str, *, address: str) -> None:
    """Let nobody else count under a name or from an address until this transaction ends."""
    if connection.dialect.name != "postgresql":  # SQLite has one writer anyway
        return
    for kind, what in ((NAMES, name.lower()[:NAME_MAX]), (ADDRESSES, address)):
        connection.execute(select(func.pg_advisory_xact_lock(kind, func.hashtext(what))))


def count_attempts(
    connection: Connection, name: str, *, address: str, between: tuple[datetime, datetime]
) -> tuple[int, int, int]:
    """Count the attempts under a name from an address, under the name, and from the address."""

    def count(*where: ColumnElement[bool]) -> int:
        query = select(func.count()).where(login_attempt.c.at.between(*between), *where)
        return int(connection.scalar(query) or 0)

    there = login_attempt.c.address == address
    return count(_named(name), there), count(_named(name)), count(there)


def forget_attempts(connection: Connection, name: str) -> None:
    """Drop the attempts under a name after a good one."""
    connection.execute(delete(login_attempt).where(_named(name)))


def drop_attempts(connection: Connection, *, before: datetime) -> None:
    """Drop attempts that are too old to matter."""
    connection.execute(delete(login_attempt).where(login_attempt.c.at < before))
