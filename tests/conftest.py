"""Fixtures for everybody: a workspace of one's own, and both databases, fresh and empty."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mlvajra_al import config
from mlvajra_al.store.database import Store
from tests.postgresql import Cluster


@pytest.fixture(autouse=True)
def _settings_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("MLVAJRA_"):
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
    """Start a PostgreSQL server for this run of the tests; its URL, without a database."""
    folder = Path(tempfile.mkdtemp(prefix="mlvajra-postgresql-"))
    try:
        with Cluster(folder) as cluster:
            yield cluster.url
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mlvajra.db'}"
        return
    url = f"{request.getfixturevalue('postgresql')}/postgres"
    yield url
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        # Sooner done than a new database for every test.
        admin.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An open, migrated, empty workspace, once on SQLite and once on PostgreSQL."""
    opened = Store.open(database_url, tmp_path / "home")
    opened.migrate()
    yield opened
    opened.close()
