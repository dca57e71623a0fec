"""Nobody passes the gate without a session, and nobody can pretend to have one."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mlvajra_al.services import credentials, people, sessions
from mlvajra_al.web import context
from tests.integration.conftest import PASSWORD, Web

PAGES = ["/", "/home", "/annotate", "/review", "/train", "/versions", "/explain", "/data", "/admin"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_who_opens_a_page_is_sent_to_sign_in(web: Web, path: str) -> None:
    answer = web.browser().get(f"{path}?project=spam")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/account/login?next=")


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/health",
        "/_stcore/host-config",
        "/_stcore/metrics",
        "/static/js/index.js",
        "/media/anything.png",
        "/component/x/index.html",
        "/metrics",
    ],
)
def test_a_stranger_gets_nothing_of_the_machinery(web: Web, path: str) -> None:
    assert web.browser().get(path).status_code == 401


def test_a_stranger_who_asks_the_api_gets_401_as_json(web: Web) -> None:
    answer = web.browser().get("/api/v1/projects")

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "NotSignedIn"


def _session_of_websocket(web: Web, browser: httpx.Client, **headers: str) -> str:
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    address = f"ws://{web.host}/_stcore/stream"
    with connect(address, additional_headers={"Cookie": cookies, **headers}) as socket:
        return str(json.loads(socket.recv())["session"])


def test_a_strangers_websocket_is_refused(web: Web) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        _session_of_websocket(web, web.browser())


def test_a_websocket_from_another_site_is_refused_even_with_the_cookie(web: Web) -> None:
    browser = web.signed_in("Ada")

    with pytest.raises(InvalidStatus, match="403"):
        _session_of_websocket(web, browser, Origin="http://evil.test")


def test_the_websocket_of_somebody_signed_in_carries_the_session(web: Web) -> None:
    browser = web.signed_in("Ada")
    forged = {"x-mlv-session": "forged"}

    session = _session_of_websocket(web, browser, Origin=web.url, **forged)

    assert session == credentials.digest(browser.cookies["mlv_session"])


def test_trusted_headers_of_a_client_are_dropped(web: Web) -> None:
    browser = web.signed_in("Ada")

    sent = {"x-mlv-session": "forged", "X-MLV-Person": "root", "x-mlv-anything": "1"}
    headers = dict(browser.get("/echo", headers=sent).json()["headers"])

    assert "x-mlv-person" not in headers
    assert "x-mlv-anything" not in headers
    assert headers["x-mlv-session"] == credentials.digest(browser.cookies["mlv_session"])


def test_forged_headers_without_a_session_open_nothing(web: Web) -> None:
    forged = {"x-mlv-session": "0" * 64, "x-mlv-person": "admin"}

    assert web.browser().get("/echo", headers=forged).status_code == 303


def test_a_token_of_the_wrong_kind_opens_nothing(web: Web) -> None:
    browser = web.signed_in("Ada")
    program = web.program("Robot")
    cookie = browser.cookies["mlv_session"]
    token = program.headers["Authorization"].removeprefix("Bearer ")

    as_bearer = {"Authorization": f"Bearer {cookie}"}
    assert web.browser().get("/api/v1/projects", headers=as_bearer).status_code == 401
    as_cookie = {"Cookie": f"mlv_session={token}"}
    assert web.browser().get("/api/v1/projects", headers=as_cookie).status_code == 401
    assert program.get("/api/v1/projects").status_code == 200
    assert program.get("/echo").status_code == 303


def test_what_is_in_the_database_is_no_cookie(web: Web) -> None:
    browser = web.signed_in("Ada")
    stored = credentials.digest(browser.cookies["mlv_session"])

    answer = web.browser().get("/echo", headers={"Cookie": f"mlv_session={stored}"})

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{url}"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "{url}.evil.test"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_only_our_own_pages_may_change_something_with_a_cookie(
    web: Web, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.format(url=web.url) for name, value in headers.items()}

    assert web.signed_in("Ada").post("/echo", headers=sent).status_code == status


def test_an_authorization_header_does_not_excuse_a_cookie_from_the_origin_check(web: Web) -> None:
    browser = web.signed_in("Ada")
    sent = {"Origin": "http://evil.test", "Authorization": "Basic eDp5"}

    assert browser.post("/echo", headers=sent).status_code == 403
    assert browser.post("/api/v1/projects/none/claims", headers=sent).status_code == 403


def test_another_sites_form_cannot_sign_somebody_in(web: Web) -> None:
    web.person("Mallory")
    form = {"name": "Mallory", "password": PASSWORD}

    answer = web.browser().post("/account/login", data=form, headers={"Origin": "http://evil.test"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_bearer_token_needs_no_origin_but_any_origin_is_fine(web: Web) -> None:
    program = web.program("Robot")
    sent = {"Origin": "http://elsewhere.test"}

    answer = program.post("/api/v1/projects/none/claims", headers=sent)

    assert answer.status_code == 404


def test_sign_out_ends_the_session_for_copies_of_the_cookie_too(web: Web) -> None:
    browser = web.signed_in("Ada")
    copied = {"Cookie": f"mlv_session={browser.cookies['mlv_session']}"}
    assert web.browser().get("/echo", headers=copied).status_code == 200

    answer = browser.post("/account/logout")

    assert answer.status_code == 303
    assert "mlv_session" not in browser.cookies
    assert web.browser().get("/echo", headers=copied).status_code == 303


def test_a_disabled_account_is_out_at_once(web: Web) -> None:
    browser, program = web.signed_in("Ada"), web.program("Robot")
    people.disable(web.store, None, name="Ada", now=context.now())
    people.disable(web.store, None, name="Robot", now=context.now())

    assert browser.get("/echo").status_code == 303
    assert program.get("/api/v1/projects").status_code == 401


def test_a_session_ends_after_its_life(web: Web) -> None:
    browser = web.signed_in("Ada")
    session = credentials.digest(browser.cookies["mlv_session"])
    ends = context.now() + context.session_life()

    def person_at(moment: timedelta) -> object:
        return sessions.by_session(web.store, session, kind="browser", now=ends + moment)

    assert person_at(timedelta(minutes=-5)) is not None
    assert person_at(timedelta(minutes=5)) is None


def test_every_answer_forbids_other_hosts_and_guessing(web: Web) -> None:
    browser = web.signed_in("Ada")

    for path in ("/account/login", "/echo", "/api/v1/projects", "/api/docs", "/nowhere"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "unsafe" not in browser.get("/account/login").headers["content-security-policy"]


def test_probes_answer_strangers_and_metrics_only_people(web: Web) -> None:
    stranger = web.browser()
    assert stranger.get("/healthz").text == "ok\n"
    assert stranger.get("/readyz").text == "ready\n"

    text = web.program("Robot").get("/metrics").text

    assert "mlvajra_projects 0" in text
    assert 'mlvajra_http_answers_total{status="200"}' in text


def test_without_its_database_the_app_is_not_ready(web: Web) -> None:
    with web.store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE process RENAME TO elsewhere")

    answer = web.browser().get("/readyz")

    assert answer.status_code == 503
    assert answer.text == "not ready: OperationalError\n"


def test_a_page_of_another_address_is_told_which_two_differ(web: Web) -> None:
    sent = {"Origin": "https://label.example.org"}
    refused = web.browser().post("/account/login", headers=sent)
    assert refused.status_code == 403
    assert refused.text == (
        f"a browser at 'https://label.example.org' sent this, but it arrived for '{web.url}'; open "
        "the app by the address it is served at, and have a proxy pass Host and the scheme on"
    )
    refused = web.browser().post("/account/login", headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.text.startswith("a browser at 'cross-site address' sent this")
