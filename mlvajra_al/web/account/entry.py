"""Coming in and going out: set up, sign in, join, change the password, sign out."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Person
from mlvajra_al.services import links, people, sessions
from mlvajra_al.web import html
from mlvajra_al.web.account import provider
from mlvajra_al.web.account.forms import (
    Form,
    check_repeat,
    form_page,
    local_path,
    new_password,
    origin,
    read_form,
    started,
)
from mlvajra_al.web.auth import COOKIE, LOGIN
from mlvajra_al.web.context import now, session_life, store

STATIC = Path(__file__).parents[1] / "static"
FRESH = {"Cache-Control": "max-age=3600"}
Maker = Callable[..., Person]

SETUP_FIRST = (
    "Open the one-time setup link that was printed where the server was started. "
    "Starting it again with “mlvajra run” prints a new one."
)
DEAD_LINK = "It was used, withdrawn, or has expired. Ask an admin for a new one, or sign in."
CHANGED = "Other browsers where you were signed in have to sign in again, and your tokens ended."
SETUP_WORDS = "You are the first here. Choose your name and a password; you will be an admin."
SET_UP_ALREADY = "The first admin exists already; ask them for an invitation."
JOIN_WORDS = "Somebody invited you. Choose your name and a password."


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
        if not await run_in_threadpool(people.has_account, store()):
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
    body = html.form(action, fields, button="Sign in", error=error) + provider.button(target)
    return html.page("Sign in", body, status=error.status if error is not None else 200)


async def setup(request: Request) -> Response:
    """Make the first admin with the one-time link."""
    if request.method != "POST" and not await run_in_threadpool(people.needs_setup, store()):
        body = html.paragraph(SET_UP_ALREADY) + html.link(LOGIN, "Sign in")
        return html.page("This link does not work", body, status=410)
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
    return form_page(
        title, action, fields + new_password(), button="Create account", error=error, words=words
    )


async def logout(request: Request) -> Response:
    """End the session; by POST only, so that no link or image can do it."""
    if request.method != "POST":
        return form_page("Sign out", "/account/logout", "", button="Sign out")
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
        "/account/password", fields + new_password(), button="Change password", error=error
    )
    return html.page(
        "Change your password", form_html + back, status=error.status if error else 200
    )


async def _signed_in(request: Request, name: str, secret: str, *, target: str) -> Response:
    token = await run_in_threadpool(
        sessions.sign_in,
        store(),
        name,
        password=secret,
        now=now(),
        life=session_life(),
        origin=origin(request),
    )
    return await started(request, token, target=target)
