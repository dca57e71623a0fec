"""Sessions, tokens and links: none can be planted, guessed, replayed or used beyond its purpose."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mlvajra_al.config import settings
from mlvajra_al.records import Role, Scope
from mlvajra_al.services import credentials, links, people, sessions, tokens
from mlvajra_al.services.credentials import digest
from mlvajra_al.web import context
from tests.integration.conftest import PASSWORD, Web, serving_in
from tests.integration.test_security_routes import API, NEW

WRONG = "not the password"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One server for all of these; everybody has a name of their own."""
    with serving_in(tmp_path_factory.mktemp("workspace")) as running:
        yield running


def sign_in(web: Web, name: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Answer the form of the login page with a new browser."""
    form = {"name": name, "password": password}
    return web.browser().post("/account/login", data=form, **more)


def cookie_of(answer: httpx.Response) -> str:
    """Return the session a browser was given."""
    return answer.cookies["mlv_session"]


def opens(web: Web, cookie: str) -> bool:
    """Say whether a copied cookie opens a page."""
    headers = {"Cookie": f"mlv_session={cookie}"}
    return web.browser().get("/echo", headers=headers).status_code == 200


# Planted and replayed


@pytest.mark.parametrize("planted", ["chosen-by-mallory", "", "a" * 4_000, "../..", "%00", "é"])
def test_a_planted_cookie_never_becomes_a_session(web: Web, planted: str) -> None:
    name = f"Victim {len(planted)} {planted[:3]}".strip()
    web.person(name)
    cookie = f"mlv_session={planted}".encode()

    answer = sign_in(web, name, headers={"Cookie": cookie})  # type: ignore[dict-item]

    assert answer.status_code == 303
    assert cookie_of(answer) != planted
    assert web.browser().get("/echo", headers={"Cookie": cookie}).status_code == 303  # type: ignore[dict-item]


def test_the_session_of_whoever_sat_there_before_ends_with_the_next_sign_in(web: Web) -> None:
    web.person("Early")
    web.person("Late")
    early = cookie_of(sign_in(web, "Early"))

    late = cookie_of(sign_in(web, "Late", headers={"Cookie": f"mlv_session={early}"}))

    assert not opens(web, early)
    assert opens(web, late)


def _log_out(web: Web, name: str, cookie: str) -> None:
    web.browser().post("/account/logout", headers={"Cookie": f"mlv_session={cookie}"})


def _new_password(web: Web, name: str, cookie: str) -> None:
    people.set_password(web.store, None, name=name, password="another one", now=context.now())


def _disable(web: Web, name: str, cookie: str) -> None:
    people.disable(web.store, None, name=name, now=context.now())


def _end_others(web: Web, name: str, cookie: str) -> None:
    form = {"old": PASSWORD, "password": "another one", "again": "another one"}
    other = cookie_of(sign_in(web, name))
    headers = {"Cookie": f"mlv_session={other}"}
    assert web.browser().post("/account/password", data=form, headers=headers).status_code == 200


@pytest.mark.parametrize("end", [_log_out, _new_password, _disable, _end_others])
def test_a_copied_cookie_is_worth_nothing_once_its_session_ended(
    web: Web, end: Callable[[Web, str, str], None]
) -> None:
    name = f"Copied{end.__name__}"
    web.person(name)
    cookie = cookie_of(sign_in(web, name))
    assert opens(web, cookie)

    end(web, name, cookie)

    assert not opens(web, cookie)
    with pytest.raises(InvalidStatus, match="403"):
        connect(
            f"ws://{web.host}/_stcore/stream",
            additional_headers={"Cookie": f"mlv_session={cookie}"},
        ).close()


def test_a_role_taken_away_is_gone_with_the_next_request(web: Web) -> None:
    web.person("Remaining", "admin")
    admin = web.program("Fallen", "admin")
    assert admin.post("/api/v1/projects", json=NEW | {"name": "first"}).status_code == 201

    people.set_role(web.store, None, name="Fallen", role="annotator", now=context.now())

    assert admin.post("/api/v1/projects", json=NEW | {"name": "second"}).status_code in (401, 403)


def test_a_session_does_not_outlive_its_life_however_often_it_is_used(web: Web) -> None:
    web.person("Busy")
    session = credentials.digest(cookie_of(sign_in(web, "Busy")))
    life = context.session_life()
    late = context.now() + life + timedelta(minutes=1)

    sessions.note_seen(web.store, 1, now=late)

    assert sessions.by_session(web.store, session, kind="browser", now=late) is None


# Cookies and where one lands


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_says_who_may_have_it(
    web: Web, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    monkeypatch.setenv("MLVAJRA_SECURE_COOKIES", str(secure))
    settings.cache_clear()
    name = f"Secure {secure}"
    web.person(name)

    _, *flags = sign_in(web, name).headers["set-cookie"].lower().split("; ")

    assert {"httponly", "samesite=lax", "path=/"} <= {*flags}
    assert ("secure" in flags) is secure
    assert not [flag for flag in flags if flag.startswith("domain")]


HOSTILE_TARGETS = [
    "https://evil.test/",
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/%0d%0aSet-Cookie:%20a=b/../\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http:evil.test",
    "evil.test",
    "/account/logout",
    "/account/login?next=//evil.test",
    "@evil.test",
    ".evil.test",
    "",
    "/\u2028/evil.test",
    "/" + "a" * 5_000,
]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signing_in_leads_to_a_page_of_ours_and_nowhere_else(web: Web, method: str) -> None:
    name = f"Led by {method}"
    web.person(name)
    form = {"name": name, "password": PASSWORD}

    for target in HOSTILE_TARGETS:
        answer = web.browser().request(
            method,
            "/account/login",
            params={"next": target},
            data=form if method == "POST" else None,
        )
        location = answer.headers.get("location", "/")
        assert urlsplit(location).netloc == urlsplit(location).scheme == "", target
        assert re.fullmatch(r"/[^/\\\s]?[^\r\n\t]*", location), target
        assert not location.startswith("/account"), target
        assert "a" not in answer.cookies


# Guessing


def test_an_unknown_name_costs_as_many_hashes_as_a_wrong_password(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.person("Known")
    people.add(web.store, None, name="No password", role="admin", password=None, now=context.now())
    sign_in(web, "warming up", WRONG)
    counted: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, stored: str, password: str) -> bool:
        counted.append(stored.rpartition("$")[0].rpartition("$")[0])
        return bool(verify(self, stored, password))

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    answers = [sign_in(web, name, WRONG) for name in ("Known", "Unknown", "No password")]

    assert len(counted) == 3
    assert len({*counted}) == 1, "the same parameters, so that they take as long"
    assert {answer.status_code for answer in answers} == {422}
    texts = {re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}
    assert len(texts) == 1


def test_a_crowd_at_the_door_is_hashed_a_few_at_a_time(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, stored: str, password: str) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return bool(verify(self, stored, password))
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    with ThreadPoolExecutor(16) as crowd:
        right = list(crowd.map(lambda _: credentials.matches(None, WRONG), range(16)))

    assert not any(right)
    assert most <= credentials.AT_ONCE


def test_guesses_at_once_count_as_much_as_one_after_the_other(web: Web) -> None:
    web.person("Besieged")
    with ThreadPoolExecutor(8) as crowd:
        seen = list(
            crowd.map(lambda n: sign_in(web, "BESIEGED", f"{WRONG} {n}").status_code, range(16))
        )

    assert seen.count(422) == sessions.ATTEMPTS
    assert seen.count(429) == 16 - sessions.ATTEMPTS
    assert sign_in(web, "Besieged").status_code == 429


@pytest.mark.parametrize("page", ["setup", "join"])
def test_a_link_cannot_be_guessed_and_tells_no_guess_from_another(web: Web, page: str) -> None:
    invited = links.invite(web.store, None, role="admin", now=context.now())
    assert len(invited) >= 43, "256 bits"
    guesses = [
        "",
        invited[:-1],
        invited + "a",
        invited.swapcase(),
        "*",
        "%",
        "' OR 1=1 --",
        "a\x00",
    ]

    answers = [web.browser().get(f"/account/{page}", params={"token": g}) for g in guesses]

    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    "token", ["null", "undefined", "0", "*", "a" * 10_000, "' OR '1'='1", "\u00e9", "a b"]
)
def test_a_bearer_token_cannot_be_guessed(web: Web, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}

    answer = web.browser().get("/api/v1/projects", headers=headers)  # type: ignore[arg-type]

    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["", "\x00", "a\x00b", "\u202eadmin", "a" * 10_000, "%s%n", "🙂"])
def test_odd_names_and_passwords_sign_nobody_in_and_break_nothing(web: Web, name: str) -> None:
    for password in ("", "\x00", "é" * 3_000, WRONG):
        assert sign_in(web, name, password).status_code in (422, 429)


# Tokens do what they are for


SCOPES: list[tuple[Scope, ...]] = [("read",), ("annotate",), ("read", "manage")]
LABELLING = {
    "POST /api/v1/projects/{project}/claims",
    "DELETE /api/v1/projects/{project}/claims",
    "POST /api/v1/projects/{project}/claims/heartbeat",
    "POST /api/v1/projects/{project}/annotations",
}
ASKING = {
    "POST /api/v1/projects/{project}/predict",
    "POST /api/v1/projects/{project}/predict/file",
}


def _scope(name: str) -> Scope:
    if name in LABELLING:
        return "annotate"
    return "read" if name.startswith("GET ") or name in ASKING else "manage"


@pytest.mark.parametrize("scopes", SCOPES)
def test_a_token_does_what_its_scopes_say_on_every_route(
    web: Web, scopes: tuple[Scope, ...]
) -> None:
    name = "Scoped " + " ".join(scopes)
    web.person(name, "admin")
    grant = tokens.Grant("test", scopes=frozenset(scopes))
    token = tokens.create(web.store, None, name=name, grant=grant, now=context.now())
    client = web.browser()
    client.headers["Authorization"] = f"Bearer {token}"

    refused = set()
    for route, asked in API.items():
        method, path = route.split(" ")
        address = re.sub(r"\{(\w+)\}", "7", path)
        answer = client.request(method, address, **asked.send)
        if answer.status_code == 403:
            refused.add(route)
            assert "a token with the scope" in answer.json()["error"]["message"]

    assert refused == {route for route in API if _scope(route) not in scopes}


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_no_scope_makes_a_token_do_more_than_its_person_may(web: Web, role: Role) -> None:
    name = f"Small {role}"
    web.person(name, role)
    grant = tokens.Grant("test", scopes=frozenset({"read", "annotate", "manage"}))
    token = tokens.create(web.store, None, name=name, grant=grant, now=context.now())
    headers = {"Authorization": f"Bearer {token}"}

    answer = web.browser().post("/api/v1/projects", json=NEW, headers=headers)

    assert answer.status_code == 403


def test_a_token_opens_no_page_and_no_websocket(web: Web) -> None:
    program = web.program("Headless", "admin")

    assert program.get("/echo").status_code == 303
    assert program.get("/account/password").status_code == 303
    with pytest.raises(InvalidStatus, match="403"):
        connect(
            f"ws://{web.host}/_stcore/stream",
            additional_headers={"Authorization": program.headers["Authorization"]},
        ).close()


def test_a_token_ends_on_its_day(web: Web) -> None:
    web.person("Brief")
    grant = tokens.Grant("test", life=timedelta(days=1))
    now = context.now()
    token = tokens.create(web.store, None, name="Brief", grant=grant, now=now)

    def known(after: timedelta) -> bool:
        at = now + after
        return sessions.by_session(web.store, digest(token), kind="token", now=at) is not None

    assert known(timedelta(hours=23))
    assert not known(timedelta(hours=25))
