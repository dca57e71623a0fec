"""Accounts, links, sign-ins and tokens as the services keep them, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, select

from mlvajra_al.errors import (
    BadPassword,
    Conflict,
    Invalid,
    MlvajraError,
    NotAllowed,
    NotFound,
    Throttled,
)
from mlvajra_al.records import Origin, Person, Role, Session
from mlvajra_al.services import credentials, external, links, members, people, sessions, tokens
from mlvajra_al.services.credentials import digest
from mlvajra_al.store import people as stored
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import session as session_table
from tests.factories import NOW, a_person, a_project

PASSWORD = "correct horse battery staple"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""As good as any, but quickly compared."""
DAY = timedelta(days=1)
HOME = Origin("192.0.2.1", "Firefox on Linux")
WORK = Origin("192.0.2.2", "Chrome on Windows")
IDENTITY = external.Identity("https://id.test", "42", "Ada", "ada@id.test", email_verified=True)


def with_password(store: Store, name: str, role: Role = "annotator") -> Person:
    """Store a person who can sign in; hashing once is enough for all of them."""
    with store.begin() as connection:
        return stored.add(connection, name, role=role, password_hash=HASH, now=NOW)


def enter(store: Store, name: str, *, origin: Origin = HOME, password: str = PASSWORD) -> str:
    """Sign in."""
    return sessions.sign_in(store, name, password=password, now=NOW, life=DAY, origin=origin)


def fail(store: Store, name: str, *, origin: Origin = HOME, times: int = 1) -> list[str]:
    """Try to sign in as somebody without a password of theirs; return what was said."""
    said = []
    for _ in range(times):
        with pytest.raises(MlvajraError) as caught:
            sessions.sign_in(store, name, password="", now=NOW, life=DAY, origin=origin)
        said.append(type(caught.value).__name__)
    return said


def who(store: Store, token: str, kind: str = "browser") -> Person | None:
    """Return whom a token signs in."""
    found = sessions.by_session(store, digest(token), kind=kind, now=NOW)
    return found.person if found else None


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make unknown names cheap too, where only the counting of attempts is in question."""
    monkeypatch.setattr(credentials, "_nobody", lambda: HASH)


# Accounts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "1 to 80 printable characters"),
        ("   ", "1 to 80 printable characters"),
        ("a" * 81, "1 to 80 printable characters"),
        ("a\nb", "1 to 80 printable characters"),
        ("a\x00b", "1 to 80 printable characters"),
        ("a\u202eb", "1 to 80 printable characters"),
        ("Ada\ufe0f", "1 to 80 printable characters"),
        ("Ada  Smith", "several spaces in a row"),
    ],
)
def test_a_name_that_cannot_be_printed_or_told_apart_is_refused(
    store: Store, name: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        people.add(store, None, name=name, role="annotator", password=None, now=NOW)


@pytest.mark.parametrize("again", ["Žofie", "ŽOFIE", "žofie", "  Žofie ", "Z\u030cofie"])
def test_a_name_is_taken_in_whatever_case_or_spelling(store: Store, again: str) -> None:
    people.add(store, None, name="Žofie", role="annotator", password=None, now=NOW)
    with pytest.raises(Conflict, match="already; choose another name"):
        people.add(store, None, name=again, role="annotator", password=None, now=NOW)


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
@pytest.mark.parametrize(
    "act",
    [
        lambda s, p: people.add(s, p, name="New", role="admin", password=None, now=NOW),
        lambda s, p: people.set_role(s, p, name=p.name, role="admin", now=NOW),
        lambda s, p: people.set_password(s, p, name="Root", password=PASSWORD, now=NOW),
        lambda s, p: people.disable(s, p, name="Root", now=NOW),
        lambda s, p: people.enable(s, p, name="Root", now=NOW),
        lambda s, p: links.invite(s, p, role="admin", now=NOW),
        lambda s, p: links.waiting(s, p, now=NOW),
        lambda s, p: links.withdraw(s, p, 1, now=NOW),
        lambda s, p: sessions.everybodys(s, p, now=NOW),
        lambda s, p: sessions.revoke_everything(s, p, name="Root", now=NOW),
        lambda s, p: tokens.create(s, p, name="Root", grant=tokens.Grant("x"), now=NOW),
        lambda s, p: tokens.listed(s, p, now=NOW),
        lambda s, p: tokens.listed(s, p, now=NOW, name="Root"),
    ],
    ids=range(13),
)
def test_only_admins_have_power_over_others(
    store: Store, role: Role, act: Callable[[Store, Person], object]
) -> None:
    a_person(store, "Root", role="admin")
    with pytest.raises(NotAllowed, match="only an admin may"):
        act(store, a_person(store, "Mallory", role=role))


def test_the_last_admin_who_can_sign_in_stays_one(store: Store) -> None:
    with_password(store, "Root", "admin")
    for act in (
        lambda: people.set_role(store, None, name="Root", role="reviewer", now=NOW),
        lambda: people.disable(store, None, name="Root", now=NOW),
    ):
        with pytest.raises(Conflict, match="Root is the last admin; make somebody else"):
            act()
    assert people.get(store, "root").role == "admin"
    with_password(store, "Grace", "admin")
    assert people.disable(store, None, name="Root", now=NOW).disabled_at == NOW
    assert people.enable(store, None, name="Root", now=NOW).disabled_at is None


def test_an_admin_by_a_provider_counts_as_one_who_can_sign_in(store: Store) -> None:
    with_password(store, "Root", "admin")
    other = a_person(store, "Grace", role="admin")
    external.link(store, other, IDENTITY, rules=external.Rules(), now=NOW)
    assert people.disable(store, None, name="Root", now=NOW).disabled_at == NOW


def test_two_admins_who_disable_each_other_at_once_leave_one(store: Store) -> None:
    names = ["Ada", "Grace"]
    for name in names:
        with_password(store, name, "admin")

    def close(name: str) -> bool:
        try:
            people.disable(store, None, name=name, now=NOW)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(close, names)) == [False, True]
    assert not people.needs_setup(store)


def test_an_account_without_a_password_lets_nobody_in(store: Store) -> None:
    people.add(store, None, name="Robot", role="admin", password=None, now=NOW)
    assert fail(store, "Robot") == ["BadPassword"]
    assert people.needs_setup(store)


def test_the_first_admin_is_made_once(store: Store) -> None:
    people.ensure_admin(store, PASSWORD, now=NOW)
    people.ensure_admin(store, "another password", now=NOW)
    assert [person.name for person in people.listed(store)] == ["admin"]
    assert enter(store, "admin")


def test_a_new_password_ends_everything_the_old_one_opened(store: Store) -> None:
    with_password(store, "Ada")
    session = enter(store, "Ada")
    token = tokens.create(store, None, name="Ada", grant=tokens.Grant("x"), now=NOW)

    people.set_password(store, None, name="ADA", password="another password", now=NOW)

    assert who(store, session) is None
    assert who(store, token, "token") is None
    assert enter(store, "Ada", password="another password")


# Links


def test_an_invitation_is_listed_until_it_is_used_withdrawn_or_old(store: Store) -> None:
    admin = a_person(store, "Root", role="admin")
    used = links.invite(store, admin, role="annotator", now=NOW)
    links.invite(store, None, role="reviewer", now=NOW)
    links.invite(store, admin, role="admin", now=NOW)
    links.setup_link(store, NOW)
    links.join(store, used, name="Ada", password=PASSWORD, now=NOW)

    waiting = links.waiting(store, admin, now=NOW)
    assert [(item.role, item.invited_by) for item in waiting] == [
        ("admin", "Root"),
        ("reviewer", None),
    ]
    links.withdraw(store, admin, waiting[0].id, now=NOW)
    assert links.waiting(store, admin, now=NOW) == waiting[1:]
    assert links.waiting(store, admin, now=NOW + links.LINK_LIFE) == ()
    with pytest.raises(NotFound, match="there is no waiting invitation"):
        links.withdraw(store, admin, waiting[0].id, now=NOW)


def test_one_invitation_makes_one_account_however_many_open_it_at_once(store: Store) -> None:
    token = links.invite(store, None, role="annotator", now=NOW)

    def take(name: str) -> bool:
        try:
            links.join(store, token, name=name, password=PASSWORD, now=NOW)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(take, ["Ada", "Grace", "Joan"])) == 1
    assert len(people.listed(store)) == 1


@pytest.mark.parametrize(
    ("purpose", "later"),
    [("invite", links.LINK_LIFE), ("setup", timedelta(0))],
    ids=["expired", "for another purpose"],
)
def test_a_link_that_is_not_for_this_gives_no_role(
    store: Store, purpose: links.Purpose, later: timedelta
) -> None:
    token = links.invite(store, None, role="admin", now=NOW)
    assert links.link_role(store, token, purpose="invite", now=NOW) == "admin"
    assert links.link_role(store, token, purpose=purpose, now=NOW + later) is None
    with pytest.raises(Conflict, match="was used, withdrawn or has expired"):
        links.join(store, "no token", name="Ada", password=PASSWORD, now=NOW)


def test_a_refused_account_leaves_its_link_good(store: Store) -> None:
    a_person(store, "Ada")
    token = links.invite(store, None, role="annotator", now=NOW)
    with pytest.raises(Conflict, match="already; choose another name"):
        links.join(store, token, name="ada", password=PASSWORD, now=NOW)
    assert links.join(store, token, name="Grace", password=PASSWORD, now=NOW).name == "Grace"


def test_no_setup_link_is_made_once_there_is_an_admin(store: Store) -> None:
    with_password(store, "Root", "admin")
    with pytest.raises(Conflict, match="has been made already"):
        links.setup_link(store, NOW)


# Signing in


@pytest.mark.usefixtures("cheap")
def test_many_failures_under_one_name_lock_that_address_out_only(store: Store) -> None:
    with_password(store, "Ada")
    assert fail(store, "ada", times=11) == ["BadPassword"] * 10 + ["Throttled"]
    with pytest.raises(Throttled, match="wait 300 seconds"):
        enter(store, "ADA")
    assert enter(store, "Ada", origin=WORK)


@pytest.mark.usefixtures("cheap")
def test_failures_from_many_addresses_under_one_name_end_too(store: Store) -> None:
    with_password(store, "Ada")
    told = [fail(store, "Ada", origin=Origin(f"192.0.2.{n % 4}"))[0] for n in range(31)]
    assert told == ["BadPassword"] * 30 + ["Throttled"]


@pytest.mark.usefixtures("cheap")
def test_failures_under_many_names_from_one_address_end_too(store: Store) -> None:
    with_password(store, "Ada")
    told = [fail(store, f"name {n}")[0] for n in range(51)]
    assert told == ["BadPassword"] * 50 + ["Throttled"]
    assert enter(store, "Ada", origin=WORK)


@pytest.mark.usefixtures("cheap")
def test_after_the_window_one_may_try_again(store: Store) -> None:
    with_password(store, "Ada")
    fail(store, "Ada", times=10)
    later = NOW + sessions.ATTEMPT_WINDOW + timedelta(seconds=1)
    assert sessions.sign_in(store, "Ada", password=PASSWORD, now=later, life=DAY, origin=HOME)


def test_an_unknown_name_costs_as_much_hashing_as_a_known_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add(store, None, name="Ada", role="annotator", password=PASSWORD, now=NOW)
    hashed: list[str] = []
    verify = type(credentials._hasher()).verify

    def counted(hasher: object, stored_hash: str, password: str) -> bool:
        hashed.append(stored_hash)
        return bool(verify(hasher, stored_hash, password))  # type: ignore[arg-type]

    monkeypatch.setattr(type(credentials._hasher()), "verify", counted)
    fail(store, "Ada")
    fail(store, "Nobody")
    assert len(hashed) == 2
    assert (
        hashed[0].rpartition("$")[0].split("$")[:4] == hashed[1].rpartition("$")[0].split("$")[:4]
    )


def test_a_disabled_person_is_told_no_more_than_a_stranger(store: Store) -> None:
    with_password(store, "Ada")
    people.disable(store, None, name="Ada", now=NOW)
    with pytest.raises(BadPassword) as disabled:
        enter(store, "Ada")
    with pytest.raises(BadPassword) as unknown:
        enter(store, "Nobody")
    assert str(disabled.value) == str(unknown.value)


@pytest.mark.parametrize(
    ("kind", "at"),
    [("token", timedelta(0)), ("browser", DAY), ("browser", 2 * DAY)],
    ids=["as a token", "at its end", "after its end"],
)
def test_a_session_is_good_for_one_thing_and_a_time(store: Store, kind: str, at: timedelta) -> None:
    with_password(store, "Ada")
    token = enter(store, "Ada")
    assert who(store, token) is not None
    assert sessions.by_session(store, digest(token), kind=kind, now=NOW + at) is None


def test_only_hashes_of_tokens_are_stored(store: Store) -> None:
    with_password(store, "Ada")
    made = [
        enter(store, "Ada"),
        tokens.create(store, None, name="Ada", grant=tokens.Grant("x"), now=NOW),
    ]
    with store.read() as connection:
        rows = connection.execute(select(session_table)).all()
    assert {row.token_hash for row in rows} == {credentials.digest(token) for token in made}
    assert not any(token in repr(rows) for token in made)


def test_when_a_session_was_last_seen_is_known_to_five_minutes(store: Store) -> None:
    ada = with_password(store, "Ada")
    digest = credentials.digest(enter(store, "Ada"))

    def found() -> sessions.SignedIn:
        signed = sessions.by_session(store, digest, kind="browser", now=NOW)
        assert signed is not None
        return signed

    assert sessions.unnoted(found(), now=NOW)
    sessions.note_seen(store, found().session_id, now=NOW)
    assert not sessions.unnoted(found(), now=NOW + timedelta(minutes=4))
    assert sessions.unnoted(found(), now=NOW + timedelta(minutes=5))
    assert [item.seen_at for item in sessions.mine(store, ada, now=NOW)] == [NOW]


def test_a_database_that_can_only_be_read_keeps_nobody_out(store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL says so per transaction")
    ada = with_password(store, "Ada")
    enter(store, "Ada")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.rollback()
    sessions.note_seen(store, 1, now=NOW)
    assert [item.seen_at for item in sessions.mine(store, ada, now=NOW)] == [None]
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=OFF")


# Ending sessions


@pytest.fixture
def signed(store: Store) -> tuple[Person, str, str, Session]:
    """Ada, signed in at home and at work, and her session at work."""
    ada = with_password(store, "Ada")
    home, work = enter(store, "Ada"), enter(store, "Ada", origin=WORK)
    newest, oldest = sessions.mine(store, ada, now=NOW)
    assert (newest.agent, oldest.agent) == (WORK.agent, HOME.agent)
    return ada, home, work, newest


Signed = tuple[Person, str, str, Session]


def test_one_session_is_ended_and_the_other_stays(store: Store, signed: Signed) -> None:
    ada, home, work, at_work = signed
    sessions.revoke(store, ada, at_work.id, now=NOW)
    assert who(store, work) is None
    assert who(store, home) == ada
    with pytest.raises(Conflict, match="has ended already"):
        sessions.revoke(store, ada, at_work.id, now=NOW)


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_somebody_elses_session_is_as_good_as_none(
    store: Store, signed: Signed, role: Role
) -> None:
    mallory = a_person(store, "Mallory", role=role)
    with pytest.raises(NotFound) as theirs:
        sessions.revoke(store, mallory, signed[3].id, now=NOW)
    with pytest.raises(NotFound) as none:
        sessions.revoke(store, mallory, 999, now=NOW)
    assert str(theirs.value).replace(str(signed[3].id), "999") == str(none.value)
    assert who(store, signed[2]) is not None


def test_an_admin_sees_and_ends_anybodys(store: Store, signed: Signed) -> None:
    root = a_person(store, "Root", role="admin")
    assert [item.person for item in sessions.everybodys(store, root, now=NOW)] == ["Ada", "Ada"]
    sessions.revoke(store, root, signed[3].id, now=NOW)
    assert who(store, signed[2]) is None


def test_all_other_browsers_are_signed_out_and_tokens_stay(store: Store, signed: Signed) -> None:
    ada, home, work, _ = signed
    token = tokens.create(store, ada, name="Ada", grant=tokens.Grant("x"), now=NOW)
    assert sessions.revoke_others(store, ada, keep=credentials.digest(home), now=NOW) == 1
    assert (who(store, home), who(store, work)) == (ada, None)
    assert who(store, token, "token") == ada


def test_everything_of_somebody_is_ended_at_once(store: Store, signed: Signed) -> None:
    ada, home, work, _ = signed
    token = tokens.create(store, ada, name="Ada", grant=tokens.Grant("x"), now=NOW)
    assert sessions.revoke_everything(store, None, name="ada", now=NOW) == 3
    assert [who(store, home), who(store, work), who(store, token, "token")] == [None] * 3
    assert sessions.revoke_everything(store, None, name="ada", now=NOW) == 0


def test_a_changed_password_keeps_this_browser_only(store: Store, signed: Signed) -> None:
    ada, home, work, _ = signed
    sessions.change_password(
        store, ada, old=PASSWORD, new="another password", keep=credentials.digest(home), now=NOW
    )
    assert (who(store, home), who(store, work)) == (ada, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wrong", "another password", "the present password is wrong"),
        (PASSWORD, "short", "the password has 5 characters; use at least 8"),
        (PASSWORD, "x" * 1025, "is longer than 1024 characters"),
    ],
)
def test_a_password_is_not_changed_by_a_mistake(
    store: Store, signed: Signed, old: str, new: str, words: str
) -> None:
    with pytest.raises(BadPassword, match=words):
        sessions.change_password(store, signed[0], old=old, new=new, keep=None, now=NOW)
    assert who(store, signed[1]) is not None


def test_a_disabled_persons_sessions_are_over_and_stay_so(store: Store, signed: Signed) -> None:
    people.disable(store, None, name="Ada", now=NOW)
    people.enable(store, None, name="Ada", now=NOW)
    assert who(store, signed[1]) is None
    assert sessions.mine(store, signed[0], now=NOW) == ()


# Tokens


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        (tokens.Grant(""), "say what the token is for"),
        (tokens.Grant("  "), "say what the token is for"),
        (tokens.Grant("x" * 201), "in 1 to 200 printable characters"),
        (tokens.Grant("a\nb"), "printable"),
        (tokens.Grant("x", timedelta(0)), "a token lasts 1 to 3650 days"),
        (tokens.Grant("x", timedelta(days=3651)), "a token lasts 1 to 3650 days"),
        (tokens.Grant("x", scopes=frozenset()), "without any scope is of no use"),
    ],
    ids=repr,
)
def test_a_token_that_makes_no_sense_is_refused(
    store: Store, grant: tokens.Grant, words: str
) -> None:
    ada = a_person(store)
    with pytest.raises(Invalid, match=words):
        tokens.create(store, ada, name="Ada", grant=grant, now=NOW)


def test_an_unknown_scope_is_named_with_those_there_are() -> None:
    with pytest.raises(Invalid, match=r"'write' is no scope .* choose from read, annotate, manage"):
        tokens.scopes_of(["read", "write"])


def test_tokens_are_listed_with_what_they_may_do(store: Store) -> None:
    ada, root = a_person(store), a_person(store, "Root", role="admin")
    tokens.create(
        store, ada, name="ADA", grant=tokens.Grant(" a ", DAY, frozenset({"read"})), now=NOW
    )
    tokens.create(store, root, name="Root", grant=tokens.Grant("b", 2 * DAY), now=NOW)

    mine = tokens.listed(store, ada, now=NOW, name="ada")
    every = tokens.listed(store, root, now=NOW)

    assert [(item.name, item.scopes, item.expires_at) for item in mine] == [
        ("a", frozenset({"read"}), NOW + DAY)
    ]
    assert [(item.person, item.name, item.scopes) for item in every] == [
        ("Root", "b", None),
        ("Ada", "a", frozenset({"read"})),
    ]
    assert [item.name for item in tokens.listed(store, root, now=NOW + DAY)] == ["b"]
    assert tokens.listed(store, None, now=NOW, name="ada") == mine


def test_no_token_is_made_for_a_closed_account_or_nobody(store: Store) -> None:
    a_person(store)
    people.disable(store, None, name="Ada", now=NOW)
    with pytest.raises(Invalid, match="Ada's account is disabled; enable it first"):
        tokens.create(store, None, name="Ada", grant=tokens.Grant("x"), now=NOW)
    with pytest.raises(NotFound, match="there is no person 'Nobody'"):
        tokens.create(store, None, name="Nobody", grant=tokens.Grant("x"), now=NOW)


# Providers


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (IDENTITY, "Ada"),
        (external.Identity("i", "7", "", "ada@id.test", email_verified=False), "ada@id.test"),
        (external.Identity("i", "7", "", "", email_verified=False), "7"),
        (external.Identity("i", "7", "Ada  Smith", "", email_verified=False), "Ada Smith"),
    ],
)
def test_a_new_person_is_called_what_the_provider_knows_best(
    store: Store, identity: external.Identity, name: str
) -> None:
    opened = sessions.Opened(HOME, NOW, DAY)
    rules = external.Rules(create_as="annotator")
    token = external.sign_in(store, identity, rules=rules, opened=opened)
    found = who(store, token)
    assert found is not None
    assert (found.name, found.role) == (name, "annotator")


def test_one_new_person_at_two_browsers_at_once_gets_one_account(store: Store) -> None:
    rules, opened = external.Rules(create_as="annotator"), sessions.Opened(HOME, NOW, DAY)

    def go(_: int) -> bool:
        try:
            external.sign_in(store, IDENTITY, rules=rules, opened=opened)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert any(pool.map(go, range(2)))
    assert [person.name for person in people.listed(store)] == ["Ada"]


def test_an_identity_belongs_to_one_account(store: Store) -> None:
    ada, grace = with_password(store, "Ada"), with_password(store, "Grace")
    external.link(store, ada, IDENTITY, rules=external.Rules(), now=NOW)
    assert external.linked(store, ada) == ("https://id.test",)
    for person, words in ((ada, "with your account"), (grace, "with another account here")):
        with pytest.raises(Conflict, match=words):
            external.link(store, person, IDENTITY, rules=external.Rules(), now=NOW)
    with pytest.raises(Conflict, match="linked a moment ago"), store.begin() as connection:
        stored.link(connection, grace.id, issuer="https://id.test", subject="42", now=NOW)
    external.unlink(store, ada, "https://id.test", now=NOW)
    external.link(store, grace, IDENTITY, rules=external.Rules(), now=NOW)
    assert external.linked(store, ada) == ()


def test_what_waits_for_a_provider_is_taken_once_and_in_time(store: Store) -> None:
    first = external.start(store, {"n": 1}, now=NOW)
    assert external.take(store, first, now=NOW) == {"n": 1}
    second = external.start(store, {"n": 2}, now=NOW)
    for token, later in ((first, timedelta(0)), (second, external.FLOW_LIFE), ("", timedelta(0))):
        with pytest.raises(Conflict, match="start again"):
            external.take(store, token, now=NOW + later)


# Somebody is quicker between our look and our act


QUICKER = "INSERT INTO person (name, role, created_at) VALUES ('Ada', 'admin', '2026-01-01')"


def test_a_name_taken_since_we_looked_is_a_sentence(store: Store) -> None:
    with pytest.raises(Conflict, match="there is a person 'Ada' already"):
        with store.begin() as connection:
            quick = [QUICKER]

            @event.listens_for(connection, "before_cursor_execute")
            def _first(_c: object, cursor: Any, statement: str, *_rest: object) -> None:
                if statement.startswith("INSERT INTO person") and quick:
                    cursor.execute(quick.pop())

            stored.add(connection, "Ada", role="annotator", password_hash=None, now=NOW)


def test_an_admin_made_meanwhile_is_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_password: str) -> str:
        with_password(store, "Root", "admin")
        return HASH

    monkeypatch.setattr(people, "hash_of", slow)
    people.ensure_admin(store, PASSWORD, now=NOW)
    assert [person.name for person in people.listed(store)] == ["Root"]


def test_a_link_used_meanwhile_is_a_sentence(store: Store) -> None:
    digest = credentials.digest(links.invite(store, None, role="annotator", now=NOW))
    with store.begin() as connection:
        stored.use_invitation(connection, digest, now=NOW)
        with pytest.raises(Conflict, match="somebody else has just used this link"):
            stored.use_invitation(connection, digest, now=NOW)


def test_a_person_who_is_not_there_is_named(store: Store) -> None:
    with store.read() as connection, pytest.raises(NotFound, match="there is no person 99"):
        stored.get(connection, 99)


def test_a_name_nobody_can_have_is_wrong_like_any_other(store: Store) -> None:
    with pytest.raises(BadPassword, match="the name or the password is wrong"):
        enter(store, "ad\x00min")


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen while a password is compared, which takes a while."""
    compare = sessions.matches

    def slowly(password_hash: str | None, password: str) -> bool:
        happens()
        return compare(password_hash, password)

    monkeypatch.setattr(sessions, "matches", slowly)


def test_a_password_that_is_replaced_while_it_is_compared_opens_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(store, "Ada")
    _meanwhile(
        monkeypatch,
        lambda: people.set_password(store, None, name="Ada", password="another one", now=NOW),
    )
    with pytest.raises(BadPassword):
        enter(store, "Ada")
    assert sessions.everybodys(store, a_person(store, "Root", role="admin"), now=NOW) == ()


def test_an_account_that_is_disabled_while_its_password_is_compared_stays_shut(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(store, "Ada")
    _meanwhile(monkeypatch, lambda: people.disable(store, None, name="Ada", now=NOW))
    with pytest.raises(BadPassword):
        enter(store, "Ada")


def test_of_two_changes_from_the_same_password_one_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = with_password(store, "Ada")
    _meanwhile(
        monkeypatch,
        lambda: people.set_password(store, None, name="Ada", password="another one", now=NOW),
    )
    with pytest.raises(BadPassword, match="present password"):
        sessions.change_password(
            store, ada, old=PASSWORD, new="a third of mine", keep=None, now=NOW
        )


def test_two_who_ask_for_one_name_in_different_case_at_once_do_not_both_get_it(
    store: Store,
) -> None:
    together = threading.Barrier(2)

    def add(name: str) -> str:
        with store.begin() as connection:
            if store.engine.dialect.name == "postgresql":  # SQLite lets one writer in
                together.wait(timeout=30)
            stored.add(connection, name, role="annotator", password_hash=None, now=NOW)
        return name

    got = []
    with ThreadPoolExecutor(2) as crowd:
        for done in [crowd.submit(add, name) for name in ("Anna", "anna")]:
            try:
                got.append(done.result(timeout=60))
            except Conflict as error:
                assert "there is a person" in str(error)
    assert len(got) == 1
    with store.read() as connection:
        assert stored.by_name(connection, "ANNA")[0].name == got[0]


def test_no_more_passwords_are_looked_at_however_many_ask_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(store, "Ada")
    looked = []
    monkeypatch.setattr(sessions, "matches", lambda *_: bool(looked.append(1)))
    with ThreadPoolExecutor(12) as crowd:
        said = [
            word for words in crowd.map(lambda _: fail(store, "Ada"), range(36)) for word in words
        ]
    assert len(looked) == sessions.ATTEMPTS
    assert said.count("Throttled") == 36 - sessions.ATTEMPTS


@pytest.mark.parametrize(
    "name",
    ["command line", "Command Line", "command  line", " import: gold ", "IMPORT: x", "The  Server"],
)
def test_nobody_is_called_what_the_app_itself_acts_as(store: Store, name: str) -> None:
    with pytest.raises(Invalid, match="the app itself acts as"):
        people.add(store, None, name=name, role="annotator", password=None, now=NOW)
    token = links.invite(store, None, role="annotator", now=NOW)
    with pytest.raises(Invalid, match="the app itself acts as"):
        links.join(store, token, name=name, password=PASSWORD, now=NOW)


def test_commands_act_as_an_admin_of_their_own_made_once(store: Store) -> None:
    first = people.operator(store, now=NOW)
    assert (first.name, first.role) == ("command line", "admin")
    assert people.operator(store, now=NOW + DAY) == first


def test_commands_do_not_act_as_a_person_who_took_the_name_earlier(store: Store) -> None:
    with_password(store, "Command Line", role="admin")
    with pytest.raises(Conflict, match="somebody signs in as 'Command Line'"):
        people.operator(store, now=NOW)


@pytest.mark.parametrize("what", ["disabled", "demoted"])
def test_the_invitations_of_an_admin_end_with_the_role(store: Store, what: str) -> None:
    with_password(store, "Root", role="admin")
    boss = with_password(store, "Boss", role="admin")
    token = links.invite(store, boss, role="admin", now=NOW)
    if what == "disabled":
        people.disable(store, None, name="Boss", now=NOW)
    else:
        people.set_role(store, None, name="Boss", role="reviewer", now=NOW)
    with pytest.raises(Conflict):
        links.join(store, token, name="Friend", password=PASSWORD, now=NOW)
    assert links.waiting(store, None, now=NOW) == ()


def test_an_admin_who_stays_one_keeps_the_invitations(store: Store) -> None:
    boss = with_password(store, "Boss", role="admin")
    token = links.invite(store, boss, role="reviewer", now=NOW)
    people.set_role(store, None, name="Boss", role="admin", now=NOW)
    joined = links.join(store, token, name="Friend", password=PASSWORD, now=NOW)
    assert joined.role == "reviewer"


def test_failures_from_before_the_clock_was_set_back_stand_in_nobodys_way(store: Store) -> None:
    with_password(store, "Ada")
    fail(store, "Ada", times=sessions.ATTEMPTS)
    earlier = NOW - timedelta(hours=1)
    assert sessions.sign_in(store, "Ada", password=PASSWORD, now=earlier, life=DAY, origin=HOME)


def test_whom_commands_act_as_is_left_as_it_is(store: Store) -> None:
    root, name = with_password(store, "Root", role="admin"), people.operator(store, now=NOW).name
    for change in (
        lambda: people.set_role(store, root, name=name, role="annotator", now=NOW),
        lambda: people.disable(store, root, name=name, now=NOW),
        lambda: people.set_password(store, root, name=name, password=PASSWORD, now=NOW),
    ):
        with pytest.raises(Conflict, match="commands act as 'command line'"):
            change()
    assert people.operator(store, now=NOW).role == "admin"


def test_a_person_is_found_however_the_accent_of_the_name_is_written(store: Store) -> None:
    composed, decomposed = "Zo\u00eb", "  Zoe\u0308 "
    a_project(store)
    admin = a_person(store, "Ada", role="admin")
    zoe = people.add(store, admin, name=decomposed, role="annotator", password=None, now=NOW)
    assert zoe.name == composed
    assert people.get(store, decomposed) == zoe
    assert people.set_role(store, admin, name=decomposed, role="reviewer", now=NOW).id == zoe.id
    members.add(store, admin, "spam", name=decomposed, now=NOW)
    assert [one.name for one in members.listed(store, admin, "spam")] == [composed]
    members.remove(store, admin, "spam", name=decomposed, now=NOW)
    tokens.create(store, zoe, name=decomposed, grant=tokens.Grant("a script"), now=NOW)
    assert len(tokens.listed(store, zoe, name=decomposed, now=NOW)) == 1
    with pytest.raises(Conflict), store.begin() as connection:
        stored.add(connection, decomposed, role="annotator", password_hash=None, now=NOW)
