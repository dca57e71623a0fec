"""A person at the labelling card, as a browser test sees it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psutil
import pyarrow.parquet as pq
from playwright.sync_api import Locator, Page, expect

from mlvajra_al.records import Column, JobKind, Project, Recipe, Role
from mlvajra_al.services import importing, people, projects, training
from mlvajra_al.store.database import Store
from mlvajra_al.store.hashing import hash_content

PASSWORD = "correct horse battery staple"
SPAM = Path(__file__).resolve().parents[2] / "data" / "spam_assassin.parquet"
numbers = count(1)

# Registered before the card's own listener: what stood on the screen when a key went down.
RECORDER = """
window.pressed = [];
window.addEventListener("keydown", (event) => {
  const host = document.querySelector("[data-testid=stBidiComponentIsolated]");
  const card = host?.shadowRoot?.querySelector(".mlvajra-card");
  window.pressed.push({
    key: event.key,
    sample: card?.dataset.painted ?? "",
    title: card?.querySelector(".title")?.textContent ?? "",
    text: card?.querySelector(".text")?.textContent ?? "",
  });
}, true);
"""


@dataclass
class Desk:
    """A tab with the card of one project, and what the server has stored of this person."""

    page: Page
    server: Any
    person: str
    project: str = "spam"
    statuses: list[str] = field(default_factory=list)

    def open(self) -> Desk:
        """Go to the card and wait until a sample is on the screen."""
        self.page.add_init_script(RECORDER)
        self.page.goto(f"{self.server.url}/annotate?project={self.project}")
        self.wait_for_card()
        return self

    @property
    def card(self) -> Locator:
        """The component."""
        return self.page.locator(".mlvajra-card")

    @property
    def status(self) -> Locator:
        """The line that says whether answers are saved."""
        return self.page.locator(".mlvajra-card .status")

    @property
    def notices(self) -> Locator:
        """What stands below the rail."""
        return self.page.locator(".mlvajra-card .notice")

    @property
    def sample(self) -> str:
        """The key of the sample on the screen."""
        return self.card.get_attribute("data-painted") or ""

    def wait_for_card(self) -> None:
        """Return when a sample is on the screen."""
        self.page.locator('.mlvajra-card:not([data-painted=""])[data-painted]').wait_for()

    def press(self, *keys: str) -> list[str]:
        """Press keys as a reader does, each on a painted card; return the samples they met."""
        met = []
        for key in keys:
            self.wait_for_card()
            self.page.keyboard.press(key)
            met.append(self.pressed()[-1]["sample"])
        return met

    def burst(self, keys: str, *, pause_ms: int = 60) -> None:
        """Press keys without waiting for anything."""
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(pause_ms)

    def pressed(self) -> list[dict[str, str]]:
        """Return what stood on the screen at each press so far."""
        found: list[dict[str, str]] = self.page.evaluate("window.pressed")
        return found

    def wait_until_saved(self) -> None:
        """Return when the card says that all is saved."""
        expect(self.status).to_have_text("All saved", timeout=30_000)

    def stored(self) -> list[dict[str, Any]]:
        """Return the events of this person, in order."""
        columns = "event_id, sample_key, action, label, supersedes, comment, late, elapsed_ms"
        query = f"""SELECT {columns} FROM annotation
            JOIN person ON person.id = person_id JOIN project ON project.id = project_id
            WHERE person.name = ? AND project.name = ? ORDER BY seq"""  # noqa: S608
        with database(self.server) as connection:
            return [dict(row) for row in connection.execute(query, (self.person, self.project))]

    def held(self) -> int:
        """Return how many claims this person holds."""
        query = """SELECT count(*) FROM slot JOIN person ON person.id = annotator_id
            WHERE person.name = ? AND done = 0"""
        with database(self.server) as connection:
            return int(connection.execute(query, (self.person,)).fetchone()[0])


@contextmanager
def database(server: Any) -> Iterator[sqlite3.Connection]:
    """Yield the server's database beside the server."""
    with closing(sqlite3.connect(server.home / "mlvajra.db", timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
        connection.commit()


def a_person(server: Any, role: Role = "annotator") -> str:
    """Store a person with a password and return the name."""
    name = f"{role} {next(numbers)}"
    with opened(server) as store:
        people.add(store, None, name=name, role=role, password=PASSWORD, now=datetime.now(UTC))
    return name


TEXTS = [{"text": f"the {number}. text of many"} for number in range(40)]


def a_project(
    server: Any, name: str, rows: Sequence[dict[str, Any]] = TEXTS, **fields: Any
) -> Project:
    """Store a project of texts with its samples; return when they are asked about.

    `fields` replace what it would have: labels, a policy, a title column, guidelines.
    """
    recipe = Recipe(tuple(Column(column, "text") for column in rows[0]))
    labels = projects.make_labels(["good", "bad"])
    source = server.home.parent / f"{quote(name, safe='')}.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))
    with opened(server) as store:
        now = datetime.now(UTC)
        admin = people.get(store, "admin")
        drafted = projects.draft(name, labels=labels, recipe=recipe, now=now, seed=7)
        project = projects.create(store, admin, replace(drafted, **fields))
        importing.start_import(store, admin, name, uri=source, now=now)
        until(lambda: not _unread(store, project), f"the samples of {name!r}")
    return project


def _unread(store: Store, project: Project) -> bool:
    kinds: tuple[JobKind, ...] = ("ingest", "prepare")
    jobs = training.jobs_of(store, project.name, kinds=kinds)
    assert not [job.error for job in jobs if job.state == "failed"]
    return [job.state for job in jobs] != ["done", "done"]


@contextmanager
def opened(server: Any) -> Iterator[Store]:
    """Yield the server's store beside the server."""
    store = Store.open(f"sqlite:///{server.home / 'mlvajra.db'}", server.home)
    try:
        yield store
    finally:
        store.close()


def outrun(desk: Desk, *, label: str) -> None:
    """Let this person's leases run out and somebody else answer the sample on the screen."""
    with database(desk.server) as connection:
        connection.execute(
            "UPDATE slot SET lease_until = '2026-01-01 00:00:00.000000' "
            "WHERE annotator_id = (SELECT id FROM person WHERE name = ?)",
            (desk.person,),
        )
    path = f"/projects/{desk.project}"
    with desk.server.client(a_person(desk.server)) as client:
        claimed = client.post(f"{path}/claims", json={"n": 20}).json()
        [claim] = [one for one in claimed if one["sample_key"] == desk.sample]
        answer = {"event_id": str(uuid4()), "action": "answer", "label": label}
        answer |= {"sample_key": desk.sample, "claim_id": claim["claim_id"]}
        assert client.post(f"{path}/annotations", json=[answer]).status_code == 201


def until(condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
    """Return what the condition found, once it has; for what the server does on its own."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return found


def kill_web(server: Any) -> None:
    """End the web process as a crash does; the supervisor starts another."""
    for process in server.processes():
        listens = [c.laddr.port for c in process.net_connections() if c.status == "LISTEN"]
        if server.port in listens:
            process.kill()
            psutil.wait_procs([process], timeout=10)
            return
    raise AssertionError("no process listens on the server's port")


def emails() -> dict[str, dict[str, str]]:
    """Return the e-mails by key, which is a hash of what they say."""
    [batch] = pq.read_table(SPAM).combine_chunks().to_batches()
    keys = hash_content(batch, ("body", "subject"))
    return {key.hex(): row for key, row in zip(keys, batch.to_pylist(), strict=True)}
