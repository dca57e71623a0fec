"""Your account over HTTP: sign-ins and tokens listed and ended, and what a token may do."""

from __future__ import annotations

import re

import httpx
import pytest

from mlvajra_al.records import Scope
from mlvajra_al.services import people, projects, sessions, tokens
from mlvajra_al.web import context
from tests.factories import a_draft
from tests.integration.conftest import PASSWORD, Web

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
TOKEN = {"purpose": "nightly <export>", "days": "30"}


def _signed_in_again(web: Web, name: str) -> httpx.Client:
    browser = web.browser()
    browser.headers.update(FIREFOX)
    form = {"name": name, "password": PASSWORD}
    assert browser.post("/account/login", data=form).status_code == 303
    return browser


def _ids(page: str) -> list[str]:
    return re.findall(r"/account/sessions/(\d+)/end", page)


def test_the_page_shows_every_sign_in_and_which_one_this_is(web: Web) -> None:
    first = web.signed_in("Ada")
    second = _signed_in_again(web, "Ada")

    page = second.get("/account/me")

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "Ada, annotator" in page.text
    assert page.text.count("this browser") == 1
    assert page.text.count("Firefox on Linux") == 1
    assert len(_ids(page.text)) == len(_ids(first.get("/account/me").text)) == 1


def test_one_other_browser_is_signed_out_by_its_button(web: Web) -> None:
    first = web.signed_in("Ada")
    second = _signed_in_again(web, "Ada")
    (other,) = _ids(second.get("/account/me").text)

    answer = second.post(f"/account/sessions/{other}/end")
    again = second.post(f"/account/sessions/{other}/end")

    assert (answer.status_code, answer.headers["location"]) == (303, "/account/me")
    assert first.get("/echo").status_code == 303
    assert second.get("/echo").status_code == 200
    assert again.status_code == 409
    assert "has ended already" in again.text


def test_all_other_browsers_are_signed_out_at_once(web: Web) -> None:
    browsers = [web.signed_in("Ada"), *(_signed_in_again(web, "Ada") for _ in range(2))]

    assert browsers[2].post("/account/sessions/end-others").status_code == 303

    assert [browser.get("/echo").status_code for browser in browsers] == [303, 303, 200]
    assert "Sign out in all other browsers" not in browsers[2].get("/account/me").text


def test_somebody_elses_session_cannot_be_ended(web: Web) -> None:
    ada, mallory = web.signed_in("Ada"), web.signed_in("Mallory")
    (session,) = sessions.mine(web.store, people.get(web.store, "Ada"), now=context.now())

    assert mallory.post(f"/account/sessions/{session.id}/end").status_code == 404
    assert mallory.post("/account/sessions/none/end").status_code == 404
    assert ada.get("/echo").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/account/sessions/end-others", "/account/sessions/1/end", "/account/tokens"],
)
def test_other_sites_and_links_change_nothing(web: Web, path: str) -> None:
    browser = web.signed_in("Ada")

    assert browser.post(path, data=TOKEN, headers={"Origin": "http://evil.test"}).status_code == 403
    assert browser.get(path).status_code in (404, 405)
    assert tokens.listed(web.store, None, now=context.now()) == ()


def test_a_token_is_shown_once_and_works(web: Web) -> None:
    browser = web.signed_in("Ada")

    made = browser.post("/account/tokens", data=TOKEN | {"scope": ["read"]})

    token = re.search(r"<pre>(.+?)</pre>", made.text)
    assert token is not None
    program = web.browser()
    program.headers["Authorization"] = f"Bearer {token[1]}"
    assert program.get("/api/v1/projects").status_code == 200
    page = browser.get("/account/me").text
    assert token[1] not in page
    assert "nightly &lt;export&gt;" in page
    (number,) = _ids(page)
    assert browser.post(f"/account/sessions/{number}/end").status_code == 303
    assert program.get("/api/v1/projects").status_code == 401


def test_a_token_asked_for_while_the_password_changes_is_not_made(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, ada = web.signed_in("Ada"), people.get(web.store, "Ada")
    draw, later = tokens.new_token, "correct horse battery staple"

    def meanwhile() -> str:
        at = context.now()
        sessions.change_password(web.store, ada, old=PASSWORD, new=later, keep=None, now=at)
        return draw()

    monkeypatch.setattr(tokens, "new_token", meanwhile)
    answer = browser.post("/account/tokens", data=TOKEN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/account/login")
    assert tokens.listed(web.store, None, now=context.now()) == ()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"purpose": ""}, "say what the token is for"),
        ({"days": "0"}, "a token lasts 1 to 3650 days"),
        ({"days": "soon"}, "is no number of days; use 1 to 3650"),
        ({"days": "99999"}, "is no number of days"),
        ({"days": "²"}, "is no number of days"),
        ({"scope": ["everything"]}, "is no scope of a token"),
    ],
    ids=str,
)
def test_a_token_that_makes_no_sense_is_refused_with_a_sentence(
    web: Web, form: dict[str, object], words: str
) -> None:
    answer = web.signed_in("Ada").post("/account/tokens", data=TOKEN | form)
    assert answer.status_code == 422
    assert words.lower() in answer.text.lower()


def test_a_form_without_its_fields_is_refused(web: Web) -> None:
    answer = web.signed_in("Ada").post("/account/tokens", data={"purpose": "x"})
    assert answer.status_code == 422
    assert "came without" in answer.text


def _program(web: Web, *scopes: Scope) -> httpx.Client:
    web.person("Root", "admin")
    root = people.get(web.store, "Root")
    projects.create(web.store, root, a_draft())
    grant = tokens.Grant("test", scopes=frozenset(scopes))
    token = tokens.create(web.store, None, name="Root", grant=grant, now=context.now())
    client = web.browser()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


REQUESTS: dict[str, tuple[Scope, str]] = {
    "GET /api/v1/projects": ("read", ""),
    "GET /api/v1/projects/spam": ("read", ""),
    "GET /api/v1/projects/spam/labels": ("read", ""),
    "GET /api/v1/projects/spam/members": ("read", ""),
    "GET /api/docs": ("read", ""),
    "GET /metrics": ("read", ""),
    "POST /api/v1/projects/spam/predict": ("read", '{"rows": [{"body": "x"}]}'),
    "POST /api/v1/projects/spam/claims": ("annotate", '{"n": 1}'),
    "DELETE /api/v1/projects/spam/claims": ("annotate", ""),
    "POST /api/v1/projects/spam/claims/heartbeat": ("annotate", "{}"),
    "POST /api/v1/projects/spam/annotations": ("annotate", "[]"),
    "POST /api/v1/projects": ("manage", "{}"),
    "POST /api/v1/projects/spam/jobs": ("manage", "{}"),
    "POST /api/v1/projects/spam/rollback": ("manage", "{}"),
    "POST /api/v1/projects/spam/members": ("manage", '{"name": "Root"}'),
    "DELETE /api/v1/jobs/1": ("manage", ""),
    "POST /api/v1/projects/spam/claims/": ("manage", ""),
    "POST /api/v1/nothing": ("manage", ""),
}


@pytest.mark.parametrize("scope", ["read", "annotate", "manage"])
def test_a_token_does_what_its_scope_says_and_nothing_else(web: Web, scope: Scope) -> None:
    program = _program(web, scope)
    for name, (needed, body) in REQUESTS.items():
        method, path = name.split(" ")
        answer = program.request(
            method, path, content=body, headers={"Content-Type": "application/json"}
        )
        refused = answer.status_code == 403 and "a token with the scope" in answer.text
        assert refused == (needed != scope), (name, answer.status_code, answer.text)


def test_a_token_of_all_scopes_is_refused_nowhere(web: Web) -> None:
    program = _program(web, "read", "annotate", "manage")
    for name in REQUESTS:
        method, path = name.split(" ")
        assert program.request(method, path).status_code != 403, name


def test_a_scope_gives_nothing_its_person_may_not(web: Web) -> None:
    web.person("Ada")
    grant = tokens.Grant("test", scopes=frozenset({"manage"}))
    token = tokens.create(web.store, None, name="Ada", grant=grant, now=context.now())
    headers = {"Authorization": f"Bearer {token}"}
    answer = web.browser().post(
        "/api/v1/projects", json={"name": "x", "labels": ["a", "b"]}, headers=headers
    )
    assert answer.status_code == 403
    assert "only an admin may" in answer.json()["error"]["message"]


def test_members_are_let_in_and_out_through_the_api(web: Web) -> None:
    root = web.program("Root", "admin")
    ada = web.program("Ada")
    new = {"name": "spam", "labels": ["ham", "spam"], "text": ["body"]}
    root.post("/api/v1/projects", json=new)
    address = "/api/v1/projects/spam"

    shut = root.put(f"{address}/access", json={"restricted": True})
    missing = ada.get(address)
    added = root.post(f"{address}/members", json={"name": "Ada"})

    assert shut.json() == {"restricted": True, "members": []}
    never = ada.get("/api/v1/projects/none").json()["error"]
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == never["message"].replace("none", "spam")
    assert added.status_code == 201
    assert [item["name"] for item in added.json()["members"]] == ["Ada"]
    assert ada.get(address).status_code == 200
    assert [item["name"] for item in ada.get("/api/v1/projects").json()] == ["spam"]
    assert ada.get(f"{address}/members").status_code == 403
    gone = root.delete(f"{address}/members", params={"name": "Ada"})
    assert gone.json() == {"restricted": True, "members": []}
    assert ada.get("/api/v1/projects").json() == []
    assert root.delete(f"{address}/members", params={"name": "Ada"}).status_code == 404


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18) Version/18 Safari/605", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari", "Chrome on Android"),
        ("python-requests/2.32", "python-requests/2.32"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
    ],
)
def test_a_browser_is_named_shortly_and_never_trusted(web: Web, agent: str, words: str) -> None:
    web.person("Ada")
    browser = web.browser()
    browser.headers["User-Agent"] = agent
    browser.post("/account/login", data={"name": "Ada", "password": PASSWORD})
    assert words in browser.get("/account/me").text
