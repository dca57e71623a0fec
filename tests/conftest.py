"""Fixtures for everybody: a workspace of one's own, and both databases, fresh and empty."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mlvajra_al import config
from mlvajra_al.store.database import Store


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
    binaries = _postgresql_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="mlvajra-postgresql-"))
    account = "postgres" if os.geteuid() == 0 else None  # initdb refuses root
    if account:
        shutil.chown(folder, account, account)
    try:
        yield from _running_postgresql(binaries, folder, account)
    finally:
        shutil.rmtree(folder)


def _postgresql_binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in installed), key=_major_version, default=None)


def _major_version(binaries: Path) -> float:
    return float(binaries.parent.name)


def _running_postgresql(binaries: Path, folder: Path, account: str | None) -> Iterator[str]:
    cluster = folder / "cluster"
    subprocess.run(
        [binaries / "initdb", "--pgdata", cluster, "--username", "mlvajra", "--auth", "trust"]
        + ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
        user=account,
        group=account,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    port = _free_port()
    options = ["fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    log = folder / "log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", cluster, "-p", str(port)]
            + [word for option in options for word in ("-c", option)],
            user=account,
            group=account,
            cwd=folder,
            stdout=sink,
            stderr=sink,
        )
    url = f"postgresql://mlvajra@127.0.0.1:{port}"
    try:
        _wait_for_postgresql(url, server, log)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # "fast": disconnects everybody, then stops
        server.wait(timeout=30)


def _wait_for_postgresql(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
