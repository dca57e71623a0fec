"""A second workspace with everything the first one held at one moment, while others write."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from mlvajra_al.errors import Damaged
from mlvajra_al.store import artefacts
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import annotation, metadata, project, revision, shard, version
from mlvajra_al.store.shards import pool_folder, sha256_of

DATABASE = "mlvajra.db"
MANIFEST = "manifest.json"
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copied workspace holds."""

    projects: int
    annotations: int
    versions: int
    files: int
    bytes: int


def copy_workspace(store: Store, folder: Path) -> Contents:
    """Copy database and files into an empty folder, which can then be opened as a workspace.

    The database is copied first. Files are written before rows mention them and never changed,
    so that whatever the copied rows mention is there to be copied after them.

    Raises
    ------
    Damaged
        If a file is missing or does not match its checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = Store.open(f"sqlite:///{(folder / DATABASE).absolute()}", folder)
    try:
        if store.engine.dialect.name == "sqlite":
            _copy_sqlite(store, folder / DATABASE)
        else:
            _copy_tables(store, copy)
        with copy.read() as connection:
            _copy_shards(connection, store.home, folder)
            _copy_artefacts(connection, store.home, folder)
            counted = [_count(connection, table) for table in (project, annotation, version)]
    finally:
        copy.close()
    _finish_sqlite(folder / DATABASE)
    files, size = _sizes(folder)
    projects, annotations, versions = counted
    return Contents(projects, annotations, versions, files, size)


def _copy_sqlite(store: Store, path: Path) -> None:
    """Copy in one step: a single snapshot, and writers are not held up."""
    with store.engine.connect() as connection:
        source = connection.connection.driver_connection
        target = sqlite3.connect(path)
        try:
            source.backup(target, pages=-1)  # type: ignore[union-attr]
        finally:
            target.close()


def _finish_sqlite(path: Path) -> None:
    """Leave one file without a journal beside it, and make sure it is sound."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    finally:
        connection.close()
    if found != "ok" or broken is not None:
        raise Damaged(str(path))


def _copy_tables(store: Store, copy: Store) -> None:
    """Copy table by table from one snapshot of another database."""
    copy.migrate()
    with (
        store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source,
        copy.engine.connect() as target,
    ):
        target.exec_driver_sql("PRAGMA foreign_keys=OFF")
        target.rollback()
        with target.begin():
            for table in metadata.sorted_tables:
                for rows in _batches(source, table):
                    target.execute(table.insert(), rows)


def _batches(connection: Connection, table: Any) -> Iterator[list[dict[str, Any]]]:
    found = connection.execution_options(yield_per=BATCH).execute(select(table))
    for part in found.mappings().partitions():
        yield [dict(row) for row in part]


def _copy_shards(connection: Connection, home: Path, folder: Path) -> None:
    for row in connection.execute(select(shard.c.project_id, shard.c.sha256)):
        source = pool_folder(home, row.project_id) / f"{row.sha256}.arrow"
        target = pool_folder(folder, row.project_id) / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            raise Damaged(str(source)) from None
        if sha256_of(target) != row.sha256:
            raise Damaged(str(source))


def _copy_artefacts(connection: Connection, home: Path, folder: Path) -> None:
    mentioned = select(revision.c.preprocessing).union(select(version.c.estimator))
    for digest in connection.scalars(mentioned):
        artefacts.put(folder, artefacts.get(home, digest))


def _count(connection: Connection, table: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _sizes(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in _files(folder)]
    return len(sizes), sum(sizes)


def write_manifest(folder: Path, about: dict[str, Any]) -> None:
    """List every file with its size and SHA-256, and force all of it to the disk."""
    files = []
    for path in _files(folder):
        with path.open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        name = path.relative_to(folder).as_posix()
        files.append({"path": name, "bytes": path.stat().st_size, "sha256": digest})
    manifest = folder / MANIFEST
    with manifest.open("w", encoding="utf-8") as file_:
        json.dump(about | {"files": files}, file_, indent=2)
        file_.flush()
        os.fsync(file_.fileno())
    for place in {manifest.parent, *(path.parent for path in _files(folder))}:
        artefacts.sync_folder(place)
