from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlvajra_al.cli.supervisor import Child, Task, stop
from mlvajra_al.cli.tenancy import tenancy
from tests.server import free_port

MLVAJRA = Path(sys.executable).with_name("mlvajra")
TICKS = """
import pathlib, sys, time
place = pathlib.Path(sys.argv[1])
place.write_text(place.read_text() + "started\\n" if place.exists() else "started\\n")
print("hello from the child", flush=True)
{then}
"""


def eventually(true: Callable[[], object], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this never became true"
        time.sleep(0.05)


def a_script(tmp_path: Path, then: str) -> tuple[str, ...]:
    script = tmp_path / "child.py"
    script.write_text(TICKS.format(then=then))
    return (str(script), str(tmp_path / "starts"))


def starts(tmp_path: Path) -> int:
    place = tmp_path / "starts"
    return place.read_text().count("started") if place.exists() else 0


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    made = Child(Task("test", a_script(tmp_path, "time.sleep(600)")))
    made.start()
    eventually(lambda: starts(tmp_path) == 1)
    yield made
    stop([made])


def test_a_killed_child_is_started_again_and_says_so(
    child: Child, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert child.process is not None
    first = child.process.pid
    child.process.kill()
    child.process.wait()
    eventually(lambda: child.tend() or starts(tmp_path) == 2)
    assert child.process.pid != first
    said = capsys.readouterr().err
    assert "test     | ended by SIGKILL; starting it again in 0.2 s" in said
    eventually(lambda: "test     | hello from the child" in said + capsys.readouterr().err)


def test_a_child_that_dies_at_once_is_started_more_and_more_slowly(tmp_path: Path) -> None:
    dying = Child(Task("test", a_script(tmp_path, "sys.exit(3)")))
    dying.start()
    begun = time.monotonic()
    eventually(lambda: dying.tend() or dying.deaths == 4)
    assert time.monotonic() - begun >= 0.2 + 0.4 + 0.8
    stop([dying])


def test_a_task_that_is_done_is_not_started_again(tmp_path: Path) -> None:
    once = Child(Task("test", a_script(tmp_path, ""), restart=False))
    once.start()
    eventually(lambda: not once.running)
    once.tend()
    once.tend()
    assert not once.running
    assert starts(tmp_path) == 1
    stop([once])


def test_stopping_asks_first_and_kills_who_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mlvajra_al.cli.supervisor.STOP_SECONDS", 0.3)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    stubborn = Child(Task("test", a_script(tmp_path, f"{deaf}; time.sleep(600)")))
    stubborn.start()
    said = ""

    def is_deaf() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "test     | deaf" in said

    eventually(is_deaf)
    stop([stubborn])
    assert stubborn.process is not None
    assert stubborn.process.returncode == -signal.SIGKILL


def test_a_leashed_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script, place = a_script(tmp_path, "time.sleep(600)")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, script, place], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    leashed = psutil.Process(int(parent.stdout.readline()))
    eventually(lambda: starts(tmp_path) == 1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert psutil.wait_procs([leashed], timeout=60)[0] == [leashed]


PARENT = """
import sys, time
from mlvajra_al.cli.tenancy import tenancy
from mlvajra_al.cli.supervisor import Child, Task
child = Child(Task("test", tuple(sys.argv[1:])))
child.start()
print(child.process.pid, flush=True)
time.sleep(600)
"""


class App:
    """`mlvajra run` on a free port, in a workspace of its own."""

    def __init__(self, home: Path, log: str = "log", **environment: str) -> None:
        self.log = home.parent / log
        self.environment = os.environ | {
            "MLVAJRA_HOME": str(home),
            "MLVAJRA_PORT": str(free_port()),
            "MLVAJRA_DEMO": "false",
        }
        self.environment |= environment
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [MLVAJRA, "run"], env=self.environment, stdout=sink, stderr=sink
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def open(self) -> bool:
        assert self.process.poll() is None, self.said
        return "Open http" in self.said

    def ready(self) -> bool:
        url = f"http://127.0.0.1:{self.environment['MLVAJRA_PORT']}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def child(self, name: str) -> psutil.Process:
        return next(child for child in self.children() if name in " ".join(child.cmdline()))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., App]]:
    started: list[App] = []

    def starter(**environment: str) -> App:
        started.append(App(tmp_path / "workspace", **environment))
        return started[-1]

    yield starter
    for app in started:
        if app.process.poll() is None:
            left = app.children()
            app.process.kill()
            psutil.wait_procs(left, timeout=10)
        app.process.wait()


def test_run_prints_one_line_and_stops_cleanly(start: Callable[..., App]) -> None:
    app = start()
    eventually(app.open)
    lines = [line for line in app.said.splitlines() if "http" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Open http://127.0.0.1:")
    assert "/account/setup?token=" in lines[0]
    children = app.children()
    assert len(children) == 3
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(timeout=120) == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert "Traceback" not in app.said


def test_killed_processes_come_back_and_follow_a_killed_supervisor(
    start: Callable[..., App],
) -> None:
    app = start(MLVAJRA_ADMIN_PASSWORD="correct horse", MLVAJRA_WORKERS="1")
    eventually(app.open)
    eventually(app.ready)
    assert "setup" not in app.said
    killed = [app.child("app.py"), app.child("mlvajra_al.worker")]
    for process in killed:
        process.kill()
    eventually(lambda: len({*app.children()} - {*killed}) == 2)
    eventually(app.ready)
    assert "web      | ended by SIGKILL" in app.said
    assert "worker   | ended by SIGKILL" in app.said
    assert app.said.count("Open http") == 1
    left = app.children()
    app.process.kill()
    app.process.wait()
    assert psutil.wait_procs(left, timeout=60)[1] == []


def test_a_second_on_the_same_workspace_is_told_where_the_first_answers(
    start: Callable[..., App], tmp_path: Path
) -> None:
    url = "http://127.0.0.1:8501"
    with tenancy(tmp_path / "workspace") as first:
        first.note(url)
        second = start()
        assert second.process.wait(timeout=120) == 1
    assert f"(process {os.getpid()}): open {url}, stop it first" in second.said
    assert second.said.count("\n") == 1


def test_a_taken_port_is_one_sentence(start: Callable[..., App]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        app = start(MLVAJRA_PORT=str(port))
        assert app.process.wait(timeout=120) == 1
    assert app.said.startswith(f"mlvajra: port {port} on 127.0.0.1 is taken by another program")
    assert app.said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MLVAJRA_PORT", "eighty", "the setting MLVAJRA_PORT cannot be used"),
        ("MLVAJRA_HOST", "no.such.host.invalid", "which is no address"),
        ("MLVAJRA_DATABASE_URL", "mysql://here/there", "only sqlite and postgresql"),
        ("MLVAJRA_HOME", "/proc/nowhere", "cannot be written"),
    ],
)
def test_a_setting_that_cannot_work_is_one_sentence(
    start: Callable[..., App], name: str, value: str, said: str
) -> None:
    app = start(**{name: value})
    assert app.process.wait(timeout=120) == 1
    assert said in app.said
    assert app.said.count("\n") == 1


def test_ctrl_c_while_the_workspace_is_prepared_is_one_word(tmp_path: Path) -> None:
    home = tmp_path / "workspace"
    with (tmp_path / "log").open("wb") as sink:
        process = subprocess.Popen(
            [MLVAJRA, "run"],
            env=os.environ | {"MLVAJRA_HOME": str(home), "MLVAJRA_PORT": str(free_port())},
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=_hearing_ctrl_c,
        )
    eventually(lambda: "pid" in _text(home / "run.lock"))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert process.wait(timeout=120) == 130
    assert _text(tmp_path / "log") == "mlvajra: interrupted\n"


def _hearing_ctrl_c() -> None:
    """Hear it even where the tests were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_the_port_and_the_host_may_be_told_on_the_command_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [MLVAJRA, "run", "--port", port, "--host", "127.0.0.1"],
            env=os.environ | {"MLVAJRA_HOME": str(tmp_path), "MLVAJRA_PORT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"mlvajra: port {port} on 127.0.0.1 is taken")
    assert f"another port: mlvajra run --port {int(port) + 1}" in done.stderr
