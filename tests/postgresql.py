"""A PostgreSQL server of one's own, to start, to stop and to start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.server import free_port

PATIENCE_S = 30
LARGE = 2**18
"""Of a table of more bytes nothing is to remain that the next test would read past."""
TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND relname <> 'alembic_version' AND pg_relation_size(oid) >= %s ORDER BY relname
"""
SHAPE = """
    SELECT relname, relkind, attname, atttypid FROM pg_class JOIN pg_attribute ON attrelid = oid
    WHERE relnamespace = 'public'::regnamespace ORDER BY relname, attname
"""
OTHERS_OUT = """
    SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
"""
COUNT_ANEW = """
    SELECT setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
"""


class Cluster:
    """One server with its data in `folder`; nothing runs before `start`."""

    def __init__(self, folder: Path) -> None:
        binaries = _binaries()
        if binaries is None:
            pytest.skip("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
        self.binaries, self.folder, self.port = binaries, folder, free_port()
        self._account = "postgres" if os.geteuid() == 0 else None  # initdb refuses root
        self._process: subprocess.Popen[bytes] | None = None
        if self._account:
            shutil.chown(folder, self._account, self._account)
        subprocess.run(
            [binaries / "initdb", "--pgdata", self._data, "--username", "mlvajra"]
            + ["--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
            user=self._account,
            group=self._account,
            cwd=folder,
            check=True,
            capture_output=True,
        )

    def __enter__(self) -> Cluster:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self.folder / "cluster"

    @property
    def url(self) -> str:
        """Where it listens, without a database."""
        return f"postgresql://mlvajra@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it takes connections."""
        options = ["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1"]
        options += [f"unix_socket_directories={self.folder}"]
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self._data, "-p", str(self.port)]
                + [word for option in options for word in ("-c", option)],
                user=self._account,
                group=self._account,
                cwd=self.folder,
                stdout=sink,
                stderr=sink,
            )
        self._wait(self._process)

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._process is not None

    def stop(self) -> None:
        """Disconnect everybody and stop ("fast")."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=PATIENCE_S)
            self._process = None

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"PostgreSQL did not start:\n{self._log.read_text()}")


@contextmanager
def a_database(server: str, name: str) -> Iterator[str]:
    """Make an empty database for the time of the block; yield its URL."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Reused:
    """A migrated database that is emptied for the next test: sooner done than making one anew."""

    NAME = "reused"

    def __init__(self, server: str, migrate: Callable[[str], None]) -> None:
        self.url, self._server, self._migrate = f"{server}/{self.NAME}", server, migrate
        self._make()

    def emptied(self) -> str:
        """Take everything out that a test has put in; return the URL."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(OTHERS_OUT, [PATIENCE_S * 1000])
            if connection.execute(SHAPE).fetchall() == self._shape:
                connection.execute("SET session_replication_role = replica")  # in any order
                connection.execute(self._delete)
                connection.execute(COUNT_ANEW)
                connection.execute("UPDATE alembic_version SET version_num = %s", [self._revision])
                for (table,) in connection.execute(TABLES, [LARGE]).fetchall():
                    connection.execute(f"TRUNCATE {table} CASCADE")
                return self.url
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {self.NAME} WITH (FORCE)")
        self._make()
        return self.url

    def _make(self) -> None:
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {self.NAME}")
        self._migrate(self.url)
        with psycopg.connect(self.url, autocommit=True) as connection:
            self._shape = connection.execute(SHAPE).fetchall()
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            self._revision = found[0] if found else None
            tables = [name for (name,) in connection.execute(TABLES, [0]).fetchall()]
        self._delete = "; ".join(f"DELETE FROM {table}" for table in tables)  # noqa: S608  ours


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in installed), key=_major_version, default=None)


def _major_version(binaries: Path) -> float:
    return float(binaries.parent.name)
