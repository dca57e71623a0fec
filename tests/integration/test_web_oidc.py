"""Sign-in by OpenID Connect over real HTTP: the honest provider, and one that lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mlvajra_al import config
from mlvajra_al.services import people, sessions
from mlvajra_al.store.schema import sign_in_flow
from mlvajra_al.web import context
from tests.integration.bent_provider import CLIENT, BentProvider, Running, a_key
from tests.integration.conftest import PASSWORD, Web
from tests.provider import honest_provider, knows
from tests.server import free_port

START, CALLBACK = "/account/oidc/start", "/account/oidc/callback"
FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}
Set = Callable[..., None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Return a function that sets the variables of sign-in by a provider."""

    def chosen(issuer: str, **values: str) -> None:
        every = {"ISSUER": issuer, "CLIENT_ID": CLIENT, "CLIENT_SECRET": "s3cret"} | values
        for name, value in every.items():
            monkeypatch.setenv(f"MLVAJRA_OIDC_{name}", value)
        config.settings.cache_clear()

    return chosen


@pytest.fixture(scope="module")
def honest() -> Iterator[str]:
    """Run the provider that is installed, in a process of its own; its address."""
    with honest_provider() as url:
        yield url


@pytest.fixture
def bent() -> Iterator[BentProvider]:
    """Run a provider that can be told to lie."""
    running = Running()
    yield running.provider
    running.stop()


def _consented(issuer: str, authorize: str, subject: str) -> str:
    """Log in at the honest provider as somebody, and return where it sends the browser."""
    knows(issuer, subject)
    answer = httpx.post(authorize, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def _through(browser: httpx.Client, issuer: str, subject: str = "ada") -> httpx.Response:
    """Go the whole way: to the provider, consent, back."""
    away = browser.get(START, params={"next": "/annotate?project=spam"})
    assert away.status_code == 302, away.text
    return browser.get(_consented(issuer, away.headers["location"], subject))


def _back(browser: httpx.Client, provider: BentProvider, **changed: str) -> httpx.Response:
    """Come back from the bent provider."""
    code, state = provider.code_for(browser.get(START).headers["location"])
    return browser.get(CALLBACK, params={"code": code, "state": state} | changed)


def _out(browser: httpx.Client) -> bool:
    return browser.get("/echo").status_code == 303


def test_without_a_provider_there_is_no_button_and_no_route_to_one(web: Web) -> None:
    web.person("Ada")
    assert "oidc" not in web.browser().get("/account/login").text
    assert web.browser().get(START).status_code == 404
    assert web.browser().get(CALLBACK).status_code == 404


def test_the_sign_in_page_names_the_provider(web: Web, settings: Set) -> None:
    web.person("Root", "admin")
    settings("https://id.example.org/realm")
    page = web.browser().get("/account/login?next=%2Ftrain").text
    assert "Sign in with id.example.org" in page
    assert 'href="/account/oidc/start?next=%2Ftrain"' in page
    settings("https://id.example.org/realm", NAME="Our <University>")
    assert "Sign in with Our &lt;University&gt;" in web.browser().get("/account/login").text


def test_a_new_person_gets_an_account_with_the_role_of_the_settings(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="reviewer")
    browser = web.browser()

    answer = _through(browser, honest, "lovelace")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/annotate?project=spam"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("mlv_session"))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert browser.get("/echo").status_code == 200
    assert people.get(web.store, "lovelace").role == "reviewer"
    assert _through(web.browser(), honest, "lovelace").status_code == 303
    assert len(people.listed(web.store)) == 1


def test_an_unknown_person_is_refused_where_no_accounts_are_made(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest)

    answer = _through(web.browser(), honest)

    assert answer.status_code == 403
    assert "No account here is linked with ada" in answer.text
    assert people.listed(web.store) == ()


def test_the_same_name_or_e_mail_takes_over_no_account(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    web.person("Ada", "admin")
    web.person("mallory@example.org", "admin")
    browser = web.browser()

    assert "is called &#x27;ada&#x27; already" in _through(browser, honest).text
    assert _through(browser, honest, "mallory").status_code == 303
    assert people.get(web.store, "mallory").role == "annotator"
    assert people.get(web.store, "mallory@example.org").role == "admin"


def test_an_account_is_linked_by_who_is_signed_in_and_found_again(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest)
    browser = web.signed_in("Ada", "admin")
    page = browser.get("/account/me").text
    assert "to sign in with it" in page

    away = browser.get(START, params={"link": "1"}, headers=FROM_OUR_PAGE)
    linked = browser.get(_consented(honest, away.headers["location"], "ada"))

    assert (linked.status_code, linked.headers["location"]) == (303, "/account/me")
    assert "You can sign in with" in browser.get("/account/me").text
    elsewhere = web.browser()
    assert _through(elsewhere, honest).status_code == 303
    assert "Ada, admin" in elsewhere.get("/account/me").text
    again = browser.get(START, params={"link": "1"}, headers=FROM_OUR_PAGE)
    answer = browser.get(_consented(honest, again.headers["location"], "ada"))
    assert answer.status_code == 409
    assert "linked with your account already" in answer.text


def test_unlinking_leaves_the_password_as_the_way_in(web: Web, honest: str, settings: Set) -> None:
    settings(honest)
    browser = web.signed_in("Ada")
    away = browser.get(START, params={"link": "1"}, headers=FROM_OUR_PAGE)
    browser.get(_consented(honest, away.headers["location"], "ada"))

    assert browser.post("/account/oidc/unlink").status_code == 303
    assert browser.post("/account/oidc/unlink").status_code == 404
    assert _through(web.browser(), honest).status_code == 403


def test_who_has_no_password_cannot_unlink_or_change_it(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    browser = web.browser()
    _through(browser, honest, "hopper")

    answer = browser.post("/account/oidc/unlink")
    form = {"old": "", "password": PASSWORD, "again": PASSWORD}
    changed = browser.post("/account/password", data=form)

    assert answer.status_code == 409
    assert "you could not sign in any more" in answer.text
    assert changed.status_code == 409
    assert "your organisation&#x27;s account" in changed.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": "http://evil.test/"},
        {},
    ],
)
def test_another_site_cannot_begin_to_link_an_account(
    web: Web, honest: str, settings: Set, headers: dict[str, str]
) -> None:
    settings(honest)
    answer = web.signed_in("Ada").get(START, params={"link": "1"}, headers=headers)
    assert answer.status_code == 403
    assert "mlv_oidc" not in answer.headers.get("set-cookie", "")


def test_an_old_browser_links_by_the_page_it_comes_from(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest)
    referer = {"Referer": f"{web.url}/account/me"}
    answer = web.signed_in("Ada").get(START, params={"link": "1"}, headers=referer)
    assert answer.status_code == 302


def test_a_link_is_not_finished_by_somebody_else(web: Web, honest: str, settings: Set) -> None:
    settings(honest)
    browser = web.signed_in("Ada")
    web.person("Grace")
    away = browser.get(START, params={"link": "1"}, headers=FROM_OUR_PAGE)
    browser.post("/account/login", data={"name": "Grace", "password": PASSWORD})

    answer = browser.get(_consented(honest, away.headers["location"], "ada"))

    assert answer.status_code == 409
    assert "somebody else is signed in here now" in answer.text.lower()


def test_the_session_before_ends_and_its_cookie_is_not_kept(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    browser = web.signed_in("Grace")
    before = browser.cookies["mlv_session"]

    _through(browser, honest, "ada")

    assert browser.cookies["mlv_session"] != before
    copied = {"Cookie": f"mlv_session={before}"}
    assert web.browser().get("/echo", headers=copied).status_code == 303


def test_after_sign_out_a_copied_cookie_and_the_old_callback_are_worth_nothing(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    browser = web.browser()
    away = browser.get(START).headers["location"]
    back = _consented(honest, away, "ada")
    flow = browser.cookies["mlv_oidc"]
    browser.get(back)
    copied = browser.cookies["mlv_session"]
    assert "mlv_oidc" not in browser.cookies

    browser.post("/account/logout")

    assert _out(web.browser())
    thief = web.browser()
    assert thief.get("/echo", headers={"Cookie": f"mlv_session={copied}"}).status_code == 303
    replayed = thief.get(back, headers={"Cookie": f"mlv_oidc={flow}"})
    assert replayed.status_code == 409
    assert "was finished already" in replayed.text
    assert "set-cookie" not in replayed.headers or "mlv_session" not in str(
        replayed.headers.get_list("set-cookie")
    )


def test_a_callback_in_another_browser_signs_nobody_in(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    attacker, victim = web.browser(), web.browser()
    back = _consented(honest, attacker.get(START).headers["location"], "mallory")

    answer = victim.get(back)

    assert answer.status_code == 409
    assert _out(victim)


def test_a_state_of_another_sign_in_is_refused(web: Web, honest: str, settings: Set) -> None:
    settings(honest, CREATE_AS="annotator")
    attacker, victim = web.browser(), web.browser()
    back = _consented(honest, attacker.get(START).headers["location"], "mallory")
    victim.get(START)

    answer = victim.get(back)

    assert answer.status_code == 502
    assert "not to a question of this browser" in answer.text
    assert _out(victim)


def test_a_sign_in_that_takes_too_long_has_to_start_again(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    browser = web.browser()
    back = _consented(honest, browser.get(START).headers["location"], "ada")
    with web.store.begin() as connection:
        past = context.now() - timedelta(seconds=1)
        connection.execute(sign_in_flow.update().values(expires_at=past))

    answer = browser.get(back)

    assert answer.status_code == 409
    assert "longer than 10 minutes" in answer.text


def test_who_declines_at_the_provider_reads_why(web: Web, honest: str, settings: Set) -> None:
    settings(honest)
    browser = web.browser()
    away = browser.get(START).headers["location"]
    declined = httpx.post(away, data={"action": "deny"}).headers["location"]
    assert "error=access_denied" in declined

    answer = browser.get(f"{CALLBACK}?{urlsplit(declined).query}")

    assert answer.status_code == 502
    assert "access_denied" in answer.text


def test_a_disabled_account_stays_out(web: Web, honest: str, settings: Set) -> None:
    settings(honest, CREATE_AS="annotator")
    _through(web.browser(), honest, "ada")
    people.disable(web.store, None, name="ada", now=context.now())

    answer = _through(web.browser(), honest, "ada")

    assert answer.status_code == 403
    assert "not disabled" in answer.text


def test_the_question_carries_state_nonce_and_a_challenge(
    web: Web, bent: BentProvider, settings: Set
) -> None:
    settings(bent.url, SCOPES="openid email")
    answer = web.browser().get(START)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 20
    assert asked["redirect_uri"] == f"{web.url}{CALLBACK}"
    assert (asked["client_id"], asked["scope"]) == (CLIENT, "openid email")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "Path=/account/oidc" in cookie and "Max-Age=600" in cookie


def test_behind_tls_the_way_back_is_https(
    web: Web, bent: BentProvider, settings: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLVAJRA_SECURE_COOKIES", "true")
    settings(bent.url)
    answer = web.browser().get(START)
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"][0].startswith("https://")
    assert "Secure" in answer.headers["set-cookie"]


def test_an_honest_answer_of_the_bent_provider_is_taken(
    web: Web, bent: BentProvider, settings: Set
) -> None:
    settings(bent.url, CREATE_AS="annotator", DOMAINS="example.com, example.org")
    browser = web.browser()
    assert _back(browser, bent).status_code == 303
    assert not _out(browser)


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elsewhere.test"},
        {"aud": "another client"},
        {"aud": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"iat": "yesterday"},
    ],
    ids=str,
)
def test_an_identity_that_is_not_for_this_sign_in_opens_nothing(
    web: Web, bent: BentProvider, settings: Set, lie: dict[str, object]
) -> None:
    settings(bent.url, CREATE_AS="admin")
    bent.lies = lie
    browser = web.browser()

    answer = _back(browser, bent)

    assert answer.status_code == 502, answer.text
    assert "did not work" in answer.text
    assert _out(browser)
    assert people.listed(web.store) == ()


def test_an_identity_signed_by_somebody_else_opens_nothing(
    web: Web, bent: BentProvider, settings: Set
) -> None:
    settings(bent.url, CREATE_AS="admin")
    bent.signs_with = a_key("a thief")
    assert _back(web.browser(), bent).status_code == 502


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({"error": "invalid_client"}, 401),
        ({"error": "server_error"}, 500),
        ({"access_token": "t", "token_type": "Bearer"}, 200),
        ({"access_token": "t", "token_type": "Bearer", "id_token": "no token"}, 200),
        ({"access_token": "t", "token_type": "Bearer", "id_token": "e30.e30."}, 200),
        ({}, 200),
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_is_a_sentence(
    web: Web, bent: BentProvider, settings: Set, answers: dict[str, object], status: int
) -> None:
    settings(bent.url, CREATE_AS="admin")
    bent.answers, bent.status = answers, status

    answer = _back(web.browser(), bent)

    assert answer.status_code == 502
    assert "did not work" in answer.text
    assert people.listed(web.store) == ()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "ada@elsewhere.test"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "ada@example.org.evil.test"},
        {"email": None},
    ],
    ids=str,
)
def test_only_verified_addresses_of_the_domains_sign_in(
    web: Web, bent: BentProvider, settings: Set, claims: dict[str, object]
) -> None:
    settings(bent.url, CREATE_AS="annotator", DOMAINS="Example.org")
    bent.claims = claims

    answer = _back(web.browser(), bent)

    assert answer.status_code == 403
    assert "a verified e-mail address of example.org" in answer.text


SUBJECT = "248289761001"
WITHOUT_ADDRESS = {"email": None, "email_verified": None}


@pytest.mark.parametrize(
    ("tells", "status"),
    [
        ({"sub": SUBJECT, "email": "ada@example.org", "email_verified": True}, 303),
        ({"sub": SUBJECT, "email": "ada@example.org", "email_verified": "true"}, 403),
        ({"sub": SUBJECT, "email": "ada@evil.test", "email_verified": True}, 403),
        ({"sub": SUBJECT}, 403),
        ({"sub": "somebody else", "email": "ada@example.org", "email_verified": True}, 403),
        ({"email": "ada@example.org", "email_verified": True}, 403),
        ({}, 403),
        (None, 403),
    ],
    ids=str,
)
def test_an_address_that_is_told_on_request_counts_if_it_is_of_the_same_person(
    web: Web, bent: BentProvider, settings: Set, tells: dict[str, object] | None, status: int
) -> None:
    settings(bent.url, CREATE_AS="annotator", DOMAINS="example.org")
    bent.claims, bent.tells = WITHOUT_ADDRESS, tells

    answer = _back(web.browser(), bent)

    assert answer.status_code == status, answer.text
    assert [person.name for person in people.listed(web.store)] == ["ada"] * (status == 303)


@pytest.mark.parametrize(
    ("tells", "status", "why"),
    [
        ({"error": "server_error"}, 500, "does not answer"),
        ({"error": "invalid_token"}, 401, "does not answer"),
        (b"<html>", 200, "cannot be understood"),
        (b"null", 200, "cannot be understood"),
        (b"[1]", 200, "cannot be understood"),
        (b'"ada"', 200, "cannot be understood"),
        (b"\xff", 200, "cannot be understood"),
        (b"", 200, "cannot be understood"),
    ],
    ids=str,
)
def test_a_provider_that_cannot_tell_more_is_a_sentence(
    web: Web, bent: BentProvider, settings: Set, tells: object, status: int, why: str
) -> None:
    settings(bent.url, CREATE_AS="annotator")
    bent.claims, bent.tells, bent.telling = WITHOUT_ADDRESS, tells, status

    answer = _back(web.browser(), bent)

    assert (answer.status_code, why in answer.text) == (502, True), answer.text
    assert people.listed(web.store) == ()


def test_who_is_known_by_name_only_is_asked_about_no_more(
    web: Web, bent: BentProvider, settings: Set
) -> None:
    settings(bent.url, CREATE_AS="annotator", SCOPES="openid profile")
    bent.claims, bent.tells, bent.telling = WITHOUT_ADDRESS, {}, 500
    assert _back(web.browser(), bent).status_code == 303


def test_a_provider_that_is_down_is_a_sentence_and_the_password_still_works(
    web: Web, settings: Set
) -> None:
    settings(f"http://127.0.0.1:{free_port()}")
    web.person("Ada")
    browser = web.browser()

    answer = browser.get(START)

    assert answer.status_code == 502
    assert "it does not answer" in answer.text
    assert "sign in with your password" in answer.text
    form = {"name": "Ada", "password": PASSWORD}
    assert browser.post("/account/login", data=form).status_code == 303


def test_a_provider_that_goes_down_halfway_is_a_sentence(web: Web, settings: Set) -> None:
    running = Running()
    settings(running.provider.url, CREATE_AS="annotator")
    browser = web.browser()
    code, state = running.provider.code_for(browser.get(START).headers["location"])
    running.stop()

    answer = browser.get(CALLBACK, params={"code": code, "state": state})

    assert answer.status_code == 502
    assert "it does not answer" in answer.text


def test_sessions_by_a_provider_are_listed_and_ended_like_any(
    web: Web, honest: str, settings: Set
) -> None:
    settings(honest, CREATE_AS="annotator")
    browser = web.browser()
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
    _through(browser, honest, "ada")
    ada = people.get(web.store, "ada")

    (session,) = sessions.mine(web.store, ada, now=context.now())
    sessions.revoke(web.store, None, session.id, now=context.now())

    assert session.agent == "Firefox on Linux"
    assert _out(browser)


@pytest.mark.parametrize(
    "target", ["//evil.test", "https://evil.test", "/\\evil.test", "/account/logout"]
)
def test_the_way_back_leads_to_our_own_pages_only(
    web: Web, bent: BentProvider, settings: Set, target: str
) -> None:
    settings(bent.url, CREATE_AS="annotator")
    browser = web.browser()
    away = browser.get(START, params={"next": target}).headers["location"]
    code, state = bent.code_for(away)
    answer = browser.get(CALLBACK, params={"code": code, "state": state})
    assert answer.headers["location"] == "/"
