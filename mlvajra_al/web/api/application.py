"""The REST API under /api/v1: one FastAPI application, its errors, its description."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from mlvajra_al.errors import MlvajraError
from mlvajra_al.services import access
from mlvajra_al.web.api import (
    answers,
    described,
    labelling,
    members,
    models,
    projects,
    shapes,
    simulations,
    uploads,
)
from mlvajra_al.web.api.caller import HEAD_ONLY
from mlvajra_al.web.context import store

DESCRIPTION = """Everything the pages do, for programs.

Sign in with `Authorization: Bearer TOKEN`; `mlvajra token create --user NAME` prints a token.
A browser's session works too. Errors are `{"error": {"type", "message", "detail"}}`.
"""
BEARER = HTTPBearer(
    scheme_name="token",
    description="`mlvajra token create --user NAME` prints one",
    auto_error=False,
)
"""For the description only: the gate has looked at the token before."""


def routes() -> list[BaseRoute]:
    """Return the routes of the API and of its description."""
    api = build()

    async def description(_request: Request) -> Response:
        return answers.Json(api.openapi())

    async def page(_request: Request) -> Response:
        return described.page(api.openapi())

    return [
        Route("/api/docs", page, methods=["GET"]),
        Route("/api/openapi.json", description, methods=["GET"]),
        Mount("/api/v1", api),
        Mount("/api", _nowhere),
    ]


class Heads:
    """Answer HEAD as GET is answered; the server itself leaves the body away."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, as one to GET where it asks for the head only."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", HEAD_ONLY: True}
        await self.app(scope, receive, send)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is of no version of the API as it answers itself: else a page would."""
    answer = await _http(Request(scope), HTTPException(404))
    await answer(scope, receive, send)


def build() -> FastAPI:
    """Return the API; its paths are relative to /api/v1."""
    api = FastAPI(
        title="mlvajra",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "/api/v1"}],
        responses=shapes.ERRORS,
        redirect_slashes=False,
        dependencies=[Depends(BEARER)],
    )
    # The services of labelling look who asks by themselves, in the transaction they need anyway.
    api.include_router(labelling.router)
    for router in (
        projects.router,
        members.router,
        uploads.router,
        models.router,
        simulations.router,
    ):
        api.include_router(router, dependencies=[Depends(_visible)])
    api.add_middleware(Heads)
    api.add_exception_handler(MlvajraError, _ours)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unknown)
    return api


def _visible(request: Request) -> None:
    """Answer for a project that the caller may not see as for one that does not exist."""
    name, person = request.path_params.get("project"), request.scope["mlv.person"]
    if name is not None and person is not None:
        access.require_project(store(), person, name)


async def _ours(_request: Request, error: Any) -> Response:
    return answers.error_response(error)


async def _invalid(request: Request, error: Any) -> Response:
    as_json = "json" in request.headers.get("content-type", "json")
    return answers.bad_request(list(error.errors()), as_json=as_json)


async def _http(request: Request, error: Any) -> Response:
    headers = error.headers
    if error.status_code == 405:
        headers = {"Allow": ", ".join(_methods(request))}
    words = {
        404: f"there is no {request.url.path} here; see /api/docs",
        405: f"{request.url.path} does not take {_asked(request)}; see /api/docs",
    }
    if isinstance(error.__cause__, UnicodeDecodeError):
        words = {400: "the body is not in UTF-8; send JSON in UTF-8"}
    message = words.get(error.status_code, str(error.detail))
    return answers.http_error(error.status_code, message, headers=headers)


def _asked(request: Request) -> str:
    return "HEAD" if HEAD_ONLY in request.scope else request.method


def _methods(request: Request) -> list[str]:
    """Return all that an address takes: for each method there is a route of its own."""
    place = request.scope["path"].removeprefix(request.scope["root_path"])
    paths = request.app.openapi()["paths"].items()
    fitting = [methods for path, methods in paths if compile_path(path)[0].match(place)]
    taken = {method.upper() for methods in fitting for method in methods}
    return sorted(taken | ({"HEAD"} if "GET" in taken else set()))


async def _unknown(_request: Request, error: Any) -> Response:
    return answers.internal_error(error)
