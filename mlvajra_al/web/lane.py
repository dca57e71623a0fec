"""The short way for claims and answers: past frameworks that would double what a label costs.

A label needs two requests. What is well-formed is read and answered here by the very functions
that the API declares; everything else goes on to the API, which says what is wrong with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlvajra_al.errors import MlvajraError
from mlvajra_al.web.api import labelling
from mlvajra_al.web.api.answers import error_response, internal_error

PATH = re.compile(r"/api/v1/projects/([^/]+)/(claims|annotations)")
BODIES: dict[str, TypeAdapter[Any]] = {
    "claims": TypeAdapter(labelling.Wanted),
    "annotations": TypeAdapter(
        Annotated[list[labelling.Sent], Field(min_length=1, max_length=labelling.MAX_ANSWERS)]
    ),
}
ENDPOINTS: dict[str, Callable[..., Awaitable[Response]]] = {
    "claims": labelling.claim,
    "annotations": labelling.annotate,
}

log = logging.getLogger("mlvajra")


@dataclass(frozen=True, slots=True)
class Heard:
    """A body as far as it came, and the error that ended it."""

    messages: list[Message]
    error: HTTPException | None

    @property
    def body(self) -> bytes | None:
        """All of the body; None if it did not come whole."""
        if self.error is not None or self.messages[-1]["type"] != "http.request":
            return None
        return b"".join(message.get("body", b"") for message in self.messages)

    def again(self, receive: Receive) -> Receive:
        """Return a `receive` that tells all of it once more."""
        waiting = list(self.messages)

        async def replayed() -> Message:
            if waiting:
                return waiting.pop(0)
            if self.error is not None:
                raise self.error
            return await receive()

        return replayed


class Lane:
    """Pure ASGI middleware behind the gate and its limits."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a claim or answers that are well-formed; pass on everything else."""
        found = _found(scope)
        if found is None:
            await self.app(scope, receive, send)
            return
        project, kind = found
        heard = await _hear(receive)
        asked = _read(kind, heard.body)
        if asked is None:
            await self.app(scope, heard.again(receive), send)
            return
        response = await _answer(ENDPOINTS[kind], project, scope["mlv.person"], asked)
        await response(scope, receive, send)


def _found(scope: Scope) -> tuple[str, str] | None:
    if scope["type"] != "http" or scope["method"] != "POST" or scope["mlv.person"] is None:
        return None
    match = PATH.fullmatch(scope["path"])
    if match is None or (b"content-type", b"application/json") not in scope["headers"]:
        return None
    return match[1], match[2]


async def _hear(receive: Receive) -> Heard:
    messages: list[Message] = []
    try:
        while True:
            messages.append(await receive())
            if not messages[-1].get("more_body", False):
                return Heard(messages, None)
    except HTTPException as error:  # too long, or too slow
        return Heard(messages, error)


def _read(kind: str, body: bytes | None) -> Any | None:
    """Return the body as the API declares it; None where the API will find something amiss."""
    if not body:
        return None
    try:
        return BODIES[kind].validate_json(body)
    except ValidationError:
        return None


async def _answer(
    endpoint: Callable[..., Awaitable[Response]], project: str, *asked: Any
) -> Response:
    try:
        return await endpoint(project, *asked)
    except MlvajraError as error:
        return error_response(error)
    except Exception as error:
        log.exception("while answering a claim or an annotation")
        return internal_error(error)
