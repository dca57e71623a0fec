"""What nobody may send: too much, too slowly, in too long a head, or to a name that is not ours."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlvajra_al.config import settings
from mlvajra_al.web.api.answers import http_error

BODY_LIMIT = 4 * 2**20
"""A thousand answers with the longest comments fit; files have routes and a limit of their own."""
BODY_SECONDS = 60
FILES = ("/uploads", "/import", "/predict/file")
"""How the routes end that take a file; they check who asks before they read."""
MEMORY_UPLOADS = "/_stcore/upload_file"
"""Streamlit keeps what is sent there in memory; none of our pages uses it."""


class Limits:
    """Pure ASGI middleware behind the gate: bodies are short and arrive in time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or websocket through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = _refusal(scope["path"], Headers(scope=scope))
        if refusal is None:
            short = scope["type"] == "http" and not takes_file(scope["path"])
            await self.app(scope, _bounded(receive) if short else receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            await refusal(scope, receive, send)


def takes_file(path: str) -> bool:
    """Say whether a route reads a file from its body, piece by piece."""
    return path.startswith("/api/v1/") and path.endswith(FILES)


def _refusal(path: str, headers: Headers) -> Response | None:
    host = headers.get("host", "")
    if not known_host(host):
        words = f"this server does not answer to {host[:100]!r}; an admin can add the name to "
        return _refused(path, 421, words + "MLVAJRA_ALLOWED_HOSTS")
    if path.startswith(MEMORY_UPLOADS):
        return _refused(path, 404, "files are sent to /api/v1/uploads, not here")
    declared = headers.get("content-length", "0")
    if not takes_file(path) and (not declared.isdigit() or int(declared[:20]) > BODY_LIMIT):
        return _refused(path, 413, _too_long())
    return None


def _refused(path: str, status: int, message: str) -> Response:
    if path.startswith("/api/"):
        return http_error(status, message)
    return PlainTextResponse(message, status_code=status)


def _too_long() -> str:
    return f"the request is longer than {BODY_LIMIT:,} bytes; send less at a time"


def _bounded(receive: Receive) -> Receive:
    """Return `receive` for a body that must be short and come soon; an error ends the request."""
    size, complete, deadline = 0, False, asyncio.get_running_loop().time() + BODY_SECONDS

    async def bounded() -> Message:
        nonlocal size, complete
        if complete:  # what comes now is that the client has gone
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            words = f"the request took longer than {BODY_SECONDS} s to arrive; send it again"
            raise HTTPException(408, words, headers={"Connection": "close"}) from error
        size += len(message.get("body", b""))
        if size > BODY_LIMIT:
            raise HTTPException(413, _too_long())
        complete = not message.get("more_body", False)
        return message

    return bounded


def known_host(host: str) -> bool:
    """Say whether a request may name this host.

    On a server that only this machine can reach, a name that is neither an address nor
    "localhost" comes from a page that had its own name point here (DNS rebinding).
    """
    current = settings()
    return not host or _known(host, current.host, current.allowed_hosts, current.secure_cookies)


@lru_cache(maxsize=256)
def _known(host: str, listening: str, allowed: str, behind_tls: bool) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or _address(name) is not None:
        return True
    names = [item.strip().lower() for item in allowed.split(",") if item.strip()]
    if names:
        return name in names
    return behind_tls or not _local(listening)


def _local(listening: str) -> bool:
    address = _address(listening)
    return listening == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


HEAD_LIMIT = 64 * 1024
HEAD_SECONDS = 20
REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
)
WORDS = f"the address and the headers are longer than {HEAD_LIMIT:,} bytes; send less\n".encode()


class BoundedHead(HttpToolsProtocol):
    """Closes a connection whose first line and headers are too long, or take too long to come.

    The parser keeps a head in memory until it is complete, however long it is. The same goes for
    what may stand between and after the pieces of a body (extensions and trailers of a chunked
    one), and for a body that goes on coming after its answer.
    """

    _head = 0
    _in_head = True
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the head of the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not complete."""
        if self._in_head and self._waiting is None:
            self._wait()
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_LIMIT and not self.transport.is_closing():
            self._stop_waiting()
            if self._in_head:
                self.transport.write(REFUSED % (len(WORDS), WORDS))
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what stands in the head; trailers say nothing to anybody here."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the request: its head is here."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which others count."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of another request."""
        self._in_head, self._head = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the end of a request that is answered already."""
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self._stop_waiting()
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._head = 0
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
