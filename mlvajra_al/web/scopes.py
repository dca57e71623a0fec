"""Which scope of an API token a request needs: one table for every route."""

from __future__ import annotations

import re

from mlvajra_al.records import Scope

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
