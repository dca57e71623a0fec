"""What of a project's files was found damaged, for pages and programs to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mlvajra_al.records import Damage, Person
from mlvajra_al.services import access
from mlvajra_al.store import damage
from mlvajra_al.store.database import Connection, Store


def listed(store: Store, person: Person | None, project_name: str) -> tuple[Damage, ...]:
    """Return the damaged files of a project, each with a sentence to show, the first found first.

    The worker forgets one when its SHA-256 is right again.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return damage.listed(connection, project.id)


def note_pool(
    store: Store, connection: Connection, project_id: int, *, paths: Sequence[str], now: datetime
) -> None:
    """Say of shards that they are damaged, where it is not said already."""
    known = {found.path for found in damage.listed(connection, project_id)}
    for path in sorted({below(store.home, path) for path in paths} - known):
        damage.note(connection, project_id, path=path, what=said_of_pool(path), now=now)


def said_of_pool(path: str) -> str:
    """Return what to say of a damaged shard."""
    return (
        f"A part of the pool is damaged ({path} does not match its SHA-256): its samples can be "
        "neither shown nor learned. Restore that file from a backup."
    )


def below(home: Path, path: str) -> str:
    """Return a path as it stands below the workspace."""
    absolute = Path(path)
    inside = absolute.is_absolute() and absolute.is_relative_to(home)
    return str(absolute.relative_to(home) if inside else absolute)
