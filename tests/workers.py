"""Workers for tests: one at work in this process, or forked ones to kill and to starve."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from mlvajra_al import worker
from mlvajra_al.services.demo_projects import TUMOURS
from mlvajra_al.services.jobs import demo_files
from mlvajra_al.store import processes
from mlvajra_al.store.database import Store
from tests.forks import Forks
from tests.rehearsal import Rehearsal

PATIENCE_S = 240
"""So long a machine that is busy may take; nothing takes it unless it has failed."""


def a_due_retrain(store: Store, folder: Path) -> Rehearsal:
    """A project whose next fit takes a quarter of a second and waits for a worker."""
    recipe = replace(TUMOURS.recipe, estimator="random_forest")
    draft = replace(TUMOURS.project(worker.utc_now()), recipe=recipe)
    loop = Rehearsal.begin(store, draft, source=demo_files.write("tumours", folder))
    loop.work()
    loop.answer(40)
    return loop


def work(store: Store) -> None:
    """Do all jobs that wait, however they end."""
    while worker.run_once(store, "here") is not None:
        continue


def after_the_lease() -> datetime:
    return worker.utc_now() + worker.LEASE + timedelta(seconds=1)


@contextmanager
def a_worker(store: Store, name: str = "here") -> Iterator[None]:
    """A worker in a thread; it has finished its job at the end."""
    running = worker.Worker(store, name)
    thread = threading.Thread(target=running.run_forever)
    others = len(living(store))
    thread.start()
    try:
        wait_until(lambda: len(living(store)) > others)
        yield
    finally:
        running.stop()
        thread.join()


@contextmanager
def a_forked_worker(
    forks: Forks, code: str, store: Store, *arguments: object
) -> Iterator[psutil.Process]:
    """Run `code`, which finds URL, folder and arguments, in a process that is killed at the end."""
    process = psutil.Process(forks.start(code, url_of(store), store.home, *arguments))
    try:
        yield process
    finally:
        process.kill()
        forks.ended()


def url_of(store: Store) -> str:
    """Return what another process opens the same database by."""
    url = store.engine.url.set(drivername=store.engine.dialect.name)
    return url.render_as_string(hide_password=False)


def living(store: Store) -> tuple[str, ...]:
    """Return what the workers do that live."""
    with store.read() as connection:
        return processes.living(connection, "worker", now=worker.utc_now())


def wait_until(happened: Callable[[], bool]) -> None:
    """Return as soon as it has happened."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
