"""Who may do what: accounts, roles, sessions, links, API tokens.

Where a function takes ``person: Person | None``, None is the operator at the command line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from mlvajra_al.errors import BadPassword, Conflict, Invalid, NotAllowed, NotFound, Throttled
from mlvajra_al.records import Person, Role
from mlvajra_al.services.credentials import digest, hash_of, matches, new_token
from mlvajra_al.store import audit, people
from mlvajra_al.store.database import Connection, Store

RANK: dict[Role, int] = {"annotator": 0, "reviewer": 1, "admin": 2}
NAME_MAX = 80
ATTEMPTS = 10
ATTEMPT_WINDOW = timedelta(minutes=5)
LINK_LIFE = timedelta(days=7)
TOKEN_LIFE = timedelta(days=365)
WRONG = "the name or the password is wrong; try again"
Purpose = Literal["setup", "invite"]


def require(person: Person, role: Role, action: str) -> None:
    """Refuse with a sentence unless the person has at least this role.

    Raises
    ------
    NotAllowed
    """
    if RANK[person.role] < RANK[role]:
        raise NotAllowed(action, f"a {role}" if role == "reviewer" else f"an {role}")


def may(person: Person, role: Role) -> bool:
    """Say whether the person has at least this role."""
    return RANK[person.role] >= RANK[role]


def clean_name(name: str) -> str:
    """Return a person's name without the spaces around it, accents written in one way.

    Raises
    ------
    Invalid
        If nothing is left, it is too long or it cannot be printed.
    """
    cleaned = _written(name)
    if not 1 <= len(cleaned) <= NAME_MAX or not cleaned.isprintable():
        raise Invalid(f"a name has 1 to {NAME_MAX} printable characters; choose another")
    return cleaned


def _written(name: str) -> str:
    """Return a name in the one way it is stored, however it was typed."""
    return unicodedata.normalize("NFC", name.strip())


def needs_setup(store: Store) -> bool:
    """Say whether nobody can sign in as an admin yet."""
    with store.read() as connection:
        return not people.has_admin(connection)


def setup_link(store: Store, now: datetime) -> str:
    """Return the token of a one-time link that makes the first admin; older ones are withdrawn.

    Raises
    ------
    Conflict
        If there is an admin already.
    """
    return _link(store, "setup", role="admin", now=now, before=_require_no_admin)


def invite(store: Store, person: Person | None, *, role: Role, now: datetime) -> str:
    """Return the token of a one-time link with which somebody makes an account."""

    def note(connection: Connection) -> None:
        _audit(connection, person, "person invited", detail=role, now=now)

    _require_admin(person, "invite people")
    return _link(store, "invite", role=role, now=now, before=note)


def _link(
    store: Store,
    purpose: Purpose,
    *,
    role: Role,
    now: datetime,
    before: Callable[[Connection], None],
) -> str:
    token = new_token()

    def operation(connection: Connection) -> None:
        before(connection)
        if purpose == "setup":
            people.withdraw_invitations(connection, purpose, now=now)
        people.invite(
            connection,
            token_hash=digest(token),
            purpose=purpose,
            role=role,
            now=now,
            expires_at=now + LINK_LIFE,
        )

    store.write(operation)
    return token


def _require_no_admin(connection: Connection) -> None:
    if people.has_admin(connection):
        raise Conflict("the first admin has been made already; sign in, or ask that admin")


def link_role(store: Store, token: str, *, purpose: Purpose, now: datetime) -> Role | None:
    """Return the role an unused link gives; None if it is used, expired or unknown."""
    with store.read() as connection:
        return people.invited_role(connection, digest(token), purpose=purpose, now=now)


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
    role = people.invited_role(connection, digest(token), purpose=purpose, now=now)
    if role is None or not people.use_invitation(connection, digest(token), now=now):
        raise Conflict("this link was used, withdrawn or has expired; ask for a new one")
    person = people.add(connection, name, role=role, password_hash=password_hash, now=now)
    _audit(connection, person, "account made with a link", detail=f"{name} ({role})", now=now)
    return person


def ensure_admin(store: Store, password: str, *, now: datetime) -> None:
    """Make the person `admin` with this password unless somebody can sign in as admin."""
    if not needs_setup(store):
        return
    password_hash = hash_of(password)

    def operation(connection: Connection) -> None:
        if people.has_admin(connection):
            return
        people.add(connection, "admin", role="admin", password_hash=password_hash, now=now)
        _audit(connection, None, "person added", detail="admin (admin)", now=now)

    store.write(operation)


def add(
    store: Store,
    person: Person | None,
    *,
    name: str,
    role: Role,
    password: str | None,
    now: datetime,
) -> Person:
    """Make an account; without a password nobody can sign in with it (simulated annotators).

    Raises
    ------
    Conflict
        If the name is taken.
    """
    _require_admin(person, "add people")
    cleaned = clean_name(name)
    password_hash = None if password is None else hash_of(password)

    def operation(connection: Connection) -> Person:
        added = people.add(connection, cleaned, role=role, password_hash=password_hash, now=now)
        _audit(connection, person, "person added", detail=f"{cleaned} ({role})", now=now)
        return added

    return store.write(operation)


def sign_in(store: Store, name: str, *, password: str, now: datetime, life: timedelta) -> str:
    """Return the token of a new session.

    The attempt is counted before the password is looked at, so that many at once help nobody.

    Raises
    ------
    Throttled
        After too many failures under this name.
    BadPassword
        If the name or the password is wrong.
    """
    name = _written(name)
    if not name.isprintable():  # nobody is called that, and not every database could look it up
        raise BadPassword(WRONG)
    stored = store.write(lambda connection: _attempt(connection, name, now))
    person, password_hash = stored if stored is not None else (None, None)
    right = matches(password_hash, password)
    if person is None or not right or person.disabled_at is not None:
        raise BadPassword(WRONG)
    token = new_token()

    def operation(connection: Connection) -> None:
        people.forget_attempts(connection, name)
        people.open_session(
            connection,
            person.id,
            token_hash=digest(token),
            kind="browser",
            name="",
            now=now,
            expires_at=now + life,
        )

    store.write(operation)
    return token


def _attempt(connection: Connection, name: str, now: datetime) -> tuple[Person, str | None] | None:
    since = now - ATTEMPT_WINDOW
    people.drop_attempts(connection, before=since)
    if people.attempts_since(connection, name, since=since) >= ATTEMPTS:
        raise Throttled(int(ATTEMPT_WINDOW.total_seconds()))
    people.add_attempt(connection, name, now=now)
    try:
        return people.by_name(connection, name)
    except NotFound:
        return None


def sign_out(store: Store, token_hash: str, *, now: datetime) -> None:
    """End one session."""
    store.write(lambda connection: people.revoke_session(connection, token_hash, now=now))


def by_session(store: Store, token_hash: str, *, kind: str, now: datetime) -> Person | None:
    """Return whose live session this is; `kind` is "browser" or "token"."""
    with store.read() as connection:
        return people.by_session(connection, token_hash, kind=kind, now=now)


def by_token(store: Store, token: str, *, kind: str, now: datetime) -> Person | None:
    """Return who this session or API token signs in; None if it is not valid."""
    return by_session(store, digest(token), kind=kind, now=now)


def change_password(
    store: Store, person: Person, *, old: str, new: str, keep: str | None, now: datetime
) -> None:
    """Change one's own password and end one's other sessions.

    `keep` is the token hash of the session that stays.

    Raises
    ------
    BadPassword
        If the old one is wrong or the new one too weak.
    """
    _, stored = store.write(lambda connection: _own_attempt(connection, person, now))
    if not matches(stored, old):
        raise BadPassword("the present password is wrong; try again")
    password_hash = hash_of(new)

    def operation(connection: Connection) -> None:
        people.forget_attempts(connection, person.name)
        people.set_password(connection, person.id, password_hash)
        people.revoke_sessions(connection, person.id, now=now, keep=keep)
        _audit(connection, person, "password changed", detail=person.name, now=now)

    store.write(operation)


def _own_attempt(
    connection: Connection, person: Person, now: datetime
) -> tuple[Person, str | None]:
    found = _attempt(connection, person.name, now)
    if found is None:
        raise NotFound("person", person.name)
    return found


def set_password(
    store: Store, person: Person | None, *, name: str, password: str, now: datetime
) -> Person:
    """Give somebody a new password and end their sessions."""
    _require_admin(person, "set other people's passwords")
    password_hash = hash_of(password)

    def write(connection: Connection, target: Person) -> None:
        people.set_password(connection, target.id, password_hash)
        people.forget_attempts(connection, target.name)
        people.revoke_sessions(connection, target.id, now=now)

    return _change(store, person, name, what="password set", write=write, now=now)


def set_role(
    store: Store, person: Person | None, *, name: str, role: Role, now: datetime
) -> Person:
    """Give somebody another role.

    Raises
    ------
    Conflict
        If nobody would be left who is an admin.
    """
    _require_admin(person, "change roles")

    def write(connection: Connection, target: Person) -> None:
        people.set_role(connection, target.id, role)
        _require_an_admin(connection, target)

    return _change(store, person, name, what=f"role set to {role}", write=write, now=now)


def disable(store: Store, person: Person | None, *, name: str, now: datetime) -> Person:
    """Close an account: its sessions and tokens end; what the person said stays.

    Raises
    ------
    Conflict
        If nobody would be left who is an admin.
    """
    _require_admin(person, "disable accounts")

    def write(connection: Connection, target: Person) -> None:
        people.set_disabled(connection, target.id, now)
        people.revoke_sessions(connection, target.id, now=now)
        _require_an_admin(connection, target)

    return _change(store, person, name, what="account disabled", write=write, now=now)


def enable(store: Store, person: Person | None, *, name: str, now: datetime) -> Person:
    """Open a disabled account again."""
    _require_admin(person, "enable accounts")

    def write(connection: Connection, target: Person) -> None:
        people.set_disabled(connection, target.id, None)

    return _change(store, person, name, what="account enabled", write=write, now=now)


def _require_an_admin(connection: Connection, target: Person) -> None:
    if target.role == "admin" and not people.has_admin(connection):
        raise Conflict(f"{target.name} is the last admin; make somebody else an admin first")


def _change(
    store: Store,
    person: Person | None,
    name: str,
    *,
    what: str,
    write: Callable[[Connection, Person], None],
    now: datetime,
) -> Person:
    def operation(connection: Connection) -> Person:
        target, _ = people.by_name(connection, name)
        write(connection, target)
        _audit(connection, person, what, detail=target.name, now=now)
        return people.get(connection, target.id)

    return store.write(operation)


def listed(store: Store) -> tuple[Person, ...]:
    """Return everybody in order of creation."""
    with store.read() as connection:
        return people.listed(connection)


def get(store: Store, name: str) -> Person:
    """Return a person by name, in whatever case."""
    with store.read() as connection:
        return people.by_name(connection, name)[0]


def create_token(
    store: Store,
    person: Person | None,
    *,
    name: str,
    purpose: str,
    now: datetime,
    life: timedelta = TOKEN_LIFE,
) -> str:
    """Return a new API token of the person called `name`: one's own, or anybody's for an admin."""
    if person is None or person.name.lower() != name.lower():
        _require_admin(person, "make tokens for other people")
    token = new_token()

    def write(connection: Connection, target: Person) -> None:
        people.open_session(
            connection,
            target.id,
            token_hash=digest(token),
            kind="token",
            name=purpose[:200],
            now=now,
            expires_at=now + life,
        )

    _change(store, person, name, what="API token made", write=write, now=now)
    return token


def _require_admin(person: Person | None, action: str) -> None:
    if person is not None:
        require(person, "admin", action)


def _audit(
    connection: Connection, person: Person | None, action: str, *, detail: str, now: datetime
) -> None:
    audit.add(connection, action, now=now, person_id=person.id if person else None, detail=detail)
