"""Who may do what: accounts and their roles.

Where a function takes ``person: Person | None``, None is the operator at the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from mlvajra_al.errors import Conflict, Invalid, NotAllowed, NotFound, ReadOnly
from mlvajra_al.records import Person, Role
from mlvajra_al.records.label_sets import INVISIBLE
from mlvajra_al.services.credentials import hash_of
from mlvajra_al.store import audit, people, sessions
from mlvajra_al.store.database import Connection, Store

RANK: dict[Role, int] = {"annotator": 0, "reviewer": 1, "admin": 2}
NAME_MAX = 80
OPERATOR = "command line"
"""Whom the command line acts as: an admin nobody can sign in as."""
IMPORTED = "import: "
"""How the names begin that stand for columns of imported labels."""


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
        If nothing is left, it is too long, it cannot be printed, the app itself acts under it, or
        pages would show it as they show another.
    """
    cleaned = people.written(name)
    shown = cleaned.isprintable() and not INVISIBLE.search(cleaned)
    if not 1 <= len(cleaned) <= NAME_MAX or not shown:
        raise Invalid(f"a name has 1 to {NAME_MAX} printable characters; choose another")
    if _is_ours(cleaned):
        raise Invalid(f"the app itself acts as {cleaned!r}; choose another name")
    if "  " in cleaned:
        raise Invalid(f"the name {cleaned!r} has several spaces in a row; leave one")
    return cleaned


def is_called(person: Person, name: str) -> bool:
    """Say whether this is a person's name, however it was typed."""
    return person.name.lower() == people.written(name).lower()


def is_machine(person: Person) -> bool:
    """Say whether this is the command line or a column of imported labels, which nobody is."""
    return _is_machines(person.name)


def _is_machines(name: str) -> bool:
    return name.lower() == OPERATOR or name.lower().startswith(IMPORTED)


def _is_ours(name: str) -> bool:
    """Say whether a name is a machine's, or what the audit trail calls nobody, however spaced."""
    seen = " ".join(name.lower().split())
    return _is_machines(seen) or seen == audit.SERVER


def needs_setup(store: Store) -> bool:
    """Say whether nobody can sign in as an admin yet."""
    with store.read() as connection:
        return not people.has_admin(connection)


def has_account(store: Store) -> bool:
    """Say whether anybody can sign in; commands make accounts before there is an admin."""
    with store.read() as connection:
        return people.has_account(connection)


def ensure_admin(store: Store, password: str, *, now: datetime) -> None:
    """Make the person `admin` with this password unless somebody can sign in as admin."""
    if not needs_setup(store):
        return
    password_hash = hash_of(password)

    def operation(connection: Connection) -> None:
        if people.has_admin(connection):
            return
        people.add(connection, "admin", role="admin", password_hash=password_hash, now=now)
        note(connection, None, "person added", detail="admin (admin)", now=now)

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
    require_admin(person, "add people")
    cleaned = clean_name(name)
    password_hash = None if password is None else hash_of(password)

    def operation(connection: Connection) -> Person:
        added = people.add(connection, cleaned, role=role, password_hash=password_hash, now=now)
        note(connection, person, "person added", detail=f"{cleaned} ({role})", now=now)
        return added

    return store.write(operation)


def operator(store: Store, *, now: datetime) -> Person:
    """Return whom the command line acts as.

    Raises
    ------
    Conflict
        If somebody signs in under that name.
    """

    def operation(connection: Connection) -> Person:
        note(connection, None, "person added", detail=f"{OPERATOR} (admin)", now=now)
        return people.add(connection, OPERATOR, role="admin", password_hash=None, now=now)

    try:
        with store.read() as connection:
            found, password_hash = people.by_name(connection, OPERATOR)
            linked = people.identities(connection, found.id)
    except NotFound:
        try:
            return store.write(operation)
        except ReadOnly:  # a backup or an export asks for no more than a name
            return Person(0, OPERATOR, "admin", now, None)
    if password_hash is not None or linked:
        raise Conflict(
            f"somebody signs in as {found.name!r}, which is whom commands act as; do this in the "
            "browser as an admin, and let that person work under another name"
        )
    return found


def set_password(
    store: Store, person: Person | None, *, name: str, password: str, now: datetime
) -> Person:
    """Give somebody a new password and end their sessions."""
    require_admin(person, "set other people's passwords")
    password_hash = hash_of(password)

    def write(connection: Connection, target: Person) -> None:
        people.set_password(connection, target.id, password_hash)
        sessions.forget_attempts(connection, target.name)
        sessions.revoke_all(connection, target.id, now=now)

    return _change(store, person, name, what="password set", write=write, now=now)


def set_role(
    store: Store, person: Person | None, *, name: str, role: Role, now: datetime
) -> Person:
    """Give somebody another role; invitations by who is no admin any more are withdrawn.

    Raises
    ------
    Conflict
        If nobody would be left who is an admin.
    """
    require_admin(person, "change roles")

    def write(connection: Connection, target: Person) -> None:
        with _leaving_an_admin(connection, target):
            people.set_role(connection, target.id, role)
        if role != "admin":
            people.withdraw_invitations_by(connection, target.id, now=now)

    return _change(store, person, name, what=f"role set to {role}", write=write, now=now)


def disable(store: Store, person: Person | None, *, name: str, now: datetime) -> Person:
    """Close an account: its sessions, tokens and invitations end; what the person said stays.

    Raises
    ------
    Conflict
        If nobody would be left who is an admin.
    """
    require_admin(person, "disable accounts")

    def write(connection: Connection, target: Person) -> None:
        with _leaving_an_admin(connection, target):
            people.set_disabled(connection, target.id, now)
        sessions.revoke_all(connection, target.id, now=now)
        people.withdraw_invitations_by(connection, target.id, now=now)

    return _change(store, person, name, what="account disabled", write=write, now=now)


def enable(store: Store, person: Person | None, *, name: str, now: datetime) -> Person:
    """Open a disabled account again."""
    require_admin(person, "enable accounts")

    def write(connection: Connection, target: Person) -> None:
        people.set_disabled(connection, target.id, None)

    return _change(store, person, name, what="account enabled", write=write, now=now)


@contextmanager
def _leaving_an_admin(connection: Connection, target: Person) -> Iterator[None]:
    """Refuse a change after which nobody could sign in as admin any more."""
    people.hold_admins(connection)
    had = people.has_admin(connection)
    yield
    if had and not people.has_admin(connection):
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
        if target.name == OPERATOR:
            raise Conflict(f"commands act as {OPERATOR!r}, which stays an admin without a password")
        write(connection, target)
        note(connection, person, what, detail=target.name, now=now)
        return people.get(connection, target.id)

    return store.write(operation)


def listed(store: Store) -> tuple[Person, ...]:
    """Return everybody in order of creation."""
    with store.read() as connection:
        return people.listed(connection)


def simulated(store: Store) -> frozenset[int]:
    """Return who only answers from a gold column: accounts that were made to be simulated.

    Whoever is given a password is a person from then on.
    """
    with store.read() as connection:
        machines = {each.id for each in people.listed(connection) if is_machine(each)}
        return people.without_a_way_in(connection) - machines


def get(store: Store, name: str) -> Person:
    """Return a person by name, however it was typed."""
    with store.read() as connection:
        return people.by_name(connection, name)[0]


def require_admin(person: Person | None, action: str) -> None:
    """Refuse with a sentence unless the person is an admin or the operator."""
    if person is not None:
        require(person, "admin", action)


def note(
    connection: Connection, person: Person | None, action: str, *, detail: str, now: datetime
) -> None:
    """Put a privileged act about people into the audit trail."""
    audit.add(connection, action, now=now, person_id=person.id if person else None, detail=detail)
