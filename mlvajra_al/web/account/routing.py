"""The routes under /account: plain HTML, forms, no scripts."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from mlvajra_al.web.account import entry, profile, provider


def routes() -> list[BaseRoute]:
    """Return the routes of this room."""
    both, post = ["GET", "POST"], ["POST"]
    return [
        Route("/account/login", entry.login, methods=both),
        Route("/account/setup", entry.setup, methods=both),
        Route("/account/join", entry.join, methods=both),
        Route("/account/logout", entry.logout, methods=both),
        Route("/account/password", entry.password, methods=both),
        Route("/account/style.css", entry.style),
        Route("/account/logo.png", entry.logo),
        Route("/account/me", profile.page),
        Route("/account/tokens", profile.make_token, methods=post),
        Route("/account/sessions/end-others", profile.end_others, methods=post),
        Route("/account/sessions/{session_id:int}/end", profile.end_session, methods=post),
        Route("/account/oidc/unlink", profile.unlink, methods=post),
        Route(provider.START, provider.start),
        Route(provider.CALLBACK, provider.callback),
    ]
