"""What of a project's files was found damaged, for pages and programs to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mlvajra_al.errors import UNLIKE, Damaged
from mlvajra_al.records import Damage, Person
from mlvajra_al.services import access
from mlvajra_al.store import files
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool

SAID = {
    "shards": (
        "A part of the pool is",
        ": its samples can be neither shown nor learned. Restore that file from a backup.",
    ),
    "artefacts": (
        "What samples are read with is",
        ". It is made anew by the next model; or restore that file from a backup.",
    ),
    "features": ("What the model sees of the pool is", ". The next model computes it anew."),
}
"""What to say of a damaged file, before and behind its path, by the folder it lies in."""
OTHER = ("A file is", ". Restore it from a backup.")


def listed(store: Store, person: Person | None, project_name: str) -> tuple[Damage, ...]:
    """Return the damaged files of a project, each with a sentence to show, the first found first.

    The worker forgets one when its SHA-256 is right again.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return files.damaged(connection, project.id)


def verified(
    store: Store,
    project_id: int,
    pool: Pool,
    *,
    now: datetime,
    positions: Sequence[int] | None = None,
) -> None:
    """Verify the files of a pool, or of some of its samples, and note what is damaged.

    Raises
    ------
    Damaged
    """
    try:
        pool.verify(positions)
    except Damaged as error:
        found = error
        store.write(
            lambda connection: note_pool(store, connection, project_id, found=[found], now=now)
        )
        raise


def note_pool(
    store: Store,
    connection: Connection,
    project_id: int,
    *,
    found: Sequence[Damaged],
    now: datetime,
) -> None:
    """Say of shards that they are damaged, where it is not said so already."""
    known = {item.path: item.what for item in files.damaged(connection, project_id)}
    for error in found:
        path = below(store.home, error.path)
        what = said_of(path, error.what)
        if known.get(path) != what:
            files.note_damage(connection, project_id, path=path, what=what, now=now)


def said_of(path: str, wrong: str) -> str:
    """Return what to say of a damaged file that no version mentions, by where it lies."""
    what, then = SAID.get(path.partition("/")[0], OTHER)
    return f"{what} damaged ({path} {briefly(wrong)}){then}"


def briefly(what: str) -> str:
    """Return what is wrong with a file as it stands behind its name in a sentence."""
    return "does not match its SHA-256" if what == UNLIKE else what


def below(home: Path, path: str) -> str:
    """Return a path as it stands below the workspace."""
    absolute = Path(path)
    inside = absolute.is_absolute() and absolute.is_relative_to(home)
    return str(absolute.relative_to(home) if inside else absolute)
