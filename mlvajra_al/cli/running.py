"""`mlvajra run` and `mlvajra worker`: processes, and the one line that says where to go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mlvajra_al.cli.supervisor import Child, Task, stop, stop_on_signals
from mlvajra_al.errors import Setup
from mlvajra_al.services.listening import address, free_port, reachable

PACKAGE = Path(__file__).parent.parent
HOPELESS = 3
"""So many deaths before the first answer mean that starting again does not help."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: mlvajra run --port 8600")(run)
    app.command(epilog="Example: mlvajra worker")(worker)


def run(
    port: Annotated[int | None, typer.Option(help="In the place of MLVAJRA_PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="In the place of MLVAJRA_HOST.")] = None,
) -> None:
    """Open the app: web and workers, started again when they die; Ctrl-C stops them all."""
    from mlvajra_al.cli.tenancy import tenancy
    from mlvajra_al.config import settings, unknown

    for name, value in (("MLVAJRA_PORT", port), ("MLVAJRA_HOST", host)):
        if value is not None:
            os.environ[name] = str(value)
    chosen = settings()
    for stranger in unknown():
        typer.echo(f"mlvajra: {stranger}", err=True)
    app = app_file()
    with tenancy(chosen.home) as place:
        port = free_port(chosen.host, chosen.port)
        os.environ["MLVAJRA_PORT"] = str(port)
        first = prepare()
        url = address(chosen.host, port)
        place.note(url)
        children = _children(app, chosen.workers, demo=bool(first["demo"]))
        _tend(children, lambda: answers(chosen.host, port), line(url, first["path"]))


def _children(app: Path, workers: int, *, demo: bool) -> list[Child]:
    """Return what is to run, the web server first."""
    tasks = [Task("web", (str(app),)), Task("worker", ("mlvajra_al.worker",))]
    for number in range(2, workers + 1):
        tasks.append(Task(f"worker {number}", ("mlvajra_al.worker", "--standby")))
    if demo:
        tasks.append(Task("demo", ("mlvajra_al", "demo", "create"), restart=False))
    return [Child(task) for task in tasks]


def _tend(children: list[Child], is_open: Callable[[], bool], greeting: str) -> None:
    """Keep the children running until a signal; say where to go once the first one answers."""
    stopping = stop_on_signals()
    web, opened = children[0], False
    try:
        for child in children:
            child.start()
        while not stopping.wait(0.05):
            if not opened and is_open():
                opened = True
                typer.echo(greeting)
            for child in children:
                child.tend()
            if not opened and web.deaths >= HOPELESS:
                raise Setup(
                    f"the web server ended {web.deaths} times before it answered; "
                    "its own words are above"
                )
    finally:
        stop(children)


def worker() -> None:
    """Run one worker in this terminal: it does what people and the loop ask for."""
    os.execv(sys.executable, [sys.executable, "-m", "mlvajra_al.worker"])  # noqa: S606


def app_file() -> Path:
    """Return the launcher, which lies beside the package together with `pages/`.

    Raises
    ------
    Setup
        If the package was installed without them.
    """
    app = PACKAGE.parent / "app.py"
    if not app.is_file():
        raise Setup(
            f"there is no app.py beside the package in {app.parent}; clone the repository and "
            "use 'make run', or install it there with 'pip install -e .'"
        )
    return app


def prepare() -> dict[str, str]:
    """Bring the workspace up to date, in a process of its own so that this one stays small.

    Raises
    ------
    Exit
        With the exit code of that process if it could not; it has said why.
    """
    done = subprocess.run(
        [sys.executable, "-m", "mlvajra_al.cli.first_start"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is heard here, and ends it from here
        check=False,
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
    result: dict[str, str] = json.loads(done.stdout)
    return result


def answers(host: str, port: int) -> bool:
    """Tell whether the web server accepts connections."""
    try:
        with socket.create_connection((reachable(host), port), timeout=1):
            return True
    except OSError:
        return False


def line(url: str, path: str) -> str:
    """Return the one line that a person looks for, bold in a terminal."""
    why = "to set up the first account" if path else "to sign in"
    text = f"Open {url}{path} {why}; Ctrl-C stops everything."
    return typer.style(text, bold=True, fg="green") if sys.stdout.isatty() else text
