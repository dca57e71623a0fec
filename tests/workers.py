"""Workers as processes of their own, for tests that kill, starve and outnumber them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mlvajra_al import worker
from mlvajra_al.services.demo_projects import TUMOURS
from mlvajra_al.services.jobs import demo_files
from mlvajra_al.store.database import Store
from tests.rehearsal import Rehearsal

PATIENCE_S = 60


def a_due_retrain(store: Store, folder: Path) -> Rehearsal:
    """A project whose next fit takes a quarter of a second and waits for a worker."""
    recipe = replace(TUMOURS.recipe, estimator="random_forest")
    draft = replace(TUMOURS.project(worker.utc_now()), recipe=recipe)
    loop = Rehearsal.begin(store, draft, source=demo_files.write("tumours", folder))
    loop.work()
    loop.answer(40)
    return loop


@contextmanager
def a_worker(store: Store, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, killed at the end; its words go to `log`."""
    url = store.engine.url.set(drivername=store.engine.dialect.name)
    environment = os.environ | {
        "MLVAJRA_HOME": str(store.home),
        "MLVAJRA_DATABASE_URL": url.render_as_string(hide_password=False),
    }
    with (log or Path(os.devnull)).open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlvajra_al.worker"], env=environment, stderr=said
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(happened: Callable[[], bool]) -> None:
    """Return as soon as it has happened."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
