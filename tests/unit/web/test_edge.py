"""Start, errors in pages, and what the server is started with."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send
from streamlit.testing.v1 import AppTest

from mlvajra_al.errors import Conflict, Setup
from mlvajra_al.web import auth, edge
from mlvajra_al.web.limits import BoundedHead


async def _check() -> None:
    edge.check_loop()


def test_without_the_fast_loop_the_server_says_how_to_start_it() -> None:
    with pytest.raises(Setup, match=r"runs on asyncio.*start it with: python app.py"):
        asyncio.run(_check())


def test_with_the_fast_loop_the_server_starts() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_check())


def test_without_the_packages_of_the_fast_loop_their_names_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge, "find_spec", lambda name: None)
    with pytest.raises(Setup, match=r"pip install 'streamlit\[performance\]'"):
        asyncio.run(_check())


def test_heads_are_bounded_and_the_server_does_not_name_itself() -> None:
    assert edge.SERVER["http"] is BoundedHead
    assert edge.SERVER["server_header"] is False


async def _told_at_the_start(error: Exception) -> str:
    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        raise error
        yield

    app = Starlette(middleware=[Middleware(edge.Start)], lifespan=lifespan)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        await app({"type": "lifespan", "state": {}}, receive, send)
    except ZeroDivisionError:
        sent.append(None)
    assert [message and message["type"] for message in sent[:1]] == ["lifespan.startup.failed"]
    return f"{sent[0]['message']}{' and raised' if len(sent) > 1 else ''}"


def test_why_the_server_cannot_start_is_one_sentence_where_it_is_known() -> None:
    assert asyncio.run(_told_at_the_start(Setup("there is no disk"))) == "mlvajra: there is no disk"
    told = asyncio.run(_told_at_the_start(ZeroDivisionError("a mistake of ours")))
    assert "Traceback" in told and told.endswith("a mistake of ours\n and raised")


def _fails(error: object) -> None:
    from mlvajra_al.web import edge

    edge.on_script_error(error)  # type: ignore[arg-type]


def test_an_error_of_ours_is_shown_as_its_sentence_and_never_as_markdown() -> None:
    page = AppTest.from_function(
        _fails, args=(Conflict("the name *x* is taken; choose another"),), default_timeout=30
    )

    assert page.run().error[0].value == r"The name \*x\* is taken; choose another\."


def test_any_other_error_is_a_number_for_the_admin_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="mlvajra"):
        page = AppTest.from_function(
            _fails, args=(ValueError("secret inside"),), default_timeout=30
        ).run()

    shown = page.error[0].value
    number = re.search(r"the number ([0-9a-f]{8})\.", shown)
    assert number
    assert "secret inside" not in shown
    assert f"error {number[1]} in a page: ValueError('secret inside')" in caplog.text


def test_an_address_makes_one_line_of_the_log_whatever_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})

    async def nothing(*_: object) -> None:
        return None

    path = "/healthz/\nworker | all is well\x1b[2J"
    scope = {"type": "http", "path": path, "method": "GET", "headers": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "_refusal", lambda *_: None)
        asyncio.run(auth.Gate(app)(scope, nothing, nothing))  # type: ignore[arg-type]
    assert caplog.messages == ["answered 503 to /healthz/%0Aworker%20%7C%20all%20is%20well%1B%5B2J"]
