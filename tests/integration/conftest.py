"""Our routes behind our gate, in this process, on a real workspace, over real HTTP."""

from __future__ import annotations

import asyncio
import atexit
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
import psycopg
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.web.server.starlette.starlette_app import create_streamlit_middleware

from mlvajra_al.config import settings
from mlvajra_al.records import Person, Role
from mlvajra_al.services import people, tokens
from mlvajra_al.services.restoring import Place
from mlvajra_al.store.database import Store
from mlvajra_al.web import context, edge
from mlvajra_al.web.api.answers import Json

PASSWORD = "correct horse battery staple"
BOXES = "0" * 32 + "/boxes.csv"


async def _echo(request: Request) -> Response:
    return Json({"headers": request.headers.items()})


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"session": websocket.headers.get("x-mlv-session")})
    await websocket.close()


@dataclass
class Web:
    """What a test of the edge needs: the store, people, browsers."""

    store: Store
    host: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the routes answer."""
        return f"http://{self.host}"

    def browser(self) -> httpx.Client:
        """Return a client with its own cookies, which follows no redirects by itself."""
        client = httpx.Client(base_url=self.url, timeout=30, verify=_trust())
        self.clients.append(client)
        return client

    def person(self, name: str, role: Role = "annotator") -> Person:
        """Store a person with a password."""
        return people.add(
            self.store, None, name=name, role=role, password=PASSWORD, now=context.now()
        )

    def signed_in(self, name: str, role: Role = "annotator") -> httpx.Client:
        """Return the browser of a new person who has signed in by the form."""
        self.person(name, role)
        browser = self.browser()
        answer = browser.post("/account/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    def program(self, name: str, role: Role = "annotator") -> httpx.Client:
        """Return the client of a new person's program, with a bearer token."""
        self.person(name, role)
        token = tokens.create(
            self.store, None, name=name, grant=tokens.Grant("test"), now=context.now()
        )
        client = self.browser()
        client.headers["Authorization"] = f"Bearer {token}"
        return client


def _application() -> Starlette:
    ours = [
        *edge.routes(),
        Route("/echo", _echo, methods=["GET", "POST"]),
        WebSocketRoute("/_stcore/stream", _socket),
    ]
    # As st.App stacks them: Streamlit's own, among them its session, between ours and the routes.
    return Starlette(routes=ours, middleware=edge.middleware() + create_streamlit_middleware())


@cache
def _trust() -> ssl.SSLContext:
    """Read once what each client would read anew."""
    return ssl.create_default_context()


@pytest.fixture
def web(begun: Path) -> Iterator[Web]:
    """The web edge on an empty SQLite workspace."""
    with serving() as running:
        yield running


class _Server(uvicorn.Server):
    """Serves one application after the other, because starting and stopping takes its time."""

    application: Starlette

    def __init__(self) -> None:
        super().__init__(
            uvicorn.Config(
                self._current, interface="asgi3", lifespan="off", log_config=None, **edge.SERVER
            )
        )
        listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{listening.getsockname()[1]}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self.run, args=[[listening]], daemon=True)
        self._thread.start()
        while not self.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.001)
        atexit.register(self._end)

    async def _current(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def hang_up(self) -> None:
        """End all connections, and return when nothing is being done any more."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._shut)
        deadline = time.monotonic() + 10
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > deadline:
                return
            time.sleep(0.001)

    def _shut(self) -> None:
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def _end(self) -> None:
        # A test may have pointed logging at a stream that is closed by now.
        logging.disable()
        self.should_exit = True
        self._thread.join()


_server = cache(_Server)


@contextmanager
def serving() -> Iterator[Web]:
    """Serve the workspace that MLVAJRA_HOME names, in this process."""
    server = _server()
    server.application = _application()
    running = Web(context.store(), server.host)
    yield running
    for client in running.clients:
        client.close()
    server.hang_up()
    context.close()


@contextmanager
def serving_in(home: Path) -> Iterator[Web]:
    """Serve a workspace for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLVAJRA_HOME", str(home))
        settings.cache_clear()
        with serving() as running:
            yield running


@pytest.fixture
def server_url(postgresql: str) -> Iterator[str]:
    """Another empty PostgreSQL database than the one of the store."""
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE other")
        try:
            yield f"{postgresql}/other"
        finally:
            admin.execute("DROP DATABASE other WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where nothing is yet, on either database."""
    home = tmp_path / "target"
    if request.param == "sqlite":
        return Place(home, f"sqlite:///{home / 'mlvajra.db'}")
    return Place(home, request.getfixturevalue("server_url"))


@pytest.fixture
def boxes(store: Store) -> Path:
    """An upload of 60 boxes of two kinds."""
    path = store.home / "uploads" / BOXES
    path.parent.mkdir(parents=True)
    rows = [f"{n % 7},{n % 11 + 4 * (n % 2)},{'tall' if n % 2 else 'flat'}\n" for n in range(60)]
    path.write_text("width,height,kind\n" + "".join(rows))
    return path
