"""The whole app in processes of its own, on one project, to be killed and started again."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import text

from benchmarks import workload
from mlvajra_al.config import Settings
from mlvajra_al.records import Column, Policy, Recipe
from mlvajra_al.services import importing, people, projects
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store.database import Store
from tests.server import MLVAJRA, Server
from tests.soak.annotators import Annotator, Diary

PROJECT = "tickets"
PASSWORD = "correct horse battery staple"
CLOCK = Path(__file__).with_name("clock")
APP = Path(__file__).parents[2] / "app.py"
PATIENCE_S = 180.0
MARKS = {"supervisor": "mlvajra run", "web": "app.py", "worker": "mlvajra_al.worker"}
"""What the command line of each kind of process holds."""


@dataclass
class House:
    """`mlvajra run`, the store it runs on, and the right answers.

    `doors` are further web servers on the same database, as on a second machine.
    """

    server: Server
    store: Store
    truth: dict[str, str]
    doors: list[Server] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)
    diaries: list[Diary] = field(default_factory=list)

    def annotators(self, count: int, rng: random.Random) -> list[Annotator]:
        """Return new people who are signed in."""
        names = [f"annotator{len(self.clients) + number}" for number in range(count)]
        now = datetime.now(UTC)
        for name in names:
            people.add(self.store, None, name=name, role="annotator", password=PASSWORD, now=now)
        return [self.tab(name, random.Random(rng.random())) for name in names]

    def tab(self, name: str, rng: random.Random) -> Annotator:
        """Return another tab of a person."""
        client = self.client(name)
        annotator = Annotator(client, name, PROJECT, truth=self.truth.__getitem__, rng=rng)
        self.diaries.append(annotator.diary)
        return annotator

    @property
    def servers(self) -> list[Server]:
        """Every web server, with what runs beside it."""
        return [self.server, *self.doors]

    def client(self, name: str) -> httpx.Client:
        """Return a browser in which a person is signed in, at one server after the other."""
        server = self.servers[len(self.clients) % len(self.servers)]
        client = httpx.Client(base_url=server.url, timeout=30)
        self.clients.append(client)
        signed_in = client.post("/account/login", data={"name": name, "password": PASSWORD})
        assert signed_in.status_code == 303, signed_in.text
        return client

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Return what a query finds in the tables."""
        with self.store.read() as connection:
            return list(connection.execute(text(query), values))

    def wait_until_idle(self) -> None:
        """Return when no job waits or runs."""
        deadline = time.monotonic() + PATIENCE_S
        while open_jobs := self.rows(
            "SELECT id, kind, state, message FROM job WHERE state IN ('queued', 'running')"
        ):
            assert time.monotonic() < deadline, f"these jobs do not end: {open_jobs}"
            time.sleep(0.2)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return the processes by what they are: supervisor, web, worker."""
        found: dict[str, list[psutil.Process]] = {"supervisor": [], "web": [], "worker": []}
        for process in [one for server in self.servers for one in server.processes()]:
            try:
                words = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            for kind, mark in MARKS.items():
                if mark in words:
                    found[kind].append(process)
        return found

    def kill(self, rng: random.Random, kind: str) -> str:
        """End one process of a kind with SIGKILL; of any kind where none of this one lives."""
        alive = [(found, one) for found, some in self.processes().items() for one in some]
        kind, victim = rng.choice([item for item in alive if item[0] == kind] or alive)
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return f"{kind} (which had ended)"
        for server in self.servers:  # whom we have started we must notice
            if server.process is not None and server.process.pid == victim.pid:
                server.process.wait()
        return kind

    @property
    def clock(self) -> Path:
        """The file that says by how many seconds the clock of the app was set."""
        return self.store.home.parent / "clock"

    def recover(self) -> None:
        """Start what nobody else starts again, as an init system would; wait until it answers."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for server in self.servers:
                if server.process is None or server.process.poll() is not None:
                    server.launch()
            if len(self.processes()["web"]) >= len(self.servers) and all(
                server.answers() for server in self.servers
            ):
                return
            time.sleep(0.1)
        raise AssertionError(f"the app did not come back:\n{self.server.log[-4000:]}")


@contextmanager
def a_house(
    folder: Path,
    url: str,
    *,
    samples: int,
    policy: Policy,
    command: tuple[str | Path, ...] = (MLVAJRA, "run"),
    doors: int = 1,
    patient: bool = False,
) -> Iterator[House]:
    """Open a house on an empty database, its pool imported and its first jobs done.

    Its workers are waited for, unless it is `patient`: then they step back as they do for people.
    """
    home = folder / "workspace"
    home.mkdir(parents=True, exist_ok=True)
    store = Store.open(url, home)
    store.migrate()
    tasks = workload.make_tasks(samples)
    now = datetime.now(UTC)
    admin = people.add(store, None, name="admin", role="admin", password=PASSWORD, now=now)
    draft = projects.draft(
        PROJECT,
        labels=make_labels(workload.CLASSES),
        recipe=Recipe((Column("text", "text"),)),
        now=now,
        seed=7,
    )
    projects.create(store, admin, replace(draft, key_column="id", policy=policy))
    source = folder / "tickets.jsonl"
    source.write_text("\n".join(f'{{"id": "{t["id"]}", "text": "{t["text"]}"}}' for t in tasks))
    importing.start_import(store, admin, PROJECT, uri=source, now=now)
    paths = [str(CLOCK), os.environ.get("PYTHONPATH", "")]
    settings = {"MLVAJRA_DATABASE_URL": url, "MLVAJRA_DEMO": "false"}
    # What is killed measures nothing, and takes a third longer with a measure.
    settings |= {"COVERAGE_PROCESS_CONFIG": ""}
    settings |= {"PYTHONPATH": os.pathsep.join(paths), "SOAK_CLOCK": str(folder / "clock")}
    if patient:
        settings["MLVAJRA_WORKER_NICE"] = str(Settings.model_fields["worker_nice"].default)
    (folder / "clock").write_text("")
    server = Server(home, settings, command=command)
    further = [Server(home, settings, command=(sys.executable, APP)) for _ in range(doors - 1)]
    house = House(server, store, {str(task["id"]): task["label"] for task in tasks}, further)
    try:
        server.start()
        for door in further:
            door.start()
        house.wait_until_idle()
        yield house
    finally:
        for client in house.clients:
            client.close()
        for started in house.servers:
            started.end()
        store.close()
