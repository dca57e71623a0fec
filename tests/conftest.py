"""Fixtures for everybody: a workspace of one's own, and both databases, fresh and empty."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from mlvajra_al import config
from mlvajra_al.store.database import Store
from tests.postgresql import Cluster

COUNT = count()
# Here workers are what is waited for.
PATIENT = "MLVAJRA_WORKER_NICE"
os.environ[PATIENT] = "0"


@pytest.fixture(autouse=True)
def _settings_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("MLVAJRA_") and name != PATIENT:
            monkeypatch.delenv(name)
    config.settings.cache_clear()
    yield
    config.settings.cache_clear()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that MLVAJRA_HOME names."""
    home = tmp_path / "workspace"
    home.mkdir()
    monkeypatch.setenv("MLVAJRA_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server for this run of the tests; its URL, without a database.

    Its database `migrated` is to be copied: that is sooner done than migrating one anew.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlvajra-postgresql-"))
    try:
        with Cluster(folder) as cluster:
            with psycopg.connect(f"{cluster.url}/postgres", autocommit=True) as admin:
                admin.execute("CREATE DATABASE migrated")
            opened = Store.open(f"{cluster.url}/migrated", folder / "home")
            opened.migrate()
            opened.close()
            yield cluster.url
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database, once on SQLite and once on PostgreSQL; empty unless `store` opens it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mlvajra.db'}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"test{next(COUNT)}"
    template = "migrated" if "store" in request.fixturenames else "template1"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield f"{server}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database: a copy is sooner there than one migrated anew."""
    folder = tmp_path_factory.mktemp("migrated")
    path = folder / "mlvajra.db"
    opened = Store.open(f"sqlite:///{path}", folder / "home")
    opened.migrate()
    opened.close()
    return path


@pytest.fixture
def store(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An open, migrated, empty workspace, once on SQLite and once on PostgreSQL."""
    if database_url.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "mlvajra.db")
    opened = Store.open(database_url, tmp_path / "home")
    opened.migrate()
    yield opened
    opened.close()
