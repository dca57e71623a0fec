"""`mlvajra user`, `token` and `project members`, run in this process on a real workspace."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlvajra_al.cli import workspace as shared
from mlvajra_al.cli.application import run
from mlvajra_al.cli.tenancy import tenancy
from mlvajra_al.services import demo, people, projects, sessions
from mlvajra_al.services.credentials import digest
from mlvajra_al.store.database import Store
from tests.factories import NOW, a_draft

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Said:
    """What a command wrote and ended with."""

    code: int
    out: str
    err: str


Mlvajra = Callable[..., Said]


@pytest.fixture
def mlvajra(
    begun: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Mlvajra:
    """Run a command on an empty workspace; the password comes by standard input."""

    def command(*words: str, password: str = PASSWORD) -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        code = run(words)
        return Said(code, *capsys.readouterr())

    return command


@pytest.fixture
def store(begun: Path) -> Iterator[Store]:
    """The workspace the commands work on."""
    opened = Store.open(f"sqlite:///{begun / 'mlvajra.db'}", begun)
    opened.migrate()
    yield opened
    opened.close()


def test_a_persons_life_from_the_command_line(mlvajra: Mlvajra, store: Store) -> None:
    said = [
        mlvajra("user", "add", "ada", "--role", "reviewer").err,
        mlvajra("user", "role", "ADA", "annotator").err,
        mlvajra("user", "password", "ada", password="another password").err,
        mlvajra("user", "disable", "ada").err,
        mlvajra("user", "enable", "ada").err,
        mlvajra("user", "sign-out", "ada").err,
    ]
    assert said == [
        "ada can sign in as reviewer\n",
        "ada has the role annotator now\n",
        "ada has a new password\n",
        "ada can no longer sign in\n",
        "ada can sign in again\n",
        "ended 0 sessions and tokens of ada\n",
    ]
    found = people.get(store, "ada")
    assert (found.role, found.disabled_at) == ("annotator", None)


def test_people_are_listed_as_a_table_and_as_json(mlvajra: Mlvajra, store: Store) -> None:
    demo.annotator(store, "demo-annotator", now=NOW)
    mlvajra("user", "add", "ada")
    table = mlvajra("user", "list")
    listed = json.loads(mlvajra("user", "list", "--json").out)
    head, *lines = table.out.splitlines()
    assert head.split() == ["name", "role", "created_at", "disabled", "simulated"]
    assert len(lines) == len(listed)
    assert all(re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d UTC ", line) for line in lines)
    assert table.err.startswith("nobody signs in as 'command line'")
    assert [(row["name"], row["disabled"]) for row in listed][-1] == ("ada", False)
    assert [row["name"] for row in listed if row["simulated"]] == ["demo-annotator"]


def test_an_invitation_is_the_address_of_a_link_and_nothing_else(
    mlvajra: Mlvajra, begun: Path
) -> None:
    said = mlvajra("user", "invite", "--role", "admin")
    assert said.out.startswith("http://127.0.0.1:8501/account/join?token=")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    with tenancy(begun) as place:
        place.note("http://127.0.0.1:8600")
        said = mlvajra("user", "invite")
    assert said.out.startswith("http://127.0.0.1:8600/account/join?token=")


def test_a_token_is_printed_alone_listed_without_its_secret_and_revoked(
    mlvajra: Mlvajra, store: Store
) -> None:
    mlvajra("user", "add", "ada")
    made = mlvajra(
        "token", "create", "--user", "ada", "--scope", "read", "--scope", "annotate", "--days", "3"
    )
    token = made.out.strip()
    listed = mlvajra("token", "list", "--user", "ada", "--json")
    (row,) = json.loads(listed.out)

    assert (made.code, made.err) == (0, "")
    assert token not in listed.out
    assert (row["user"], row["scopes"], row["last_used"]) == ("ada", "annotate read", None)
    assert sessions.by_session(store, digest(token), kind="token", now=shared.now()) is not None
    assert mlvajra("token", "revoke", str(row["id"])).err == "ended ada's command line\n"
    assert sessions.by_session(store, digest(token), kind="token", now=shared.now()) is None
    assert mlvajra("token", "list").err == "there are none\n"


def test_a_token_without_a_scope_may_do_everything(mlvajra: Mlvajra) -> None:
    mlvajra("user", "add", "ada")
    mlvajra("token", "create", "--user", "ada")
    assert json.loads(mlvajra("token", "list", "--json").out)[0]["scopes"] == "everything"


def test_members_are_added_removed_and_shown(mlvajra: Mlvajra, store: Store) -> None:
    mlvajra("user", "add", "ada")
    mlvajra("user", "add", "grace")
    projects.create(store, people.get(store, people.OPERATOR), a_draft())

    shut = mlvajra("project", "members", "spam", "--restricted", "--add", "ada", "--add", "grace")
    less = mlvajra("project", "members", "spam", "--remove", "grace", "--json")
    opened = mlvajra("project", "members", "spam", "--open", "--remove", "ada")

    assert shut.err == "spam is open to members and admins\n"
    assert [line.split()[0] for line in shut.out.splitlines()] == ["name", "ada", "grace"]
    found = json.loads(less.out)
    assert (found["restricted"], [row["name"] for row in found["members"]]) == (True, ["ada"])
    assert found["members"][0]["added_by"] == people.OPERATOR
    assert opened.err == "spam is open to everybody in the workspace\nthere are none\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("user", "add", " "), "a name has 1 to 80 printable characters; choose another"),
        (("user", "password", "nobody"), "there is no person 'nobody'"),
        (("user", "role", "nobody", "admin"), "there is no person 'nobody'"),
        (("user", "disable", "nobody"), "there is no person 'nobody'"),
        (("user", "sign-out", "nobody"), "there is no person 'nobody'"),
        (("token", "create", "--user", "nobody"), "there is no person 'nobody'"),
        (
            ("token", "create", "--user", "x", "--scope", "write"),
            "'write' is no scope of a token; choose from read, annotate, manage",
        ),
        (("token", "list", "--user", "nobody"), "there is no person 'nobody'"),
        (("token", "revoke", "99"), "there is no token 99"),
        (("project", "members", "nothing"), "there is no project 'nothing'"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_mistake_is_one_sentence(mlvajra: Mlvajra, words: tuple[str, ...], sentence: str) -> None:
    said = mlvajra(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"mlvajra: {sentence}")
    assert said.err.count("\n") == 1


def test_a_short_password_is_refused(mlvajra: Mlvajra) -> None:
    said = mlvajra("user", "add", "ada", password="short")
    assert (said.code, said.err) == (
        1,
        "mlvajra: the password has 5 characters; use at least 8\n",
    )


@pytest.mark.parametrize(("typed", "code"), [(["one way", "another"], 1), ([PASSWORD] * 2, 0)])
def test_at_a_terminal_the_password_is_typed_twice(
    begun: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str], code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter(typed)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert run(["user", "add", "ada"]) == code
