"""The gate in front of everything: who asks, may they, and what browsers are told."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlvajra_al.errors import MlvajraError, NotAllowed, NotSignedIn
from mlvajra_al.records import Person, Role
from mlvajra_al.services import people
from mlvajra_al.web.context import now, store
from mlvajra_al.web.options import SESSION_HEADER

COOKIE = "mlv_session"
PREFIX = b"x-mlv-"
LOGIN = "/account/login"
PUBLIC = frozenset(
    {
        "/healthz",
        "/readyz",
        LOGIN,
        "/account/setup",
        "/account/join",
        "/account/logout",
        "/account/style.css",
        "/account/logo.png",
    }
)
MACHINERY = ("/_stcore/", "/static/", "/media/", "/component/")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Pure ASGI middleware: nobody passes without a session, but to the public paths.

    What it found out about the caller is in ``scope["mlv.person"]`` and ``scope["mlv.session"]``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or websocket through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kept = [(name, value) for name, value in scope["headers"] if not name.startswith(PREFIX)]
        person, session = await _caller(scope["path"], headers)
        if session is not None:
            kept.append((SESSION_HEADER.encode(), session.encode()))
        scope = {**scope, "headers": kept, "mlv.person": person, "mlv.session": session}
        refusal = _refusal(scope, headers, person)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not signed in"})
        else:
            await refusal(scope, receive, send)


async def _caller(path: str, headers: Headers) -> tuple[Person | None, str | None]:
    bearer = headers.get("authorization", "")
    if path.startswith(("/api/", "/metrics")) and bearer[:7].lower() == "bearer ":
        return await _known(bearer[7:].strip(), "token")
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return await _known(cookie, "browser") if cookie else (None, None)


async def _known(token: str, kind: str) -> tuple[Person | None, str | None]:
    session = people.digest(token)
    person = await run_in_threadpool(
        people.by_session, store(), session, kind=kind, now=now()
    )
    return person, session if person is not None else None


def _refusal(scope: Scope, headers: Headers, person: Person | None) -> Response | None:
    path, method = scope["path"], scope.get("method", "GET")
    unsafe = method not in SAFE or scope["type"] == "websocket"
    if unsafe and not headers.get("authorization") and not same_origin(headers):
        return _refused(path, NotAllowed("send this from another site", "this app's own pages"))
    if person is not None or path in PUBLIC:
        return None
    if method in ("GET", "HEAD") and not path.startswith(("/api/", "/metrics", *MACHINERY)):
        query = scope.get("query_string", b"").decode("latin-1")
        target = quote(path + ("?" + query if query else ""), safe="")
        return RedirectResponse(f"{LOGIN}?next={target}", status_code=303)
    return _refused(path, NotSignedIn())


def _refused(path: str, error: MlvajraError) -> Response:
    if path.startswith("/api/"):
        from mlvajra_al.web.api import error_response

        return error_response(error)
    return PlainTextResponse(str(error), status_code=error.status)


def same_origin(headers: Headers) -> bool:
    """Say whether a browser sends this from one of our own pages, or no browser sends it."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    return urlsplit(origin).netloc == headers.get("host")


def require_role(role: Role = "annotator") -> Person:
    """Return who is signed in; end the script with a sentence if nobody is, or not as this."""
    person = _signed_in()
    if person is None:
        st.warning("You are not signed in, or your session has ended. What you sent is stored.")
        st.html(f'<a href="{LOGIN}" target="_self">Sign in again</a>')
        st.stop()
    if not people.may(person, role):
        st.warning(f"This page is for {role}s. Ask an admin if you need it.")
        st.stop()
    return person


def _signed_in() -> Person | None:
    session = st.user.get("session")
    if not isinstance(session, str):
        return None
    return people.by_session(store(), session, kind="browser", now=now())
