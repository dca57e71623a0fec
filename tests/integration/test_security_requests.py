"""What a hostile client may send over the wire, and the short answer it gets."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import httpx
import psutil
import pytest
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mlvajra_al.config import settings
from mlvajra_al.records import Person
from mlvajra_al.services import credentials, people
from mlvajra_al.web import context, limits
from mlvajra_al.web.auth import same_origin
from tests.integration.conftest import PASSWORD, Web, serving_in

MB = 2**20
NEW = {"name": "spam", "labels": ["ham", "spam"], "text": ["body"]}
P = "/api/v1/projects/spam"
FORGED = {
    "x-mlv-session": "0" * 64,
    "x-mlv-person": "admin",
    "X-Forwarded-User": "admin",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "127.0.0.1",
    "X-Original-URL": "/account/login",
    "X-Rewrite-URL": "/account/login",
    "Forwarded": "for=127.0.0.1;host=localhost",
    "Remote-User": "admin",
    "X-Remote-User": "admin",
    "X-Auth-Request-User": "admin",
    "X-Streamlit-User": "admin",
    "X-Goog-Authenticated-User-Email": "admin",
    "X-Ms-Client-Principal-Name": "admin",
    "Cookie": "_streamlit_user=admin; mlv_session=; x-mlv-session=admin",
    "Authorization": "Basic YWRtaW46YWRtaW4=",
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One server for all of these: none of them leaves anything behind."""
    with serving_in(tmp_path_factory.mktemp("workspace")) as running:
        yield running


@pytest.fixture(scope="module")
def program(web: Web) -> httpx.Client:
    """An admin's program, with a project that has no pool."""
    client = web.program("Ada", "admin")
    assert client.post("/api/v1/projects", json=NEW).status_code == 201
    return client


@pytest.fixture(scope="module")
def browser(web: Web) -> httpx.Client:
    """Somebody's browser, signed in."""
    return web.signed_in("Grace")


def raw(web: Web, sent: bytes, *, seconds: float = 10) -> bytes:
    """Send bytes over a connection of their own; return what comes back until it is closed."""
    host, port = web.host.split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        with suppress(ConnectionError):  # it may be closed already
            connection.sendall(sent)
        found = b""
        while not found.endswith(b"\n") or b"\r\n\r\n" not in found:
            try:
                piece = connection.recv(65_536)
            except (TimeoutError, ConnectionError):
                break
            if not piece:
                break
            found += piece
            if _complete(found):
                break
    return found


def _complete(found: bytes) -> bool:
    head, _, body = found.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    return bool(lengths) and len(body) >= lengths[0]


def status(answer: bytes) -> int:
    """Return the status of a raw answer; 0 where the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def head(web: Web, line: str, *more: str) -> bytes:
    """Return a first line with a host and more headers, as sent."""
    return "\r\n".join([line, f"Host: {web.host}", *more, "", ""]).encode("latin-1")


def bearer(client: httpx.Client) -> str:
    """Return the header a program signs in with."""
    return f"Authorization: {client.headers['Authorization']}"


# Who asks


@pytest.mark.parametrize("path", ["/echo", "/api/v1/projects", "/metrics", "/_stcore/health"])
def test_no_header_of_a_client_signs_anybody_in(web: Web, path: str) -> None:
    together = web.browser().get(path, headers=FORGED)
    each = [web.browser().get(path, headers={name: FORGED[name]}) for name in list(FORGED)[:4]]

    assert {answer.status_code for answer in [together, *each]} <= {303, 401}


def test_the_only_identity_that_reaches_a_page_is_the_gates(
    web: Web, browser: httpx.Client
) -> None:
    forged = {name: value for name, value in FORGED.items() if name != "Cookie"}

    got = browser.get("/echo", headers=forged | {"X-Mlv-Session": "two", "x-MLV-other": "1"}).json()

    ours = [pair for pair in got["headers"] if pair[0].startswith("x-mlv-")]
    assert ours == [["x-mlv-session", credentials.digest(browser.cookies["mlv_session"])]]


# From where


@pytest.mark.parametrize(
    ("origin", "site", "status_code"),
    [
        (None, None, 200),
        (None, "none", 200),
        (None, "same-origin", 200),
        (None, "same-site", 403),
        (None, "cross-site", 403),
        (None, "SAME-ORIGIN", 403),
        (None, "anything", 403),
        ("{url}", "same-origin", 200),
        ("{url}", "cross-site", 200),
        ("{url}/", None, 200),
        ("{url}:80", None, 403),
        ("http://localhost", None, 403),
        ("http://{host}@evil.test", None, 403),
        ("http://evil.test/{host}", None, 403),
        ("http://evil.test#{host}", None, 403),
        ("null", None, 403),
        ("", None, 403),
        ("file://", None, 403),
        ("http://[::1", None, 403),
        ("javascript:alert(1)", None, 403),
    ],
)
def test_only_our_own_pages_change_something_with_a_cookie(
    web: Web, browser: httpx.Client, origin: str | None, site: str | None, status_code: int
) -> None:
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    if origin is not None:
        headers["Origin"] = origin.format(url=web.url, host=web.host)

    assert browser.post("/echo", headers=headers).status_code == status_code


@pytest.mark.parametrize(("scheme", "good"), [("https", True), ("http", False), ("ws", False)])
def test_behind_tls_a_page_without_it_is_another_site(
    monkeypatch: pytest.MonkeyPatch, scheme: str, good: bool
) -> None:
    monkeypatch.setenv("MLVAJRA_SECURE_COOKIES", "true")
    settings.cache_clear()
    sent = Headers({"origin": f"{scheme}://label.test", "host": "label.test"})

    assert same_origin(sent) is good


@pytest.mark.parametrize("path", ["/account/login", "/account/logout", "/account/password"])
def test_no_other_site_signs_anybody_in_or_out(web: Web, browser: httpx.Client, path: str) -> None:
    form = {"name": "Ada", "password": PASSWORD, "old": PASSWORD, "again": PASSWORD}

    answer = browser.post(path, data=form, headers={"Origin": "http://evil.test"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert browser.get("/echo").status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://127.0.0.1:1", "https://{host}.evil.test"]
)
def test_no_other_site_opens_a_websocket(web: Web, browser: httpx.Client, origin: str) -> None:
    headers = {"Cookie": f"mlv_session={browser.cookies['mlv_session']}"}

    with pytest.raises(InvalidStatus, match="403"):
        connect(
            f"ws://{web.host}/_stcore/stream",
            additional_headers=headers,
            origin=origin.format(host=web.host),  # type: ignore[arg-type]
        ).close()


@pytest.mark.parametrize(
    ("host", "status_code"),
    [
        ("127.0.0.1:8501", 200),
        ("localhost", 200),
        ("[::1]:8501", 200),
        ("192.168.1.7", 200),
        ("evil.test", 421),
        ("evil.test:8501", 421),
        ("localhost.evil.test", 421),
        ("127.0.0.1.evil.test", 421),
        ("[::1", 421),
        ("a" * 300, 421),
    ],
)
def test_a_name_that_was_made_to_point_here_is_not_answered(
    web: Web, host: str, status_code: int
) -> None:
    answer = web.browser().get("/account/login", headers={"Host": host})

    assert answer.status_code == status_code
    if status_code == 421:
        assert answer.text.startswith("this server does not answer to ")
        assert answer.text.endswith("an admin can add the name to MLVAJRA_ALLOWED_HOSTS")


def test_a_websocket_under_another_name_is_closed(web: Web, browser: httpx.Client) -> None:
    sent = [
        "Host: evil.test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Cookie: mlv_session={browser.cookies['mlv_session']}",
    ]

    answer = raw(web, "\r\n".join(["GET /_stcore/stream HTTP/1.1", *sent, "", ""]).encode())

    assert status(answer) == 403


@pytest.mark.parametrize(
    ("variables", "host", "known"),
    [
        ({"MLVAJRA_ALLOWED_HOSTS": "label.test, LABEL.corp"}, "label.corp:443", True),
        ({"MLVAJRA_ALLOWED_HOSTS": "label.test"}, "evil.test", False),
        ({"MLVAJRA_ALLOWED_HOSTS": "label.test"}, "127.0.0.1", True),
        ({"MLVAJRA_SECURE_COOKIES": "true"}, "label.test", True),
        ({"MLVAJRA_SECURE_COOKIES": "true", "MLVAJRA_ALLOWED_HOSTS": "a.test"}, "b.test", False),
        ({"MLVAJRA_HOST": "192.168.1.7"}, "lab-server", True),
        ({"MLVAJRA_HOST": "::1"}, "lab-server", False),
        ({"MLVAJRA_HOST": "localhost"}, "lab-server", False),
        ({"MLVAJRA_HOST": "lab-server"}, "lab-server", True),
        ({}, "", True),
    ],
)
def test_an_admin_says_which_names_are_ours(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str, known: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()

    assert limits.known_host(host) is known


# How


def test_methods_that_no_route_takes_change_nothing(web: Web, program: httpx.Client) -> None:
    found = {
        method: program.request(method, P).status_code
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
    }

    assert found == dict.fromkeys(found, 405)
    allowed = [program.put(path).headers["allow"] for path in (P, f"{P}/claims")]
    assert allowed == ["GET, HEAD", "DELETE, POST"]
    assert program.get(P).status_code == 200


def test_strangers_get_no_allowed_methods_and_no_echo(web: Web) -> None:
    for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        answer = web.browser().request(method, "/echo", headers={"X-Secret": "please repeat"})
        assert answer.status_code in (400, 401), method
        assert "please repeat" not in answer.text
        assert "access-control-allow-origin" not in answer.headers


def test_no_header_or_field_turns_one_method_into_another(web: Web, program: httpx.Client) -> None:
    override = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method": "DELETE"}

    assert program.get(f"{P}/claims?_method=DELETE", headers=override).status_code == 405
    assert program.post(f"{P}/claims?_method=DELETE", headers=override, json={}).json() == []


# How much


def test_a_body_of_ten_megabytes_is_refused_by_its_length_alone(
    web: Web, program: httpx.Client
) -> None:
    begun = head(
        web,
        f"POST {P}/claims HTTP/1.1",
        bearer(program),
        f"Content-Length: {10 * MB}",
        "Content-Type: application/json",
    )

    answer = raw(web, begun)  # not a byte of the body is sent

    assert status(answer) == 413
    assert b"the request is longer than 4,194,304 bytes; send less at a time" in answer


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_long(
    web: Web, program: httpx.Client
) -> None:

    def pieces() -> Iterator[bytes]:
        for _ in range(80):
            yield b" " * 2**16

    answer = program.post(f"{P}/claims", content=pieces())

    assert answer.status_code == 413
    assert answer.json()["error"]["message"].endswith("send less at a time")


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999", "+5", "0x10", "many"])
def test_a_length_that_is_none_is_refused(web: Web, program: httpx.Client, length: str) -> None:
    sent = head(web, f"POST {P}/claims HTTP/1.1", bearer(program), f"Content-Length: {length}")

    assert status(raw(web, sent)) in (400, 413)


def test_an_upload_is_refused_before_it_is_sent_to_who_may_not_import(web: Web) -> None:
    program = web.program("Wilma")
    form = "Content-Type: multipart/form-data; boundary=x"
    for path in ("/api/v1/uploads?name=a.csv", f"{P}/import", f"{P}/predict/file"):
        sent = head(web, f"POST {path} HTTP/1.1", bearer(program), form, "Content-Length: 99999999")
        assert status(raw(web, sent)) in (403, 404), path


@pytest.mark.parametrize(
    ("name", "end", "answered"),
    [
        ("Ulla", partial(people.set_role, role="reviewer"), 403),
        ("Una", people.disable, 401),
    ],
)
def test_who_may_import_no_more_once_all_is_sent_leaves_nothing(
    web: Web, program: httpx.Client, name: str, end: Callable[..., Person], answered: int
) -> None:
    somebody, folder = web.program(name, "admin"), web.store.home / "uploads"
    before = set(folder.glob("*"))

    def body() -> Iterator[bytes]:
        yield b"body\n"
        end(web.store, None, name=name, now=context.now())
        yield b"hi\n"

    answer = somebody.post("/api/v1/uploads", params={"name": "a.csv"}, content=body())

    assert answer.status_code == answered, answer.text
    assert set(folder.glob("*")) == before


def test_the_upload_that_keeps_files_in_memory_is_closed(web: Web, browser: httpx.Client) -> None:

    for method in ("PUT", "DELETE", "OPTIONS"):
        answer = browser.request(method, "/_stcore/upload_file/session/file", content=b"x")
        assert answer.status_code == 404, method
        assert answer.text == "files are sent to /api/v1/uploads, not here"


def test_a_hundred_thousand_fields_are_refused_and_take_no_memory(
    web: Web, program: httpx.Client
) -> None:
    stranger = web.browser()
    many = {f"field {n}": n for n in range(100_000)}
    form = "&".join(f"f{n}=1" for n in range(100_000)).encode()
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n1\r\n' for n in range(100_000)
    )
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    as_parts = {"Content-Type": "multipart/form-data; boundary=x"}
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss

    answers = [
        program.post("/api/v1/projects", json=NEW | many),
        program.post(f"{P}/jobs", json={"kind": "retrain"} | many),
        stranger.post("/account/login", content=form, headers=as_form),
        program.post(f"{P}/import", content=parts.encode() + b"--x--\r\n", headers=as_parts),
        program.get(f"{P}/annotations?" + "&".join("a=1" for _ in range(5_000))),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 200]
    assert all(len(answer.content) < 10_000 for answer in answers)
    assert process.memory_info().rss - before < 150 * MB


@pytest.mark.parametrize("depth", [100, 300, 1_000, 100_000])
@pytest.mark.parametrize("kind", ["array", "object"])
def test_nesting_as_deep_as_it_may_be_is_refused_with_a_sentence(
    web: Web, program: httpx.Client, depth: int, kind: str
) -> None:
    start, end = ("[", "]") if kind == "array" else ('{"a":', "}")
    nested = start * depth + "1" + end * depth
    as_json = {"Content-Type": "application/json"}

    answers = [
        program.post(f"{P}/claims", content=nested, headers=as_json),
        program.post(f"{P}/annotations", content=nested, headers=as_json),
        program.post(f"{P}/predict", content=f'{{"rows":[{{"body":{nested}}}]}}', headers=as_json),
    ]

    for answer in answers:
        assert 400 <= answer.status_code < 500, answer.text
        assert len(answer.text) < 5_000
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("GET /" + "a" * 100_000 + " HTTP/1.1", []),
        ("GET /?" + "a" * 100_000 + " HTTP/1.1", []),
        ("GET /healthz HTTP/1.1", ["X-Long: " + "a" * 100_000]),
        ("GET /healthz HTTP/1.1", [f"X-{n}: 1" for n in range(20_000)]),
        ("GET /healthz HTTP/1.1", ["Cookie: " + "; ".join(f"c{n}=1" for n in range(20_000))]),
    ],
)
def test_a_head_that_is_too_long_is_cut_off(web: Web, line: str, headers: list[str]) -> None:
    unfinished = head(web, line, *headers)[: limits.HEAD_LIMIT + 200]

    answer = raw(web, unfinished)

    assert status(answer) == 431
    assert b"longer than 65,536 bytes; send less" in answer


def test_a_head_just_within_the_limit_is_read_and_the_connection_goes_on(web: Web) -> None:
    client = web.browser()
    padding = {"X-Long": "a" * (limits.HEAD_LIMIT - 2_000)}

    assert [client.get("/healthz", headers=padding).status_code for _ in "abc"] == [200] * 3


def test_who_is_slow_with_the_head_is_shown_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.05)

    assert raw(web, b"GET /healthz HTT") == b""
    assert raw(web, b"") == b""


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"0\r\n", b"X-Trailer: " + b"y" * 8_000 + b"\r\n"),
        (b"0\r\nX-Trailer: ", b"y" * 8_000),
        (b"1;extension=", b"y" * 8_000),
    ],
    ids=["trailers", "one trailer", "an extension of a piece"],
)
@pytest.mark.parametrize("path", ["/account/login", "/healthz", f"{P}/claims"])
def test_what_comes_around_a_body_is_cut_off_when_it_never_ends(
    web: Web, path: str, start: bytes, piece: bytes
) -> None:
    host, port = web.host.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head(web, f"POST {path} HTTP/1.1", CHUNKED) + start)
        with pytest.raises(ConnectionError):
            for _ in range(4_000):  # 32 MB
                connection.sendall(piece)


def test_trailers_are_read_and_forgotten(web: Web, program: httpx.Client) -> None:
    trailers = b"0\r\nCookie: none\r\nX-Mlv-Session: forged\r\n\r\n"
    as_json = "Content-Type: application/json"
    start = head(web, f"POST {P}/claims HTTP/1.1", bearer(program), CHUNKED, as_json)

    assert status(raw(web, start + b'7\r\n{"n":1}\r\n' + trailers)) == 200


def test_who_is_slow_with_the_rest_after_the_answer_is_shown_out(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.05)
    host, port = web.host.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head(web, f"POST {P}/claims HTTP/1.1", "Content-Length: 10") + b"{")
        assert status(connection.recv(65_536)) == 401
        with suppress(ConnectionError):
            connection.sendall(b" ")
            assert connection.recv(65_536) == b""


def test_who_is_slow_with_the_body_is_told(
    web: Web, program: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    sent = head(web, f"POST {P}/claims HTTP/1.1", bearer(program), "Content-Length: 10") + b'{"n"'

    answer = raw(web, sent)

    assert status(answer) == 408
    assert b"took longer than 0.05 s to arrive" in answer


# What


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xfe{}", "application/json"),
        (b'{"n": \xc3\x28}', "application/json"),
        (b"{'n': 1}", "application/json"),
        (b'{"n": 1', "application/json"),
        (b"", "application/json"),
        (b"n=1", "application/x-www-form-urlencoded"),
        (b"<n>1</n>", "application/xml"),
        (b'{"n": 1}', "text/plain"),
        (b'{"n": 1}', "application/json; charset=utf-7"),
        (gzip.compress(b'{"n": 1}', mtime=0), "application/json"),
        (b'{"n": 1e400}', "application/json"),
        (b'{"n": NaN}', "application/json"),
        (b'{"n": 99999999999999999999999999}', "application/json"),
        (b'{"n": "\\ud83d"}', "application/json"),
    ],
)
def test_what_is_no_json_gets_a_sentence(
    web: Web, program: httpx.Client, content: bytes, kind: str
) -> None:

    answer = program.post(f"{P}/jobs", content=content, headers={"Content-Type": kind})

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]


def test_nothing_that_is_sent_is_unpacked(web: Web, program: httpx.Client) -> None:
    bomb = gzip.compress(b" " * (50 * MB))
    before = time.process_time()

    answer = program.post(
        f"{P}/claims",
        content=bomb,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )

    assert 400 <= answer.status_code < 500
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    "rows",
    [
        [{"body": 2**70}],
        [{"body": float("inf")}],
        [{"body": float("nan")}],
        [{"body": "\ud83d"}],
        [{"body": "a\x00b"}],
        [{"\ud83d": "x"}],
        [{"": ""}],
        [{"body": {"a": [1, {"b": None}]}}],
        [{f"c{n}": n for n in range(20_000)}],
        [],
        [{}] * 1_001,
    ],
)
def test_odd_rows_are_taken_or_refused_but_break_nothing(
    web: Web, program: httpx.Client, rows: list[object]
) -> None:

    answer = program.post(
        f"{P}/predict",
        content=json.dumps({"rows": rows}),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code in (409, 422), answer.text


# Where


TRAVERSALS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "%2fetc%2fpasswd",
    "C%3a%5cwindows%5cwin.ini",
    "%00",
    "spam%00.csv",
    "%c0%ae%c0%ae%2fetc%2fpasswd",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8fetc%ef%bc%8fpasswd",
    "~root",
    "a" * 5_000,
    "%ff%fe",
]
PLACES = [
    "/api/v1/projects/{}",
    "/api/v1/projects/{}/labels",
    "/api/v1/projects/spam/versions/{}",
    "/api/v1/projects/spam/versions/1/explanation?sample_key={}",
    "/api/v1/jobs/{}",
    "/api/v1/jobs/{}/file",
    "/account/{}",
    "/static/{}",
    "/media/{}",
    "/component/{}",
]


def test_no_name_leads_out_of_its_place(web: Web, program: httpx.Client) -> None:

    for place in PLACES:
        for name in TRAVERSALS:
            sent = head(web, f"GET {place.format(name)} HTTP/1.1", bearer(program))
            answer = raw(web, sent)
            assert status(answer) in (303, 400, 401, 404, 422), (place, name, answer[:200])
            assert b"root:" not in answer


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../evil.csv", "evil.csv"),
        ("/etc/cron.d/evil.csv", "evil.csv"),
        ("..\\..\\evil.csv", "evil.csv"),
        ("C:\\evil.csv", "evil.csv"),
        (".hidden.csv", "hidden.csv"),
        ("a\x00b.csv", "a_b.csv"),
        ("..", "upload"),
        ("....csv", "csv"),
        ("line\r\nbreak.csv", "line__break.csv"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("=cmd|'/c calc'!A1.csv", "c calc__A1.csv"),
        ("<img src=x onerror=alert(1)>.csv", "_img src_x onerror_alert(1)_.csv"),
        ("\u202egnp.csv", "_gnp.csv"),
    ],
)
def test_an_uploaded_file_is_kept_in_a_folder_of_its_own_under_a_plain_name(
    web: Web, program: httpx.Client, name: str, kept: str
) -> None:

    answer = program.post("/api/v1/uploads", params={"name": name}, content=b"body\nhi\n")

    assert answer.status_code == 201, answer.text
    folder, plain = answer.json()["upload"].split("/")
    assert plain == answer.json()["name"] == kept
    assert [path.name for path in (web.store.home / "uploads" / folder).iterdir()] == [kept]


def test_the_name_a_form_gives_its_file_is_as_harmless(web: Web, program: httpx.Client) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; '
        b'filename="../../../../tmp/evil.csv"\r\n\r\nbody\nhi\n\r\n--x--\r\n'
    )

    answer = program.post(
        "/api/v1/uploads", content=form, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert answer.json()["name"] == "evil.csv"


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/account/login", False),
        ("/api/v1/projects", True),
        ("/api/docs", True),
        ("/metrics", True),
    ],
)
def test_no_answer_is_kept_by_a_browser_or_a_proxy(
    web: Web, program: httpx.Client, path: str, secret: bool
) -> None:
    client = program if secret else web.browser()
    headers = client.get(path).headers

    assert headers["cache-control"] == "no-store"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_refusals_carry_the_same_headers_as_answers(web: Web) -> None:
    stranger = web.browser()
    refused = [
        stranger.get("/echo"),
        stranger.get("/api/v1/projects"),
        stranger.post("/echo", headers={"Origin": "http://evil.test"}),
        stranger.get("/account/login", headers={"Host": "evil.test"}),
        stranger.post("/account/login", content=b"x" * 5 * MB),
    ]

    assert [answer.status_code for answer in refused] == [303, 401, 403, 421, 413]
    for answer in refused:
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    ["", "spam\nham", "a/b", "..", ".hidden", "-x", "a\x00b", "<b>", "=1+1", "7", "x" * 65]
    + ["a\\b", "spam\u202e", "a\tb", "`id`", "$(id)", "a;b", "%2e%2e", "a?b", "a#b"],
)
def test_a_project_has_a_name_that_is_safe_in_addresses_files_and_tables(
    program: httpx.Client, name: str
) -> None:
    answer = program.post("/api/v1/projects", json=NEW | {"name": name})

    assert answer.status_code == 422
    said = answer.json()["error"]["message"]
    assert "a project's name" in said and "64 letters" in said
