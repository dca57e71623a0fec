"""Bring the workspace up to date before web and worker start, and say what the first visit needs.

A process of its own, ``python -m mlvajra_al.cli.first_start``: the supervisor stays small.
Writes one JSON document to standard output: where the browser should go first.
"""

from __future__ import annotations

import json
import sys

from mlvajra_al.cli.workspace import now, opened, operator
from mlvajra_al.config import Settings, settings
from mlvajra_al.services import demo, links, people
from mlvajra_al.store.database import Store


def main() -> None:
    """Migrate, make the first account or its link, and the demo projects of a new workspace."""
    from mlvajra_al.cli.application import guarded

    sys.exit(guarded(_prepare))


def _prepare() -> None:
    chosen = settings()
    with opened(begin=True) as store:
        path = first_page(store, chosen)
        if chosen.demo and demo.wanted(store):
            demo.create(store, operator(store), now=now())
        loading = ", ".join(demo.unloaded(store)) if chosen.demo else ""
    sys.stdout.write(json.dumps({"path": path, "demo": loading}))


def first_page(store: Store, chosen: Settings) -> str:
    """Return the path of the one-time setup link; empty where somebody can sign in already."""
    if chosen.admin_password is not None:
        people.ensure_admin(store, chosen.admin_password.get_secret_value(), now=now())
    if not people.needs_setup(store):
        return ""
    return f"/account/setup?token={links.setup_link(store, now())}"


if __name__ == "__main__":
    main()
