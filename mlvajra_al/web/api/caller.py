"""Who calls: found by the gate, taken from the scope, or looked up anew."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from mlvajra_al.errors import NotSignedIn
from mlvajra_al.records import Person
from mlvajra_al.services import sessions
from mlvajra_al.web.context import looked_up, now, store
from mlvajra_al.web.scopes import by_bearer

HEAD_ONLY = "mlv.head_only"
"""Marks in the scope a HEAD, which is answered as GET: what is streamed need not be made."""


async def _caller(request: Request) -> Person:
    person: Person | None = request.scope.get("mlv.person")
    if person is None:
        raise NotSignedIn
    return person


Caller = Annotated[Person, Depends(_caller)]


async def asked_by(request: Request) -> Person:
    """Return who asks, looked up anew: what is sent may take longer than a session or a role lasts.

    Raises
    ------
    NotSignedIn
    """
    by_token = by_bearer(request.scope["path"], request.headers)
    session, kind = request.scope["mlv.session"], "token" if by_token else "browser"
    signed = await looked_up(sessions.by_session, store(), session, kind=kind, now=now())
    if signed is None:
        raise NotSignedIn(by_token=by_token)
    return signed.person
