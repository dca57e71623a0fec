"""What a test does beside the browser: people, projects, and what the server has stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pyarrow.parquet as pq
from sqlalchemy import text

from mlvajra_al.records import Column, JobKind, Project, Recipe, Role
from mlvajra_al.services import importing, people, projects, training
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.versions import VersionRow, listed
from mlvajra_al.store.database import Store
from mlvajra_al.store.hashing import hash_content

PASSWORD = "correct horse battery staple"
SPAM = Path(__file__).resolve().parents[2] / "data" / "spam_assassin.parquet"
TEXTS = [{"text": f"the {number}. text of many"} for number in range(40)]
numbers = count(1)


def rows(server: Any, query: str, **values: Any) -> list[dict[str, Any]]:
    """Ask the server's database beside the server."""
    with server.opened() as store, store.read() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def change(server: Any, statement: str, **values: Any) -> None:
    """Change the server's database beside the server."""
    with server.opened() as store, store.begin() as connection:
        connection.execute(text(statement), values)


def until(condition: Callable[[], Any], what: str, *, seconds: float = 120) -> Any:
    """Return what the condition found, once it has; for what the server does on its own."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return found


def a_person(server: Any, role: Role = "annotator") -> str:
    """Store a person with a password and return the name."""
    name = f"{role} {next(numbers)}"
    with server.opened() as store:
        people.add(store, None, name=name, role=role, password=PASSWORD, now=datetime.now(UTC))
    return name


def a_project(
    server: Any, name: str, samples: Sequence[dict[str, Any]] = TEXTS, **fields: Any
) -> Project:
    """Store a project of texts with its samples; return when they are asked about.

    `fields` replace what it would have: labels, a policy, a title column, guidelines.
    """
    recipe = Recipe(tuple(Column(column, "text") for column in samples[0]))
    labels = make_labels(["good", "bad"])
    source = server.home.parent / f"{quote(name, safe='')}.jsonl"
    source.write_text("\n".join(json.dumps(sample) for sample in samples))
    with server.opened() as store:
        now = datetime.now(UTC)
        admin = people.get(store, "admin")
        drafted = projects.draft(name, labels=labels, recipe=recipe, now=now, seed=7)
        project = projects.create(store, admin, replace(drafted, **fields))
        importing.start_import(store, admin, name, uri=source, now=now)
        until(lambda: not _unread(store, project), f"the samples of {name!r}")
    return project


def _unread(store: Store, project: Project) -> bool:
    kinds: tuple[JobKind, ...] = ("ingest", "prepare")
    jobs = training.jobs_of(store, None, project.name, kinds=kinds)
    assert not [job.error for job in jobs if job.state == "failed"]
    return [job.state for job in jobs] != ["done", "done"]


def versions(server: Any, project: str) -> tuple[VersionRow, ...]:
    """Return a project's versions, oldest first."""
    with server.opened() as store:
        return listed(store, None, project)


def wait_until_idle(server: Any) -> None:
    """Return when the workers have nothing left to do."""
    query = "SELECT id FROM job WHERE state IN ('queued', 'running')"
    until(lambda: not rows(server, query), "the end of all jobs")


@contextmanager
def gone(server: Any) -> Iterator[None]:
    """Keep the web process away: its supervisor, held meanwhile, starts another afterwards."""
    supervisor = server.processes()[0]
    supervisor.suspend()
    try:
        kill_web(server)
        yield
    finally:
        supervisor.resume()
        server.wait_until_ready()


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
