"""A PostgreSQL server of one's own, to start, to stop and to start again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

PATIENCE_S = 30


class Cluster:
    """One server with its data in `folder`; nothing runs before `start`."""

    def __init__(self, folder: Path) -> None:
        binaries = _binaries()
        if binaries is None:
            pytest.skip("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
        self.binaries, self.folder, self.port = binaries, folder, _free_port()
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
        options = ["fsync=off", "listen_addresses=127.0.0.1"]
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


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in installed), key=_major_version, default=None)


def _major_version(binaries: Path) -> float:
    return float(binaries.parent.name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
