"""Plain HTML pages under /account: set up, sign in, join, change the password, sign out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, MlvajraError
from mlvajra_al.records import Person
from mlvajra_al.services import links, people, sessions
from mlvajra_al.services.credentials import PASSWORD_MIN
from mlvajra_al.web import html
from mlvajra_al.web.auth import COOKIE, LOGIN
from mlvajra_al.web.context import now, session_life, store

STATIC = Path(__file__).parent / "static"
FORM_LIMIT = 20_000
FRESH = {"Cache-Control": "max-age=3600"}
Form = Mapping[str, str]
Maker = Callable[..., Person]

SETUP_FIRST = (
    "Open the one-time setup link that was printed where the server was started. "
    "Starting it again with “mlvajra run” prints a new one."
)
DEAD_LINK = "It was used, withdrawn, or has expired. Ask an admin for a new one, or sign in."
CHANGED = "Other browsers where you were signed in have to sign in again."
SETUP_WORDS = "You are the first here. Choose your name and a password; you will be an admin."
JOIN_WORDS = "Somebody invited you. Choose your name and a password."


def routes() -> list[BaseRoute]:
    """Return the routes of this module."""
    both = ["GET", "POST"]
    return [
        Route("/account/login", login, methods=both),
        Route("/account/setup", setup, methods=both),
        Route("/account/join", join, methods=both),
        Route("/account/logout", logout, methods=both),
        Route("/account/password", password, methods=both),
        Route("/account/style.css", style),
        Route("/account/logo.png", logo),
    ]


async def style(_request: Request) -> Response:
    """Serve the style sheet of these pages."""
    return FileResponse(STATIC / "account.css", headers=FRESH)


async def logo(_request: Request) -> Response:
    """Serve the logo."""
    return FileResponse(STATIC / "logo.png", headers=FRESH)


async def login(request: Request) -> Response:
    """Ask for name and password; a right answer starts a session."""
    target = local_path(request.query_params.get("next", "/"))
    if request.method != "POST":
        if await run_in_threadpool(people.needs_setup, store()):
            return html.page("Nobody has an account yet", html.paragraph(SETUP_FIRST))
        return _login_page(target)
    form: Form = {}
    try:
        form = await read_form(request, "name", "password")
        return await _signed_in(request, form["name"], form["password"], target=target)
    except MlvajraError as error:
        return _login_page(target, error=error, name=form.get("name", ""))


def _login_page(target: str, *, error: MlvajraError | None = None, name: str = "") -> Response:
    fields = html.text_field("name", "Name", value=name, complete="username", focus=not name)
    fields += html.password_field(
        "password", "Password", complete="current-password", focus=bool(name)
    )
    action = f"{LOGIN}?next={quote(target, safe='')}"
    return _form_page("Sign in", action, fields, button="Sign in", error=error)


async def setup(request: Request) -> Response:
    """Make the first admin with the one-time link."""
    make = links.create_first_admin
    return await _take_up(request, "setup", "Set up mlvajra", SETUP_WORDS, make)


async def join(request: Request) -> Response:
    """Make an account with an invitation."""
    return await _take_up(request, "invite", "Join", JOIN_WORDS, links.join)


async def _take_up(
    request: Request, purpose: links.Purpose, title: str, words: str, make: Maker
) -> Response:
    token = request.query_params.get("token", "")
    role = await run_in_threadpool(links.link_role, store(), token, purpose=purpose, now=now())
    if role is None:
        body = html.paragraph(DEAD_LINK) + html.link(LOGIN, "Sign in")
        return html.page("This link does not work", body, status=410)
    form: Form = {}
    error: MlvajraError | None = None
    if request.method == "POST":
        try:
            form = await read_form(request, "name", "password", "again")
            check_repeat(form)
            name, secret = form["name"], form["password"]
            await run_in_threadpool(make, store(), token, name=name, password=secret, now=now())
            return await _signed_in(request, name.strip(), secret, target="/")
        except MlvajraError as problem:
            error = problem
    name = form.get("name", "")
    fields = html.text_field("name", "Your name", value=name, complete="username", focus=True)
    action = f"{request.url.path}?token={quote(token, safe='')}"
    return _form_page(
        title, action, fields + _new_password(), button="Create account", error=error, words=words
    )


async def logout(request: Request) -> Response:
    """End the session; by POST only, so that no link or image can do it."""
    if request.method != "POST":
        return _form_page("Sign out", "/account/logout", "", button="Sign out")
    session = request.scope["mlv.session"]
    if session is not None:
        await run_in_threadpool(sessions.sign_out, store(), session, now=now())
    response = RedirectResponse(LOGIN, status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


async def password(request: Request) -> Response:
    """Change one's own password; other sessions of this person end."""
    person: Person = request.scope["mlv.person"]
    back = html.link("/", "Back to mlvajra")
    error: MlvajraError | None = None
    if request.method == "POST":
        try:
            form = await read_form(request, "old", "password", "again")
            check_repeat(form)
            await run_in_threadpool(
                sessions.change_password,
                store(),
                person,
                old=form["old"],
                new=form["password"],
                keep=request.scope["mlv.session"],
                now=now(),
            )
            return html.page("Password changed", html.paragraph(CHANGED) + back)
        except MlvajraError as problem:
            error = problem
    # Password managers look for the name beside the new password.
    fields = (
        f'<input type="hidden" name="name" autocomplete="username" value="{escape(person.name)}">'
    )
    fields += html.password_field(
        "old", "Present password", complete="current-password", focus=True
    )
    form_html = html.form(
        "/account/password", fields + _new_password(), button="Change password", error=error
    )
    return html.page(
        "Change your password", form_html + back, status=error.status if error else 200
    )


def check_repeat(form: Form) -> None:
    """Refuse a new password that was not typed the same way twice.

    Raises
    ------
    Invalid
    """
    if form["password"] != form["again"]:
        raise Invalid("the two passwords differ; type the same one twice")


async def read_form(request: Request, *names: str) -> Form:
    """Return the named fields of a small form.

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


async def _signed_in(request: Request, name: str, secret: str, *, target: str) -> Response:
    """Start a new session, never an old one, and end the one this browser came with."""
    token = await run_in_threadpool(
        sessions.sign_in, store(), name, password=secret, now=now(), life=session_life()
    )
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


def _form_page(
    title: str,
    action: str,
    fields: str,
    *,
    button: str,
    error: MlvajraError | None = None,
    words: str = "",
) -> Response:
    intro = html.paragraph(words) if words else ""
    body = intro + html.form(action, fields, button=button, error=error)
    return html.page(title, body, status=error.status if error is not None else 200)


def _new_password() -> str:
    hint = f"At least {PASSWORD_MIN} characters."
    return html.password_field(
        "password", "New password", complete="new-password", hint=hint
    ) + html.password_field("again", "The same again", complete="new-password")
