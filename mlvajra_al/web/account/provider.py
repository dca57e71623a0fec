"""Sign-in by OpenID Connect, under /account/oidc: to the provider and back, into our own session.

The state, the nonce and the PKCE verifier wait in a row of the database, bound to the browser by
a cookie of ten minutes, and are taken out at the first answer: a callback works once. The protocol
is Authlib's; it is loaded when somebody signs in so for the first time.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mlvajra_al.config import Settings, settings
from mlvajra_al.errors import Conflict, MlvajraError, NotAllowed, NotFound, ProviderFailed
from mlvajra_al.records import Person
from mlvajra_al.services import external
from mlvajra_al.services.sessions import Opened
from mlvajra_al.web import html
from mlvajra_al.web.account.forms import local_path, origin, started
from mlvajra_al.web.auth import LOGIN
from mlvajra_al.web.context import now, session_life, store
from mlvajra_al.web.sentences import sentence

START, CALLBACK = "/account/oidc/start", "/account/oidc/callback"
FLOW_COOKIE = "mlv_oidc"
OWN_PAGE = "/account/me"
T = TypeVar("T")


def name() -> str:
    """Return what the provider is called on pages; empty where there is none."""
    current = settings()
    return current.oidc_name or urlsplit(current.oidc_issuer).netloc


def button(target: str) -> str:
    """Return the way to the provider as HTML; empty where there is none."""
    if not settings().oidc_issuer:
        return ""
    return html.button_link(f"{START}?next={quote(target, safe='')}", f"Sign in with {name()}")


def rules() -> external.Rules:
    """Return whom the settings let in by the provider."""
    current = settings()
    domains = (word.strip().lower() for word in current.oidc_domains.split(","))
    return external.Rules(frozenset(filter(None, domains)), current.oidc_create_as or None)


async def start(request: Request) -> Response:
    """Send a browser to the provider."""
    try:
        client = _client()
        person = _who_links(request)
        asking = _with_session(request, {})
        answer: Response = await _asked(client.authorize_redirect(asking, _callback(request)))
        body = {
            "session": asking.session,
            "next": local_path(request.query_params.get("next", "/")),
            "link": None if person is None else person.id,
        }
        token = await run_in_threadpool(external.start, store(), body, now=now())
    except MlvajraError as error:
        return _failed(error)
    answer.set_cookie(
        FLOW_COOKIE,
        token,
        max_age=int(external.FLOW_LIFE.total_seconds()),
        path="/account/oidc",
        httponly=True,
        samesite="lax",
        secure=settings().secure_cookies,
    )
    return answer


def _with_session(request: Request, session: dict[str, Any]) -> Request:
    """Return the request as Authlib wants it; the scope's own session is Streamlit's."""
    return Request({**request.scope, "session": session}, request.receive)


def _who_links(request: Request) -> Person | None:
    """Return who wants to link an account; None for a plain sign-in.

    Another site must not begin this: it could have signed the browser in at the provider as
    somebody else before.

    Raises
    ------
    NotAllowed
    """
    if request.query_params.get("link") != "1":
        return None
    site, referer = request.headers.get("sec-fetch-site"), request.headers.get("referer", "")
    ours = urlsplit(referer).netloc == request.url.netloc if site is None else site == "same-origin"
    person: Person | None = request.scope["mlv.person"]
    if not ours or person is None:
        raise NotAllowed("link an account", "somebody signed in, by the link under 'Your account',")
    return person


async def callback(request: Request) -> Response:
    """Take the provider's answer: a session of ours, or a link with the account signed in."""
    try:
        answer = await _answered(request)
    except MlvajraError as error:
        answer = _failed(error)
    answer.delete_cookie(FLOW_COOKIE, path="/account/oidc")
    return answer


async def _answered(request: Request) -> Response:
    client = _client()
    token = request.cookies.get(FLOW_COOKIE, "")
    flow = await run_in_threadpool(external.take, store(), token, now=now())
    identity = await _identity(client, _with_session(request, flow["session"]))
    if flow["link"] is not None:
        return await _linked(request, identity, flow["link"])
    opened = Opened(origin(request), now(), session_life())
    session = await run_in_threadpool(
        external.sign_in, store(), identity, rules=rules(), opened=opened
    )
    return await started(request, session, target=local_path(flow["next"]))


async def _linked(request: Request, identity: external.Identity, person_id: int) -> Response:
    person: Person | None = request.scope["mlv.person"]
    if person is None or person.id != person_id:
        raise Conflict("somebody else is signed in here now; sign in and link your account again")
    await run_in_threadpool(external.link, store(), person, identity, rules=rules(), now=now())
    return RedirectResponse(OWN_PAGE, status_code=303)


async def _identity(client: Any, request: Request) -> external.Identity:
    current = settings()
    expected = {
        "iss": {"essential": True, "value": current.oidc_issuer},
        "aud": {"essential": True, "value": current.oidc_client_id},
        "nonce": {"essential": True},
    }
    token = await _asked(client.authorize_access_token(request, claims_options=expected))
    claims = token.get("userinfo")
    if not claims or not claims.get("sub"):
        raise ProviderFailed(name(), "it does not say who you are")
    if "email" not in claims and "email" in current.oidc_scopes.split():
        claims = await _more(client, token, claims)
    return external.Identity(
        issuer=current.oidc_issuer,
        subject=str(claims["sub"])[:255],
        name=str(claims.get("preferred_username") or claims.get("name") or ""),
        email=str(claims.get("email") or ""),
        email_verified=claims.get("email_verified") is True,
    )


async def _more(client: Any, token: Any, claims: Any) -> Any:
    """Return what the provider tells only when asked once more, if it is about the same person."""
    if "userinfo_endpoint" not in client.server_metadata:
        return claims
    found = await _asked(client.userinfo(token=token))
    return {**claims, **found} if found.get("sub") == claims["sub"] else claims


async def _asked(call: Awaitable[T]) -> T:
    """Wait for the provider, and say in a sentence what went wrong.

    Raises
    ------
    ProviderFailed
    """
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.base_client import MismatchingStateError
    from joserfc.errors import JoseError

    try:
        return await call
    except MismatchingStateError as error:
        raise ProviderFailed(name(), "its answer is not to a question of this browser") from error
    except _unanswered() as error:
        raise ProviderFailed(name(), "it does not answer") from error
    except (AuthlibBaseError, JoseError) as error:
        raise ProviderFailed(name(), str(error)[:200]) from error
    except (KeyError, ValueError, TypeError, RuntimeError) as error:  # what it sent makes no sense
        raise ProviderFailed(name(), "its answer cannot be understood") from error


@lru_cache(maxsize=1)
def _unanswered() -> tuple[type[Exception], ...]:
    """Return the errors of the libraries of which Authlib takes the second where it is there."""
    there = [library for library in ("httpx", "httpx2") if find_spec(library)]
    return tuple(import_module(library).HTTPError for library in there)


def _callback(request: Request) -> str:
    scheme = "https" if settings().secure_cookies else request.url.scheme
    return f"{scheme}://{request.url.netloc}{CALLBACK}"


def _failed(error: MlvajraError) -> Response:
    body = html.paragraph(sentence(error)) + html.link(LOGIN, "Sign in")
    return html.page("This sign-in did not work", body, status=error.status)


def _client() -> Any:
    if not settings().oidc_issuer:
        raise NotFound("provider to sign in with", "none")
    return _loaded(settings())


@lru_cache(maxsize=1)
def _loaded(current: Settings) -> Any:
    from authlib.deprecate import AuthlibDeprecationWarning

    with warnings.catch_warnings():
        # It would rather have httpx2 under another name; what it needs of httpx is there.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.starlette_client import OAuth
    return OAuth().register(
        "provider",
        client_id=current.oidc_client_id,
        client_secret=current.oidc_client_secret.get_secret_value() or None,
        server_metadata_url=f"{current.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": current.oidc_scopes, "code_challenge_method": "S256"},
    )
