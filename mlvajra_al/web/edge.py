"""What stands round the pages: routes, middleware, start and stop, errors, the server itself."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

import streamlit as st
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlvajra_al.config import settings, unknown
from mlvajra_al.errors import MlvajraError, Setup
from mlvajra_al.services import links, people
from mlvajra_al.services.listening import SUPERVISED, address, free_port
from mlvajra_al.web import context, probes
from mlvajra_al.web.account import routing as account
from mlvajra_al.web.api import application
from mlvajra_al.web.auth import Gate
from mlvajra_al.web.lane import Lane
from mlvajra_al.web.limits import BoundedHead, Limits
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.widgets import plain

HEAVY = ("pandas", "pyarrow", "plotly.graph_objects", "plotly.io")
"""Loaded before the garbage collector is told to forget what is there."""
SERVER: dict[str, Any] = {
    "loop": "uvloop",
    "http": BoundedHead,
    "ws": "websockets-sansio",
    "access_log": False,
    "server_header": False,
}

SERVED_AT: ContextVar[str] = ContextVar("where `serve` listens", default="")

log = logging.getLogger("mlvajra")


def routes() -> list[BaseRoute]:
    """Return every route of ours; Streamlit serves the rest."""
    home = Route("/home", _home)
    return [home, *account.routes(), *probes.routes(), *application.routes()]


async def _home(request: Request) -> Response:
    """Send to the start page: Streamlit serves its first page there, and there only."""
    query = request.url.query
    return RedirectResponse("/" + (f"?{query}" if query else ""), status_code=307)


def middleware() -> list[Middleware]:
    """Return what every request and websocket passes first."""
    return [Middleware(Start), Middleware(Gate), Middleware(Limits), Middleware(Lane)]


class Start:
    """Pure ASGI middleware: why the server cannot start is said in a sentence, if we know why."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let everything through, but for the traceback that Starlette ends a start with."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        failed: list[Message] = []

        async def hold(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)
            else:
                await send(message)

        try:
            await self.app(scope, receive, hold)
        except MlvajraError as error:
            if not failed:
                raise
            failed = [{**failed[0], "message": f"mlvajra: {error}"}]
        finally:
            for message in failed:
                await send(message)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Open the store, load what pages draw with, and spare it from the garbage collector.

    A full collection runs after every script run; walking pandas and plotly was most of its cost.
    """
    check_loop()
    await run_in_threadpool(_open)
    await run_in_threadpool(_greet, SERVED_AT.get())
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        context.close()


def _open() -> None:
    password = settings().admin_password
    if password is not None:
        people.ensure_admin(context.store(), password.get_secret_value(), now=context.now())
    context.store()


def _greet(address: str) -> None:
    """Say where to go, where nobody else does, and what is set for nothing."""
    if os.environ.get(SUPERVISED):
        return
    for stranger in unknown():
        sys.stderr.write(f"mlvajra: {stranger}\n")
    if not people.needs_setup(context.store()):
        text = f"Open {address} to sign in.\n" if address else ""
    else:
        path = f"/account/setup?token={links.setup_link(context.store(), context.now())}"
        where = f"{address}{path}" if address else f"{path} at the address of this server"
        text = f"Open {where} to set up the first account.\n"
    sys.stdout.write(text)
    sys.stdout.flush()


def check_loop() -> None:
    """Refuse to start without uvloop: every request would wait 40 ms.

    Raises
    ------
    Setup
    """
    if find_spec("uvloop") is None or find_spec("httptools") is None:
        raise Setup(
            "uvloop and httptools are not installed, and without them every answer waits 40 ms; "
            "run: pip install 'streamlit[performance]'"
        )
    loop = type(asyncio.get_running_loop())
    if not loop.__module__.startswith("uvloop"):
        raise Setup(
            f"the server runs on {loop.__module__}, but needs uvloop; start it with: python app.py"
        )


def on_script_error(error: Exception) -> bool:
    """Show a calm sentence with a number; the log has the traceback beside that number."""
    if isinstance(error, MlvajraError):
        st.error(plain(sentence(error)))
        return True
    number = secrets.token_hex(4)
    # Streamlit itself logs the traceback, just before this line.
    log.error("error %s in a page: %r", number, error)
    st.error(
        f"Something went wrong on this page; what you saved is safe. Reload the page, and if it "
        f"happens again tell an admin the number {number}."
    )
    return True


def serve(app: ASGIApp) -> None:
    """Run the app at the address and port of the settings until it is stopped."""
    try:
        current = settings()
        port = free_port(current.host, current.port)
        SERVED_AT.set(address(current.host, port))
        uvicorn.run(
            app,
            host=current.host,
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=150,  # proxies end theirs sooner: none sends to one that is closing
            **SERVER,
        )
    except MlvajraError as error:
        sys.exit(f"mlvajra: {error}")
