"""Plain HTML pages under /account: set up, sign in, join, change the password, sign out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, MlvajraError
from mlvajra_al.records import Person
from mlvajra_al.services import people
from mlvajra_al.web.auth import COOKIE, LOGIN
from mlvajra_al.web.context import now, session_life, store

STATIC = Path(__file__).parent / "static"
FORM_LIMIT = 20_000
Form = Mapping[str, str]
Handler = Callable[[Request], Awaitable[Response]]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · mlvajra</title>
<link rel="icon" href="/account/logo.png">
<link rel="stylesheet" href="/account/style.css">
</head>
<body>
<main>
<header><img src="/account/logo.png" alt="" width="44" height="44"><span>mlvajra</span></header>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def routes() -> list[BaseRoute]:
    """Return the routes of this module."""
    return [
        Route("/account/login", login, methods=["GET", "POST"]),
        Route("/account/setup", setup, methods=["GET", "POST"]),
        Route("/account/join", join, methods=["GET", "POST"]),
        Route("/account/logout", logout, methods=["GET", "POST"]),
        Route("/account/password", password, methods=["GET", "POST"]),
        Route("/account/style.css", style, methods=["GET"]),
        Route("/account/logo.png", logo, methods=["GET"]),
    ]


async def style(_request: Request) -> Response:
    """Serve the style sheet of these pages."""
    return FileResponse(STATIC / "account.css", headers={"Cache-Control": "max-age=3600"})


async def logo(_request: Request) -> Response:
    """Serve the logo."""
    return FileResponse(STATIC / "logo.png", headers={"Cache-Control": "max-age=3600"})


async def login(request: Request) -> Response:
    """Ask for name and password; a right answer starts a session."""
    target = local_path(request.query_params.get("next", "/"))
    if request.method != "POST":
        if await run_in_threadpool(people.needs_setup, store()):
            return _page("Nobody has an account yet", _paragraph(SETUP_FIRST))
        return _login_page(target)
    form: Form = {}
    try:
        form = await read_form(request, "name", "password")
        token = await run_in_threadpool(
            people.sign_in,
            store(),
            form["name"],
            password=form["password"],
            now=now(),
            life=session_life(),
        )
    except MlvajraError as error:
        return _login_page(target, error=error, name=form.get("name", ""))
    return _signed_in(token, target)


SETUP_FIRST = (
    "Open the one-time setup link that was printed where the server was started, "
    "or run “mlvajra user add” there."
)


def _login_page(target: str, *, error: MlvajraError | None = None, name: str = "") -> Response:
    fields = _field("name", "Name", value=name, complete="username", focus=not name)
    fields += _field("password", "Password", kind="password", complete="current-password",
                     focus=bool(name))
    action = f"{LOGIN}?next={quote(target, safe='')}"
    return _page("Sign in", _form(action, fields, "Sign in", error), error=error)


async def setup(request: Request) -> Response:
    """Make the first admin with the one-time link."""
    return await _take_up(
        request,
        "setup",
        title="Set up mlvajra",
        words="You are the first here. Choose your name and a password: you will be an admin.",
        make=people.create_first_admin,
    )


async def join(request: Request) -> Response:
    """Make an account with an invitation."""
    return await _take_up(
        request,
        "invite",
        title="Join",
        words="Somebody invited you. Choose your name and a password.",
        make=people.join,
    )


async def _take_up(
    request: Request,
    purpose: people.Purpose,
    *,
    title: str,
    words: str,
    make: Callable[..., Person],
) -> Response:
    token = request.query_params.get("token", "")
    role = await run_in_threadpool(
        people.link_role, store(), token, purpose=purpose, now=now()
    )
    if role is None:
        return _page("This link does not work", _paragraph(DEAD_LINK) + SIGN_IN_LINK, status=410)
    form: Form = {}
    error: MlvajraError | None = None
    if request.method == "POST":
        try:
            form = await read_form(request, "name", "password", "again")
            check_repeat(form["password"], form["again"])
            return await _made(make, token, form)
        except MlvajraError as problem:
            error = problem
    fields = _field("name", "Your name", value=form.get("name", ""), complete="username", focus=True)
    fields += _new_password_fields()
    action = f"{request.url.path}?token={quote(token, safe='')}"
    return _page(title, _paragraph(words) + _form(action, fields, "Create account", error), error=error)


DEAD_LINK = "It was used, withdrawn, or has expired. Ask an admin for a new one, or sign in."
SIGN_IN_LINK = f'<p><a href="{LOGIN}">Sign in</a></p>'


async def _made(make: Callable[..., Person], token: str, form: Form) -> Response:
    name, secret = form["name"], form["password"]
    await run_in_threadpool(make, store(), token, name=name, password=secret, now=now())
    session = await run_in_threadpool(
        people.sign_in, store(), name.strip(), password=secret, now=now(), life=session_life()
    )
    return _signed_in(session, "/")


async def logout(request: Request) -> Response:
    """End the session; by POST only, so that no link or image can do it."""
    if request.method != "POST":
        return _page("Sign out", _form("/account/logout", "", "Sign out", None))
    session = request.scope["mlv.session"]
    if session is not None:
        await run_in_threadpool(people.sign_out, store(), session, now=now())
    response = RedirectResponse(LOGIN, status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


async def password(request: Request) -> Response:
    """Change one's own password; other sessions of this person end."""
    person, session = request.scope["mlv.person"], request.scope["mlv.session"]
    error: MlvajraError | None = None
    if request.method == "POST":
        try:
            form = await read_form(request, "old", "password", "again")
            check_repeat(form["password"], form["again"])
            await run_in_threadpool(
                people.change_password,
                store(),
                person,
                old=form["old"],
                new=form["password"],
                keep=session,
                now=now(),
            )
            return _page("Password changed", _paragraph(CHANGED) + BACK)
        except MlvajraError as problem:
            error = problem
    hidden = f'<input type="hidden" name="name" autocomplete="username" value="{escape(person.name)}">'
    fields = hidden + _field("old", "Present password", kind="password", complete="current-password",
                             focus=True)
    body = _form("/account/password", fields + _new_password_fields(), "Change password", error)
    return _page("Change your password", body + BACK, error=error)


CHANGED = "Other browsers where you were signed in have to sign in again."
BACK = '<p><a href="/">Back to mlvajra</a></p>'


def check_repeat(secret: str, again: str) -> None:
    """Refuse a new password that was not typed the same way twice.

    Raises
    ------
    Invalid
    """
    if secret != again:
        raise Invalid("the two passwords differ; type the same one twice")


async def read_form(request: Request, *names: str) -> Form:
    """Return the named fields of a small form.

    Raises
    ------
    Invalid
        If one is missing or it is no such form.
    """
    async with request.form(max_files=0, max_fields=10, max_part_size=FORM_LIMIT) as sent:
        form = {name: value for name in names if isinstance(value := sent.get(name), str)}
    missing = [name for name in names if name not in form]
    if missing:
        raise Invalid(f"the form came without {missing[0]!r}; fill it in again")
    return form


def local_path(target: str) -> str:
    """Return `target` if it is a path of this app, else the start page."""
    good = target.startswith("/") and not target.startswith(("//", "/\\", "/account/"))
    return target if good and target.isprintable() else "/"


def _signed_in(token: str, target: str) -> Response:
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


def _page(
    title: str, body: str, *, error: MlvajraError | None = None, status: int = 200
) -> Response:
    return HTMLResponse(
        PAGE.format(title=escape(title), body=body),
        status_code=error.status if error is not None else status,
        headers=HEADERS,
    )


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _form(action: str, fields: str, button: str, error: MlvajraError | None) -> str:
    problem = ""
    if error is not None:
        text = str(error)
        problem = f'<p class="error" role="alert">{escape(text[:1].upper() + text[1:])}.</p>'
    return (
        f'<form method="post" action="{escape(action)}">{problem}{fields}'
        f'<button type="submit">{escape(button)}</button></form>'
    )


def _new_password_fields() -> str:
    hint = f"At least {people.PASSWORD_MIN} characters."
    return _field(
        "password", "New password", kind="password", complete="new-password", hint=hint
    ) + _field("again", "The same again", kind="password", complete="new-password")


def _field(
    name: str,
    label: str,
    *,
    kind: str = "text",
    value: str = "",
    complete: str,
    focus: bool = False,
    hint: str = "",
) -> str:
    small = f"<small>{escape(hint)}</small>" if hint else ""
    return (
        f'<label>{escape(label)}{small}<input name="{name}" type="{kind}" '
        f'value="{escape(value)}" autocomplete="{complete}" required'
        f'{" autofocus" if focus else ""}></label>'
    )
