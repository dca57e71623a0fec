"""Who calls: found by the gate, taken from the scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from mlvajra_al.errors import NotSignedIn
from mlvajra_al.records import Person

HEAD_ONLY = "mlv.head_only"
"""Marks in the scope a HEAD, which is answered as GET: what is streamed need not be made."""


async def _caller(request: Request) -> Person:
    person: Person | None = request.scope.get("mlv.person")
    if person is None:
        raise NotSignedIn
    return person


Caller = Annotated[Person, Depends(_caller)]
