"""Open a workspace that is there, or begin one; a mistyped address begins none."""

from __future__ import annotations

from pathlib import Path

from mlvajra_al.errors import Setup
from mlvajra_al.store import files, presence, revisions
from mlvajra_al.store.database import Store
from mlvajra_al.store.restores import sqlite_path


def opened(home: Path, url: str, *, begin: bool = False) -> Store:
    """Open a workspace at the newest schema; with `begin`, make it where nothing is yet.

    Raises
    ------
    Setup
        If there is none, its files are elsewhere than its database says, or what is there belongs
        to another database.
    """
    store = _begun(home, url) if begin else existing(home, url)
    try:
        _require_tables(store)
        store.migrate()
        _require_files(store)
    except BaseException:
        store.close()
        raise
    return store


def as_it_is(home: Path, url: str) -> Store:
    """Open a workspace that is there, and leave an earlier schema of it alone.

    Raises
    ------
    Setup
        If there is none, its schema is unknown, its files are elsewhere than its database says, or
        what is there belongs to another database.
    """
    store = existing(home, url)
    try:
        _require_tables(store)
        schema = store.schema()
        if schema not in revisions.known():
            store.migrate()
        elif schema == revisions.newest():
            _require_files(store)
    except BaseException:
        store.close()
        raise
    return store


def examined(home: Path, url: str) -> Store:
    """Open a workspace to examine it; of one on a database server, the folder may be missing.

    Raises
    ------
    Setup
        If there is none, or its database cannot be reached.
    """
    if sqlite_path(url) is not None:
        return existing(home, url)
    store = Store.open(url, home)
    try:
        store.schema()
    except BaseException:
        store.close()
        raise
    return store


def _begun(home: Path, url: str) -> Store:
    _require_a_database(home, url)
    return Store.open(url, home)


def existing(home: Path, url: str) -> Store:
    """Open a workspace that is there, as it is.

    Raises
    ------
    Setup
        If there is none.
    """
    database = sqlite_path(url)
    there = presence.was_used(home) if database is None else database.exists()
    if there or home.is_file() or (home / presence.UNFINISHED).exists():
        return Store.open(url, home)
    _require_a_database(home, url)
    elsewhere = database is not None and database.parent != home.absolute()
    lacks = f": {database} does not exist" if elsewhere else ""
    raise Setup(
        f"there is no workspace in {home.absolute()}{lacks}; set MLVAJRA_HOME, or start it with "
        "'mlvajra run'"
    )


def _require_files(store: Store) -> None:
    """Refuse the folder of another workspace, or one that is not mounted, beside a server."""
    if store.is_file:
        return
    with store.read() as connection:
        mentioned = next(files.mentioned(connection), None) is not None
    if mentioned and not any((store.home / place).is_dir() for place in files.PLACES):
        raise Setup(
            f"the database of MLVAJRA_DATABASE_URL has projects, but {store.home.absolute()} holds "
            "none of their files; mount the folder they are in, or set MLVAJRA_HOME to it"
        )


def _require_a_database(home: Path, url: str) -> None:
    """Refuse a file of SQLite that is not there, beside files that a database mentions."""
    database = sqlite_path(url)
    if database is None or database.exists() or (home / presence.UNFINISHED).exists():
        return
    if files.are_in(home):
        raise Setup(_of_another(home, f"{database} does not exist"))


def _require_tables(store: Store) -> None:
    """Refuse an empty database beside files of another: what it begins would replace them."""
    if files.are_in(store.home) and store.schema() is None:
        address = store.engine.url.render_as_string()
        raise Setup(_of_another(store.home, f"the database {address} holds no tables of ours"))


def _of_another(home: Path, found: str) -> str:
    return (
        f"{home.absolute()} holds pools or models, but {found}; set MLVAJRA_DATABASE_URL to the "
        "database they belong to, restore a backup ('mlvajra restore'), or set MLVAJRA_HOME to "
        "another folder"
    )
