"""The gate in front of everything: who asks, may they, and what browsers are told."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec
from urllib.parse import quote, urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlvajra_al.config import settings
from mlvajra_al.errors import ForeignPage, MlvajraError, NotAllowed, NotSignedIn
from mlvajra_al.records import Person, Role, SignedIn
from mlvajra_al.services import credentials, people, sessions
from mlvajra_al.web.api.answers import error_response
from mlvajra_al.web.context import looked_up, now, store
from mlvajra_al.web.options import SESSION_HEADER
from mlvajra_al.web.probes import answered
from mlvajra_al.web.scopes import FOR_PROGRAMS, SAFE, by_bearer, needed
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.widgets import plain

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
RULES = (
    "default-src 'self'; script-src 'self' blob: {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""Components come as `blob:` modules; styles are written into elements by Streamlit itself."""


@cache
def content_policy() -> bytes:
    """Return the content security policy, with the inline scripts of the installed Streamlit."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    return RULES.format(scripts=" ".join(hashes(page))).encode()


def hashes(page: str) -> list[str]:
    """Return the sources that allow the inline scripts of a page, and no others.

    >>> hashes("<script>let a = 1</script><script src='b.js'></script>")
    ["'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='"]
    """
    found = (hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found]


P = ParamSpec("P")

COOKIE = "mlv_session"
TRUSTED_PREFIX = b"x-mlv-"
LOGIN = "/account/login"
FAILED = 500
"""From this status on an answer is a line in the log."""
log = logging.getLogger("mlvajra")
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
        "/account/oidc/start",
        "/account/oidc/callback",
    }
)
PROBES = frozenset({"/healthz", "/readyz"})
MACHINERY = ("/_stcore/", "/static/", "/media/", "/component/")
POLICY = b"content-security-policy"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


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
        headers, person, session = Headers(scope=scope), None, None
        told = _with_headers(send, scope["path"])
        try:
            signed, session = await _caller(scope["path"], headers)
            person = signed.person if signed is not None else None
            refusal = _refusal(scope, headers, signed)
        except MlvajraError as error:  # the database is away
            refusal = _refused(scope["path"], error)
        if refusal is None:
            await self.app(_trusted(scope, person, session), receive, told)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not signed in"})
        else:
            await refusal(scope, receive, told)


def _trusted(scope: Scope, person: Person | None, session: str | None) -> Scope:
    kept = [pair for pair in scope["headers"] if not pair[0].lower().startswith(TRUSTED_PREFIX)]
    if session is not None:
        kept.append((SESSION_HEADER.encode(), session.encode()))
    return {**scope, "headers": kept, "mlv.person": person, "mlv.session": session}


def _with_headers(send: Send, path: str) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered[message["status"]] += 1
            if message["status"] >= FAILED and path not in PROBES:
                log.warning("answered %d to %s", message["status"], quote(path))
            present = {name.lower() for name, _ in message["headers"]}
            own = (POLICY, content_policy()), *HEADERS
            added = [pair for pair in own if pair[0] not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return guarded


async def _caller(path: str, headers: Headers) -> tuple[SignedIn | None, str | None]:
    if path in PROBES:  # they must answer without a database
        return None, None
    if by_bearer(path, headers):
        return await _known(headers["authorization"][7:].strip(), "token")
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return await _known(cookie, "browser") if cookie else (None, None)


async def _known(token: str, kind: str) -> tuple[SignedIn | None, str | None]:
    session, at = credentials.digest(token), now()
    signed = await looked_up(sessions.by_session, store(), session, kind=kind, now=at)
    if signed is None:
        return None, None
    if sessions.unnoted(signed, now=at):
        await run_in_threadpool(sessions.note_seen, store(), signed.session_id, now=at)
    return signed, session


def _refusal(scope: Scope, headers: Headers, signed: SignedIn | None) -> Response | None:
    path, method = scope["path"], scope.get("method", "WEBSOCKET")
    if method not in SAFE and not by_bearer(path, headers) and not same_origin(headers):
        return _refused(path, _foreign(headers))
    if signed is not None:
        return _beyond_scope(path, method, signed)
    if path in PUBLIC:
        return None
    if method not in ("GET", "HEAD") or path.startswith((*FOR_PROGRAMS, *MACHINERY)):
        by_token = by_bearer(path, headers)
        nothing = COOKIE not in headers.get("cookie", "") and path.startswith(FOR_PROGRAMS)
        return _refused(path, NotSignedIn(by_token=by_token, nothing=nothing))
    query = scope.get("query_string", b"").decode("latin-1")
    target = quote(path + ("?" + query if query else ""), safe="")
    return RedirectResponse(f"{LOGIN}?next={target}", status_code=303)


def _foreign(headers: Headers) -> ForeignPage:
    scheme = "https" if settings().secure_cookies else "http"
    sent = headers.get("origin", f"{headers.get('sec-fetch-site')} address")
    return ForeignPage(sent, f"{scheme}://{headers.get('host', '')}")


def _beyond_scope(path: str, method: str, signed: SignedIn) -> Response | None:
    """Refuse what a token with limited scopes is not for."""
    scope = needed(method, path)
    if signed.scopes is None or scope in signed.scopes:
        return None
    return _refused(path, NotAllowed("do this", f"a token with the scope {scope!r}"))


def _refused(path: str, error: MlvajraError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, NotSignedIn) else None
    if path.startswith("/api/"):
        return error_response(error, headers=headers)
    return PlainTextResponse(str(error), status_code=error.status, headers=headers)


def same_origin(headers: Headers) -> bool:
    """Say whether a browser sends this from one of our own pages, or no browser sends it.

    Browsers name the origin of everything that could change something; programs need not.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    try:
        sent = urlsplit(origin)
    except ValueError:  # an address that never ends its bracket
        return False
    plain_where_tls_is_told = settings().secure_cookies and sent.scheme != "https"
    return sent.netloc == headers.get("host") and not plain_where_tls_is_told


def require_role(role: Role = "annotator") -> Person:
    """Return who is signed in; end the script with a sentence if nobody is, or not as this.

    Asks the database on every run: an open websocket outlives its session.
    """
    person = _signed_in()
    if person is None:
        st.warning("Your session has ended. What was shown as saved is saved.")
        st.html(f'<a href="{LOGIN}" target="_self">Sign in again</a>')
        st.stop()
    if not people.may(person, role):
        st.warning(f"This page is for {role}s. Ask an admin if you need it.")
        st.stop()
    return person


def live(
    role: Role = "annotator", *, every: float | None = None
) -> Callable[[Callable[Concatenate[Person, P], None]], Callable[P, None]]:
    """Make a fragment of what draws for a person, who is looked up anew for each of its runs.

    A fragment runs without the page around it, for as long as the websocket is open; `every` so
    many seconds, and when something in it is used.
    """
    return lambda draw: st.fragment(run_every=every)(_looked_up_anew(draw, role))


def dialog(
    title: str, role: Role
) -> Callable[[Callable[Concatenate[Person, P], None]], Callable[P, None]]:
    """Make a dialog of what draws for a person; it is a fragment, and lives on like one."""
    return lambda draw: st.dialog(title)(_looked_up_anew(draw, role))


def _looked_up_anew(draw: Callable[Concatenate[Person, P], None], role: Role) -> Callable[P, None]:
    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            draw(require_role(role), *args, **kwargs)
        except MlvajraError as error:
            st.warning(plain(sentence(error)))

    return drawn


def who_asks() -> Callable[[], Person]:
    """Return what tells who is signed in on this page when it is called, which no run may precede.

    A file that is made when it is asked for is asked for without a run of the page.
    """
    session = st.user.get("session")

    def told() -> Person:
        if (person := _of(session)) is None:
            raise NotSignedIn
        return person

    return told


def _signed_in() -> Person | None:
    return _of(st.user.get("session"))


def _of(session: object) -> Person | None:
    if not isinstance(session, str):
        return None
    signed = sessions.by_session(store(), session, kind="browser", now=now())
    return None if signed is None else signed.person
