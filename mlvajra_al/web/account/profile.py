"""Your account: where you are signed in, your API tokens, what else you sign in with."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, MlvajraError, NotSignedIn
from mlvajra_al.records import Person, Session
from mlvajra_al.services import external, sessions, tokens
from mlvajra_al.web import html
from mlvajra_al.web.account import provider
from mlvajra_al.web.account.forms import read_form
from mlvajra_al.web.auth import LOGIN
from mlvajra_al.web.context import now, store

PAGE = provider.OWN_PAGE
TOKEN_DAYS = 90
ONCE = (
    "Copy it now: it is shown this once. Programs send it as “Authorization: Bearer TOKEN”; who "
    "has it can do what it may do in your name."
)


async def page(request: Request) -> Response:
    """Show the signed-in person's own account."""
    return await _page(request)


async def end_session(request: Request) -> Response:
    """End one of one's own sessions or tokens."""
    return await _done(request, sessions.revoke, int(request.path_params["session_id"]), now=now())


async def end_others(request: Request) -> Response:
    """Sign out in all other browsers."""
    keep = request.scope["mlv.session"]
    return await _done(request, sessions.revoke_others, keep=keep, now=now())


async def unlink(request: Request) -> Response:
    """Stop signing in with the provider."""
    return await _done(request, external.unlink, settings().oidc_issuer, now=now())


async def _done(request: Request, verb: object, *args: object, **kwargs: object) -> Response:
    try:
        person: Person = request.scope["mlv.person"]
        await run_in_threadpool(verb, store(), person, *args, **kwargs)  # type: ignore[arg-type]
    except MlvajraError as error:
        return await _page(request, error)
    return RedirectResponse(PAGE, status_code=303)


async def make_token(request: Request) -> Response:
    """Make an API token of one's own and show it, once."""
    person: Person = request.scope["mlv.person"]
    try:
        form = await read_form(request, "purpose", "days", several="scope")
        grant = tokens.Grant(
            form["purpose"], _life(form["days"]), tokens.scopes_of(form["scope"].split())
        )
        made = await run_in_threadpool(
            tokens.create,
            store(),
            person,
            name=person.name,
            grant=grant,
            now=now(),
            asked_in=request.scope["mlv.session"],
        )
    except NotSignedIn:
        return RedirectResponse(LOGIN, status_code=303)
    except MlvajraError as error:
        return await _page(request, error)
    body = f"<pre>{escape(made)}</pre>" + html.paragraph(ONCE) + html.link(PAGE, "Your account")
    return html.page("Your new token", body, wide=True)


def _life(days: str) -> timedelta:
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        raise Invalid(f"{days[:20]!r} is no number of days; use 1 to {tokens.LONGEST.days}")
    return timedelta(days=int(days))


async def _page(request: Request, error: MlvajraError | None = None) -> Response:
    person: Person = request.scope["mlv.person"]
    at = now()
    session = request.scope["mlv.session"]
    here = await run_in_threadpool(sessions.by_session, store(), session, kind="browser", now=at)
    browsers = await run_in_threadpool(sessions.mine, store(), person, now=at)
    programs = await run_in_threadpool(tokens.listed, store(), person, now=at, name=person.name)
    linked = await run_in_threadpool(external.linked, store(), person)
    body = "".join(
        (
            html.paragraph(f"{person.name}, {person.role}"),
            html.problem(error),
            html.link("/account/password", "Change your password"),
            _provider(linked),
            _browsers(browsers, here.session_id if here else 0),
            _programs(programs),
            html.link("/", "Back to mlvajra"),
        )
    )
    return html.page("Your account", body, wide=True, status=error.status if error else 200)


def _provider(linked: tuple[str, ...]) -> str:
    issuer = settings().oidc_issuer
    if not issuer:
        return ""
    if issuer in linked:
        words = html.paragraph(f"You can sign in with {provider.name()}.")
        return words + html.small_form("/account/oidc/unlink", "Unlink")
    address = f"{provider.START}?link=1&next={quote(PAGE, safe='')}"
    return html.link(address, f"Link with {provider.name()}, to sign in with it")


def _browsers(browsers: tuple[Session, ...], here: int) -> str:
    rows = [
        (
            escape(item.agent or "unknown"),
            f"since {_day(item.created_at)}",
            f"last seen {_moment(item.seen_at)}",
            "this browser" if item.id == here else _end(item, "Sign out"),
        )
        for item in browsers
    ]
    others = html.small_form("/account/sessions/end-others", "Sign out in all other browsers")
    return (
        "<h2>Where you are signed in</h2>"
        + html.table(rows)
        + (others if len(browsers) > 1 else "")
    )


def _programs(programs: tuple[Session, ...]) -> str:
    rows = [
        (
            escape(item.name),
            escape("everything you may do" if item.scopes is None else ", ".join(_sorted(item))),
            f"last used {_moment(item.seen_at)}",
            f"until {_day(item.expires_at)}",
            _end(item, "Revoke"),
        )
        for item in programs
    ]
    fields = html.text_field("purpose", "What for", value="", complete="off")
    fields += html.text_field("days", "For how many days", value=str(TOKEN_DAYS), complete="off")
    fields += html.checks(
        "scope", "What it may do (nothing ticked: all you may do)", list(tokens.SCOPES.items())
    )
    return (
        "<h2>Tokens for programs</h2>"
        + html.table(rows)
        + html.form("/account/tokens", fields, button="Make a token")
    )


def _sorted(session: Session) -> list[str]:
    return [scope for scope in tokens.SCOPES if scope in (session.scopes or ())]


def _end(session: Session, words: str) -> str:
    return html.small_form(f"/account/sessions/{session.id}/end", words)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
