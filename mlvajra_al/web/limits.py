"""What nobody may send: too much, too slowly, or to a name that is not ours."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
