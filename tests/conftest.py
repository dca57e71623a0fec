"""Fixtures for everybody: a workspace of one's own, and both databases, fresh and empty."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from mlvajra_al import config
from mlvajra_al.services import credentials, projects
from mlvajra_al.store.database import Store
from tests.forks import Forks
from tests.postgresql import Cluster, Reused, a_database

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


@pytest.fixture(scope="session", autouse=True)
def _the_same_holdout_every_time() -> Iterator[None]:
    """Of two samples a drawn seed would hold out both in one run of twenty-five."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projects, "draw_seed", lambda: 7)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_nothing() -> Iterator[None]:
    """Whoever guesses a password is to pay a quarter of a second for it; not so each test."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "PasswordHasher", cheap)
        yield


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that MLVAJRA_HOME names."""
    home = tmp_path / "workspace"
    home.mkdir()
    monkeypatch.setenv("MLVAJRA_HOME", str(home))
    return home


@pytest.fixture
def begun(workspace: Path, migrated: Path) -> Path:
    """A workspace that MLVAJRA_HOME names, with nothing in it yet."""
    shutil.copy(migrated, workspace / "mlvajra.db")
    return workspace


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Where processes come from that are to be killed."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for this run of the tests; who stops it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="mlvajra-postgresql-"))
    try:
        with Cluster(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql(cluster: Cluster) -> str:
    """The URL of a PostgreSQL server, without a database."""
    return cluster.url


@pytest.fixture
def fragile_url(cluster: Cluster) -> Iterator[str]:
    """An empty database on PostgreSQL; its server is started again where a test has stopped it."""
    with a_database(cluster.url, f"test{next(COUNT)}") as url:
        yield url
        if not cluster.running:
            cluster.start()


@pytest.fixture(scope="session")
def reused_database(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Reused:
    """The database that the tests with a `store` have one after the other."""
    home = tmp_path_factory.mktemp("reused")
    return Reused(postgresql, lambda url: _migrated(url, home))


def _migrated(url: str, home: Path) -> None:
    opened = Store.open(url, home)
    opened.migrate()
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, once on SQLite and once on PostgreSQL; migrated if `store` opens it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mlvajra.db'}"
    elif "store" in request.fixturenames:
        yield request.getfixturevalue("reused_database").emptied()
    else:
        server = request.getfixturevalue("postgresql")
        with a_database(server, f"test{next(COUNT)}") as url:
            yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database: a copy is sooner there than one migrated anew."""
    folder = tmp_path_factory.mktemp("migrated")
    path = folder / "mlvajra.db"
    _migrated(f"sqlite:///{path}", folder / "home")
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
