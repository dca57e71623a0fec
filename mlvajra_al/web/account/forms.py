"""What the pages under /account share: reading forms, drawing them, starting a session."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, MlvajraError
from mlvajra_al.records import Origin
from mlvajra_al.services import sessions
from mlvajra_al.services.credentials import PASSWORD_MIN
from mlvajra_al.web import html
from mlvajra_al.web.account.devices import device
from mlvajra_al.web.auth import COOKIE
from mlvajra_al.web.context import now, session_life, store

FORM_LIMIT = 20_000
Form = Mapping[str, str]


def check_repeat(form: Form) -> None:
    """Refuse a new password that was not typed the same way twice.

    Raises
    ------
    Invalid
    """
    if form["password"] != form["again"]:
        raise Invalid("the two passwords differ; type the same one twice")


async def read_form(request: Request, *names: str, several: str = "") -> dict[str, str]:
    """Return the named fields of a small form; what is given `several` times, joined by spaces.

    Raises
    ------
    Invalid
        If one is missing, or the form is much too long.
    """
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > FORM_LIMIT:
        raise Invalid(f"the form is longer than {FORM_LIMIT} bytes; fill it in again")
    async with request.form(max_files=0, max_fields=10) as sent:
        form = {name: value for name in names if isinstance(value := sent.get(name), str)}
        if several:
            form[several] = " ".join(v for v in sent.getlist(several) if isinstance(v, str))
    missing = [name for name in names if name not in form]
    if missing:
        raise Invalid(f"the form came without {missing[0]!r}; fill it in again")
    return form


def local_path(target: str) -> str:
    """Return `target` if it is a page of this app, else the start page.

    >>> local_path("/annotate?project=spam"), local_path("//evil.example"), local_path("/account/")
    ('/annotate?project=spam', '/', '/')
    """
    good = target.startswith("/") and not target.startswith(("//", "/\\", "/account/"))
    return target if good and target.isprintable() else "/"


def origin(request: Request) -> Origin:
    """Return where a request comes from, as far as it can be told."""
    address = request.client.host if request.client else ""
    return Origin(address[:64], device(request.headers.get("user-agent", "")))


async def started(request: Request, token: str, *, target: str) -> Response:
    """Go on with a new session, never an old one; end the one this browser came with."""
    if request.scope["mlv.session"] is not None:
        await run_in_threadpool(sessions.sign_out, store(), request.scope["mlv.session"], now=now())
    response = RedirectResponse(target, status_code=303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(session_life().total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings().secure_cookies,
    )
    return response


def form_page(
    title: str,
    action: str,
    fields: str,
    *,
    button: str,
    error: MlvajraError | None = None,
    words: str = "",
) -> Response:
    """Return a page with one form on it, and what was wrong the last time."""
    intro = html.paragraph(words) if words else ""
    body = intro + html.form(action, fields, button=button, error=error)
    return html.page(title, body, status=error.status if error is not None else 200)


def new_password() -> str:
    """Return the fields for a new password."""
    hint = f"At least {PASSWORD_MIN} characters."
    return html.password_field(
        "password", "New password", complete="new-password", hint=hint
    ) + html.password_field("again", "The same again", complete="new-password")
