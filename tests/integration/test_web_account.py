"""Set up, sign in, join, change the password: plain pages, and what they refuse."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from mlvajra_al.services import links, people, sessions
from mlvajra_al.services.credentials import digest
from mlvajra_al.web import context
from tests.integration.conftest import PASSWORD, Web

FIRST = {"name": "Grace", "password": PASSWORD, "again": PASSWORD}


def _setup_path(web: Web) -> str:
    return f"/account/setup?token={links.setup_link(web.store, context.now())}"


def _problem(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">(.*?)</p>', answer.text)
    assert found, answer.text
    return found[1]


def test_the_setup_link_makes_the_first_admin_and_signs_in(web: Web) -> None:
    browser = web.browser()
    path = _setup_path(web)
    assert "you will be an admin" in browser.get(path).text

    answer = browser.post(path, data=FIRST)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert browser.get("/echo").status_code == 200
    assert people.get(web.store, "grace").role == "admin"


def test_the_setup_link_works_once(web: Web) -> None:
    path = _setup_path(web)
    web.browser().post(path, data=FIRST)

    again = web.browser().post(path, data=FIRST | {"name": "Mallory"})

    assert again.status_code == 410
    assert "does not work" in again.text
    assert [person.name for person in people.listed(web.store)] == ["Grace"]


def test_the_setup_link_says_that_an_admin_was_made_meanwhile(web: Web) -> None:
    path = _setup_path(web)
    web.person("Ada", "admin")

    answer = web.browser().get(path)

    assert answer.status_code == 410
    assert "The first admin exists already" in answer.text
    assert "you will be an admin" not in answer.text


def test_a_newer_setup_link_withdraws_the_older(web: Web) -> None:
    older, newer = _setup_path(web), _setup_path(web)

    assert web.browser().get(older).status_code == 410
    assert web.browser().get(newer).status_code == 200


def test_the_first_setup_wins_when_two_are_open(web: Web) -> None:
    path = _setup_path(web)
    people.ensure_admin(web.store, PASSWORD, now=context.now())

    answer = web.browser().post(path, data=FIRST)

    assert answer.status_code == 409
    assert "has been made already" in _problem(answer)


def test_without_an_account_the_login_page_says_what_to_do(web: Web) -> None:
    assert "setup link" in web.browser().get("/account/login").text


def test_who_has_an_account_signs_in_though_there_is_no_admin_yet(web: Web) -> None:
    web.person("Ada")
    page = web.browser().get("/account/login").text
    assert "Nobody has an account yet" not in page and 'name="password"' in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"password": "short", "again": "short"}, "has 5 characters; use at least 8"),
        ({"again": "something else"}, "The two passwords differ"),
        ({"name": "  "}, "printable characters"),
    ],
)
def test_a_bad_choice_is_refused_with_a_sentence_and_the_link_stays_good(
    web: Web, form: dict[str, str], words: str
) -> None:
    path = _setup_path(web)

    answer = web.browser().post(path, data=FIRST | form)

    assert answer.status_code == 422
    assert words in answer.text
    assert PASSWORD not in answer.text
    assert web.browser().get(path).status_code == 200


def test_the_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(web: Web) -> None:
    web.person("Ada")
    form = {"name": "Ada", "password": PASSWORD}

    cookie = web.browser().post("/account/login", data=form).headers["set-cookie"].lower()

    assert cookie.startswith("mlv_session=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie


def test_behind_tls_the_cookie_is_for_https_only(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlvajra_al.config import settings

    monkeypatch.setenv("MLVAJRA_SECURE_COOKIES", "true")
    settings.cache_clear()
    web.person("Ada")
    form = {"name": "Ada", "password": PASSWORD}

    answer = web.browser().post("/account/login", data=form)

    assert "secure" in answer.headers["set-cookie"].lower()


def test_signing_in_starts_a_new_session_and_ends_the_old_one(web: Web) -> None:
    browser = web.signed_in("Ada")
    old = browser.cookies["mlv_session"]

    browser.post("/account/login", data={"name": "Ada", "password": PASSWORD})

    assert browser.cookies["mlv_session"] != old
    assert sessions.by_session(web.store, digest(old), kind="browser", now=context.now()) is None


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/annotate?project=spam", "/annotate?project=spam"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test/", "/"),
        ("/account/logout", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
    ],
)
def test_after_signing_in_one_lands_on_a_page_of_ours(web: Web, wanted: str, location: str) -> None:
    web.person("Ada")
    form = {"name": "ada", "password": PASSWORD}

    answer = web.browser().post("/account/login", params={"next": wanted}, data=form)

    assert answer.status_code == 303
    assert answer.headers["location"] == location


def test_a_wrong_password_and_an_unknown_name_read_the_same(web: Web) -> None:
    web.person("Ada")
    answers = [
        web.browser().post("/account/login", data={"name": name, "password": "wrong password"})
        for name in ("Ada", "Nobody")
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert {_problem(answer) for answer in answers} == {
        "The name or the password is wrong; try again."
    }


def test_after_ten_failures_a_name_has_to_wait_even_with_the_right_password(web: Web) -> None:
    web.person("Ada")
    web.person("Grace")
    browser = web.browser()
    wrong = {"name": "Ada", "password": "wrong password"}
    seen = [browser.post("/account/login", data=wrong).status_code for _ in range(11)]

    right = browser.post("/account/login", data={"name": "ADA", "password": PASSWORD})

    assert seen == [422] * 10 + [429]
    assert right.status_code == 429
    assert "wait 300 seconds" in _problem(right)
    other = browser.post("/account/login", data={"name": "Grace", "password": PASSWORD})
    assert other.status_code == 303
    later = context.now() + sessions.ATTEMPT_WINDOW + timedelta(seconds=1)
    assert sessions.sign_in(web.store, "Ada", password=PASSWORD, now=later, life=timedelta(days=1))


def test_a_good_sign_in_forgets_the_failures_before_it(web: Web) -> None:
    web.person("Ada")
    browser = web.browser()
    for _ in range(9):
        browser.post("/account/login", data={"name": "Ada", "password": "wrong password"})

    first = browser.post("/account/login", data={"name": "Ada", "password": PASSWORD})
    wrong = browser.post("/account/login", data={"name": "Ada", "password": "wrong password"})

    assert (first.status_code, wrong.status_code) == (303, 422)


def test_names_are_shown_as_text_never_as_html(web: Web) -> None:
    name = '"><script>alert(1)</script>'

    answer = web.browser().post("/account/login", data={"name": name, "password": "wrong"})

    assert "<script>" not in answer.text
    assert "&quot;&gt;&lt;script&gt;" in answer.text


@pytest.mark.parametrize("body", [b"", b"name=Ada", b"name=Ada&password=" + b"x" * 30_000])
def test_a_form_that_is_none_is_refused_with_a_sentence(web: Web, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = web.browser().post("/account/login", content=body, headers=headers)

    assert answer.status_code == 422
    assert "fill it in again" in _problem(answer)


def test_nobody_signs_in_as_a_person_without_password(web: Web) -> None:
    people.add(web.store, None, name="robot", role="admin", password=None, now=context.now())

    for password in ("", "None", "robot"):
        answer = web.browser().post("/account/login", data={"name": "robot", "password": password})
        assert "set-cookie" not in answer.headers


def test_an_invitation_gives_its_role_once(web: Web) -> None:
    admin = web.person("Ada", "admin")
    token = links.invite(web.store, admin, role="reviewer", now=context.now())
    browser = web.browser()

    joined = browser.post(f"/account/join?token={token}", data=FIRST)
    again = web.browser().post(f"/account/join?token={token}", data=FIRST | {"name": "Eve"})

    assert (joined.status_code, again.status_code) == (303, 410)
    assert people.get(web.store, "Grace").role == "reviewer"


def test_an_invitation_is_no_setup_link(web: Web) -> None:
    token = links.invite(web.store, None, role="annotator", now=context.now())

    assert web.browser().get(f"/account/setup?token={token}").status_code == 410


def test_a_taken_name_is_refused_in_whatever_case(web: Web) -> None:
    web.person("grace")
    token = links.invite(web.store, None, role="annotator", now=context.now())

    answer = web.browser().post(f"/account/join?token={token}", data=FIRST)

    assert answer.status_code == 409
    assert "choose another name" in _problem(answer)
    assert web.browser().get(f"/account/join?token={token}").status_code == 200


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(web: Web) -> None:
    here = web.signed_in("Ada")
    elsewhere = web.browser()
    elsewhere.post("/account/login", data={"name": "Ada", "password": PASSWORD})
    form = {"old": PASSWORD, "password": "a new password", "again": "a new password"}

    answer = here.post("/account/password", data=form)

    assert answer.status_code == 200
    assert "Password changed" in answer.text
    assert here.get("/echo").status_code == 200
    assert elsewhere.get("/echo").status_code == 303
    old = web.browser().post("/account/login", data={"name": "Ada", "password": PASSWORD})
    assert old.status_code == 422


def test_the_password_changes_only_for_who_knows_the_present_one(web: Web) -> None:
    browser = web.signed_in("Ada")
    form = {"old": "wrong password", "password": "a new password", "again": "a new password"}

    answer = browser.post("/account/password", data=form)

    assert answer.status_code == 422
    assert "present password is wrong" in _problem(answer)


def test_signing_out_takes_a_post(web: Web) -> None:
    browser = web.signed_in("Ada")

    assert "Sign out" in browser.get("/account/logout").text
    assert browser.get("/echo").status_code == 200
