"""API tokens: made, listed, and what each may be used for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from mlvajra_al.errors import Invalid, NotSignedIn
from mlvajra_al.records import Person, Scope, Session
from mlvajra_al.services.credentials import digest, new_token
from mlvajra_al.services.people import is_called, note, require_admin
from mlvajra_al.store import people, sessions
from mlvajra_al.store.database import Connection, Store

TOKEN_LIFE = timedelta(days=365)
LONGEST = timedelta(days=3650)
NAME_MAX = 200
SCOPES: dict[Scope, str] = {
    "read": "look at projects, versions and exports, and ask for predictions",
    "annotate": "claim samples and answer them",
    "manage": "everything else: imports, jobs, promotions, members",
}
"""What a token may be limited to; never more than its person may do."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is for, how long it lasts, what it may do; `scopes` None: all its person may."""

    purpose: str
    life: timedelta = TOKEN_LIFE
    scopes: frozenset[Scope] | None = None

    def check(self) -> None:
        """Refuse what makes no token.

        Raises
        ------
        Invalid
        """
        if not 1 <= len(self.purpose.strip()) <= NAME_MAX or not self.purpose.isprintable():
            raise Invalid(f"say what the token is for, in 1 to {NAME_MAX} printable characters")
        if not timedelta(0) < self.life <= LONGEST:
            raise Invalid(f"a token lasts 1 to {LONGEST.days} days; choose another time")
        if self.scopes is not None and not self.scopes:
            raise Invalid(f"a token without any scope is of no use; choose from {_known()}")


def scopes_of(words: Iterable[str]) -> frozenset[Scope] | None:
    """Return the scopes named; None, for everything, where none is.

    Raises
    ------
    Invalid
        If one is not known.

    Examples
    --------
    >>> sorted(scopes_of(["read", "annotate"])), scopes_of([])
    (['annotate', 'read'], None)
    """
    named = list(words)
    known: dict[str, Scope] = {scope: scope for scope in get_args(Scope)}
    strange = next((word for word in named if word not in known), None)
    if strange is not None:
        raise Invalid(f"{strange!r} is no scope of a token; choose from {_known()}")
    return frozenset(known[word] for word in named) if named else None


def _known() -> str:
    return ", ".join(SCOPES)


def create(
    store: Store,
    person: Person | None,
    *,
    name: str,
    grant: Grant,
    now: datetime,
    asked_in: str | None = None,
) -> str:
    """Return a new API token of the person called `name`: one's own, or anybody's for an admin.

    Raises
    ------
    NotSignedIn
        If the session it is `asked_in` has ended meanwhile, maybe for a new password, which ends
        every token there is.
    """
    if person is None or not is_called(person, name):
        require_admin(person, "make tokens for other people")
    grant.check()
    token = new_token()

    def operation(connection: Connection) -> None:
        target, _ = people.by_name(connection, name, hold=True)
        if asked_in is not None and not _lives(connection, asked_in, now=now):
            raise NotSignedIn
        if target.disabled_at is not None:
            raise Invalid(f"{target.name}'s account is disabled; enable it first")
        record = _record(target, grant, now=now)
        sessions.open_session(connection, record, token_hash=digest(token), now=now)
        limits = " ".join(sorted(grant.scopes)) if grant.scopes else "everything"
        detail = f"{target.name}: {record.name} ({limits})"
        note(connection, person, "API token made", detail=detail, now=now)

    store.write(operation)
    return token


def _record(target: Person, grant: Grant, *, now: datetime) -> Session:
    return Session(
        id=0,
        person_id=target.id,
        person=target.name,
        kind="token",
        name=grant.purpose.strip(),
        agent="",
        scopes=grant.scopes,
        created_at=now,
        seen_at=None,
        expires_at=now + grant.life,
    )


def _lives(connection: Connection, session: str, *, now: datetime) -> bool:
    return sessions.by_token_hash(connection, session, kind="browser", now=now) is not None


def listed(
    store: Store, person: Person | None, *, now: datetime, name: str | None = None
) -> tuple[Session, ...]:
    """Return the API tokens that are valid: one's own, or for an admin those of `name` or of all.

    Raises
    ------
    NotAllowed
        If they are somebody else's and the person is no admin.
    """
    if person is None or name is None or not is_called(person, name):
        require_admin(person, "see other people's tokens")
    with store.read() as connection:
        target = None if name is None else people.by_name(connection, name)[0].id
        return sessions.live(connection, kind="token", person_id=target, now=now)
