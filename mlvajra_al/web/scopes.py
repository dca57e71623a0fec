"""Whether a request comes with an API token, and which scope of one it needs, for every route."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from mlvajra_al.records import Scope

FOR_PROGRAMS = ("/api/", "/metrics")

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LABELLING = re.compile(r"/api/v1/projects/[^/]+/(claims|claims/heartbeat|annotations)")
ASKING = re.compile(r"/api/v1/projects/[^/]+/predict(/file)?")


def needed(method: str, path: str) -> Scope:
    """Return the scope a request needs; what is in no list needs the strongest.

    Examples
    --------
    >>> needed("GET", "/api/v1/projects"), needed("POST", "/api/v1/projects/spam/annotations")
    ('read', 'annotate')
    >>> needed("POST", "/api/v1/projects/spam/rollback")
    'manage'
    """
    if LABELLING.fullmatch(path) and method not in SAFE:
        return "annotate"
    if method in SAFE or ASKING.fullmatch(path):
        return "read"
    return "manage"


def by_bearer(path: str, headers: Headers) -> bool:
    """Say whether a request is a program's, by the token it sends; a cookie does not count then."""
    bearer = headers.get("authorization", "")[:7].lower() == "bearer "
    return bearer and path.startswith(FOR_PROGRAMS)
