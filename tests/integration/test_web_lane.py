"""The short way answers as the API does, and leaves to the API what it finds amiss."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from mlvajra_al.records import Person
from mlvajra_al.web import context
from mlvajra_al.web.api import labelling
from mlvajra_al.web.lane import Lane
from tests.factories import NOW, a_project, rank
from tests.integration.conftest import Web

P = "/api/v1/projects/spam"
JSON = {"content-type": "application/json"}
GRACE = Person(1, "Grace", "annotator", NOW, None)


@pytest.fixture
def grace(web: Web) -> httpx.Client:
    """An annotator's browser, with a project of eight samples."""
    rank(web.store, a_project(web.store), 8)
    return web.signed_in("Grace")


def an_event(**more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "sample_key": "p0",
        "action": "answer",
        "label": "ham",
    } | more


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("claims", b'{"n": 2}', "application/json"),
        ("claims", b'{"n": 2}', "application/json; charset=utf-8"),
        ("claims", b"", "application/json"),
        ("claims", b"null", "application/json"),
        ("claims", b"{}", "application/json"),
        ("claims", b'{"n": 2, "person": "Grace"}', "application/json"),
    ],
    ids=["short way", "other content type", "no body", "null", "nothing said", "person"],
)
def test_samples_are_handed_out_whichever_way_a_claim_goes(
    grace: httpx.Client, path: str, body: bytes, content_type: str
) -> None:
    answer = grace.post(f"{P}/{path}", content=body, headers={"content-type": content_type})
    assert answer.status_code == 200
    assert len(answer.json()) in (2, 6)
    assert {*answer.json()[0]} == {"claim_id", "sample_key", "card", "lease_until", "why"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


AMISS: dict[str, tuple[str, Any, int, str]] = {
    "half a body": ("claims", b"{", 422, "json"),
    "a word for a number": ("claims", {"n": "many"}, 422, "n: input should be a valid integer"),
    "an unknown field": ("claims", {"m": 1}, 422, "m: extra inputs are not permitted"),
    "too many claims": ("claims", {"n": 21}, 422, "asked for 21 claims at once; ask for 1 to 20"),
    "no claims": ("claims", {"n": 0}, 422, "asked for 0 claims at once; ask for 1 to 20"),
    "a claim of somebody else": ("claims", {"person": "Bob"}, 409, "Bob"),
    "no answers": ("annotations", [], 422, "at least 1 item"),
    "no list": ("annotations", {}, 422, "list"),
    "no text": ("annotations", b"\xff\xfe", 422, ""),
    "an unknown label": ("annotations", [an_event(label="eggs")], 422, "'eggs' is not a label"),
    "an unknown action": ("annotations", [an_event(action="shrug")], 422, "0.action"),
    "an unknown sample": ("annotations", [an_event(sample_key="x")], 404, "'x'"),
    "an answer of somebody else": ("annotations", [an_event(person="Bob")], 409, "Bob"),
    "negative time": ("annotations", [an_event(elapsed_ms=-1)], 422, "elapsed_ms"),
    "too many answers": ("annotations", [an_event()] * 1_001, 422, "1000"),
    "a label with a skip": ("annotations", [an_event(action="skip")], 422, "carries no label"),
    "a long comment": ("annotations", [an_event(comment="x" * 2_001)], 422, "shorten it to 2000"),
    "an empty event": ("annotations", [an_event(event_id="")], 422, "1 to 64 characters"),
    "a long event": ("annotations", [an_event(event_id="x" * 65)], 422, "1 to 64 characters"),
    "nothing to take back": (
        "annotations",
        [an_event(action="retract", label=None)],
        422,
        "no answer of yours",
    ),
}


@pytest.mark.parametrize(("path", "body", "status", "words"), AMISS.values(), ids=AMISS)
def test_what_is_amiss_is_said_in_one_sentence(
    grace: httpx.Client, path: str, body: Any, status: int, words: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = grace.post(f"{P}/{path}", content=content, headers=JSON)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert {*error} == {"type", "message", "detail"}
    assert words.lower() in error["message"].lower()


@pytest.mark.parametrize("path", ["claims", "annotations"])
def test_a_body_that_is_no_json_is_called_that(grace: httpx.Client, path: str) -> None:
    answer = grace.post(f"{P}/{path}", content=b"nonsense", headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith("the body is no JSON; send")


def test_an_answer_is_stored_once_whichever_way_it_is_sent(grace: httpx.Client) -> None:
    event = an_event()
    short = grace.post(f"{P}/annotations", json=[event])
    body = json.dumps([event]).encode()
    long = grace.post(
        f"{P}/annotations", content=body, headers={"content-type": "application/json;charset=utf-8"}
    )
    assert (short.status_code, long.status_code) == (201, 201)
    assert [item["repeat"] for item in (*short.json(), *long.json())] == [False, True]


@pytest.mark.parametrize("path", ["claims", "annotations"])
@pytest.mark.parametrize("name", ["nothing", "spam%2Fmore", "..", "sp am", "spam%00"])
def test_a_project_that_is_not_there_is_not_found(
    grace: httpx.Client, path: str, name: str
) -> None:
    body = [an_event()] if path == "annotations" else {"n": 1}
    answer = grace.post(f"/api/v1/projects/{name}/{path}", json=body)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["claims", "annotations"])
def test_nobody_passes_without_a_session(web: Web, grace: httpx.Client, path: str) -> None:
    body = [an_event()] if path == "annotations" else {"n": 1}
    assert grace.post(f"{P}/claims", json={"n": 1}).status_code == 200
    assert web.browser().post(f"{P}/{path}", json=body).status_code == 401


def test_a_session_that_ends_between_two_answers_ends_at_once(
    web: Web, grace: httpx.Client
) -> None:
    assert grace.post(f"{P}/annotations", json=[an_event()]).status_code == 201
    cookie = grace.cookies["mlv_session"]
    grace.post("/account/logout")
    replay = web.browser()
    replay.cookies.set("mlv_session", cookie)
    assert replay.post(f"{P}/annotations", json=[an_event()]).status_code == 401


async def _passed_on(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    start: Message = {"type": "http.response.start", "status": 299, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _through_the_lane(person: Person | None, method: str, path: str, body: bytes) -> httpx.Response:
    lane = Lane(_passed_on)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await lane({**scope, "mlv.person": person}, receive, send)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path, content=body, headers=JSON)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "path", "person", "body"),
    [
        ("GET", f"{P}/claims", GRACE, b""),
        ("DELETE", f"{P}/claims", GRACE, b'{"claims": []}'),
        ("POST", f"{P}/claims/heartbeat", GRACE, b"{}"),
        ("POST", f"{P}/labels", GRACE, b"{}"),
        ("POST", "/api/v1/projects/a/b/claims", GRACE, b"{}"),
        ("POST", f"{P}/claims/", GRACE, b"{}"),
        ("POST", f"{P}/claims", None, b"{}"),
        ("POST", f"{P}/claims", GRACE, b'{"n": "x"}'),
        ("POST", f"{P}/annotations", GRACE, b'[{"event_id": 1}]'),
    ],
)
def test_everything_else_is_passed_on_whole(
    method: str, path: str, person: Person | None, body: bytes
) -> None:
    answer = _through_the_lane(person, method, path, body)
    assert (answer.status_code, answer.content) == (299, body)


def test_a_mistake_of_ours_is_a_number_and_not_a_traceback(
    grace: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_asked: Any, **_named: Any) -> None:
        raise RuntimeError("secret path /etc")

    monkeypatch.setattr(labelling.claiming, "handing_out", broken)
    answer = grace.post(f"{P}/claims", json={"n": 1})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["type"] == "Internal"


def test_a_body_that_never_ends_is_refused_by_its_length(grace: httpx.Client) -> None:
    many = b'[{"comment": "' + b"x" * (5 * 2**20) + b'"}]'
    answer = grace.post(f"{P}/annotations", content=many, headers=JSON)
    assert answer.status_code == 413
    pieces = (many[start : start + 2**16] for start in range(0, len(many), 2**16))
    try:
        answer = grace.post(f"{P}/annotations", content=pieces, headers=JSON)
    except httpx.WriteError:  # the server has hung up in the middle of it
        return
    assert answer.status_code == 413


def test_the_store_is_that_of_the_process(web: Web) -> None:
    assert context.store() is web.store
    assert web.store.writer is not None
