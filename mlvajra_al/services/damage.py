"""What of a project's files was found damaged, for pages and programs to say."""

from __future__ import annotations

from mlvajra_al.records import Damage, Person
from mlvajra_al.services import access
from mlvajra_al.store import damage
from mlvajra_al.store.database import Store


def listed(store: Store, person: Person | None, project_name: str) -> tuple[Damage, ...]:
    """Return the damaged files of a project, each with a sentence to show, the first found first.

    The worker forgets one when its SHA-256 is right again.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return damage.listed(connection, project.id)
