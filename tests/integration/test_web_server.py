"""Three ways to start, from another folder, and what a stranger gets first thing from each."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import mlvajra_al
from tests.server import free_port

ROOT = Path(mlvajra_al.__file__).parent.parent
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
PASSWORD = "correct horse battery staple"
WAYS = {
    "python": [sys.executable, str(ROOT / "app.py")],
    "streamlit": [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    + ["--server.address", "127.0.0.1", "--server.headless", "true", "--server.port", "PORT"],
    "uvicorn": [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(ROOT)]
    + ["--port", "PORT"],
}


@contextmanager
def started(way: str, folder: Path, **environment: str) -> Iterator[str]:
    """Start the app in an unrelated folder; yield its address once it accepts connections."""
    port = free_port()
    variables = {"MLVAJRA_HOME": str(folder / "workspace"), "MLVAJRA_PORT": str(port)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [word.replace("PORT", str(port)) for word in WAYS[way]],
            cwd=folder,
            env=os.environ | variables | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, port, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.mark.parametrize("way", WAYS)
def test_a_fresh_server_shows_a_stranger_no_page_however_it_is_started(
    way: str, tmp_path: Path
) -> None:
    with started(way, tmp_path, MLVAJRA_ADMIN_PASSWORD=PASSWORD) as host:
        with httpx.Client(base_url=f"http://{host}", timeout=60) as stranger:
            for page in ["", *PAGES]:  # first thing, before anybody has signed in
                answer = stranger.get(f"/{page}")
                assert answer.status_code == 303, page
                assert answer.headers["location"].startswith("/account/login")
            for path in ("_stcore/health", "_stcore/host-config", "media/x", "component/x/y"):
                assert stranger.get(f"/{path}").status_code == 401, path
            with pytest.raises(InvalidStatus, match="403"):
                connect(f"ws://{host}/_stcore/stream", subprotocols=None).close()
            assert stranger.get("/readyz").text == "ready\n"

            form = {"name": "admin", "password": PASSWORD}
            assert stranger.post("/account/login", data=form).status_code == 303
            assert "<title>Streamlit</title>" in stranger.get("/").text
            home = stranger.get("/home?project=spam")
            assert (home.status_code, home.headers["location"]) == (307, "/?project=spam")
            assert stranger.get("/_stcore/health").status_code == 200
            config = stranger.get("/_stcore/host-config").json()
            assert config["allowedOrigins"] == []


@pytest.mark.parametrize("way", WAYS)
def test_the_first_start_prints_the_setup_link_however_it_is_started(
    way: str, tmp_path: Path
) -> None:
    with started(way, tmp_path, MLVAJRA_PROT="8600") as host:
        with httpx.Client(base_url=f"http://{host}", timeout=60) as stranger:
            assert stranger.get("/readyz").text == "ready\n"
            said = (tmp_path / "log").read_text()
            found = re.search(r"^Open (\S*)(/account/setup\?token=\S+)", said, re.MULTILINE)
            assert found, said
            assert found[1] in ("", f"http://{host}")
            assert "Create account" in stranger.get(found[2]).text
        assert said.count("did you mean MLVAJRA_PORT?") == 1


def test_a_setting_that_cannot_be_used_ends_in_one_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        WAYS["python"],
        cwd=tmp_path,
        env=os.environ | {"MLVAJRA_PORT": "many"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "MLVAJRA_PORT cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ([], {"MLVAJRA_PORT": "8600"}, "MLVAJRA_PORT is 8600, but Streamlit listens on {port}"),
        (["--server.address", "127.0.0.2"], {}, "MLVAJRA_HOST is 127.0.0.1, but Streamlit listens"),
    ],
)
def test_streamlit_run_is_refused_elsewhere_than_the_settings_say(
    tmp_path: Path, options: list[str], settings: dict[str, str], words: str
) -> None:
    port = str(free_port())
    ended = subprocess.run(
        [word.replace("PORT", port) for word in WAYS["streamlit"]] + options,
        cwd=tmp_path,
        env=os.environ | {"MLVAJRA_HOME": str(tmp_path)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert words.format(port=port) in ended.stderr
    assert "python app.py" in ended.stderr


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            WAYS["python"],
            cwd=tmp_path,
            env=os.environ
            | {"MLVAJRA_HOME": str(tmp_path / "workspace"), "MLVAJRA_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken by another program" in ended.stderr
    assert "Errno" not in ended.stderr


def test_without_uvloop_the_server_says_how_to_start_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*WAYS["uvicorn"][:-1], "0", "--loop", "asyncio"],
        cwd=tmp_path,
        env=os.environ | {"MLVAJRA_HOME": str(tmp_path / "workspace")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert "needs uvloop; start it with: python app.py" in ended.stderr
    assert "Traceback" not in ended.stderr
