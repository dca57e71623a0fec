"""A worker that is told to stop is gone at once, also where everything else is quicker than it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from mlvajra_al import worker
from mlvajra_al.services import workspaces
from tests.workers import living, wait_until


@contextmanager
def _a_process(**environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mlvajra_al.worker"],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def _workers(home: Path) -> tuple[str, ...]:
    with closing(workspaces.opened(home, f"sqlite:///{home / 'mlvajra.db'}")) as store:
        return living(store)


def test_a_worker_that_has_nothing_to_do_ends_at_once(begun: Path) -> None:
    with _a_process() as process:
        wait_until(lambda: bool(_workers(begun)))
        before = sum(psutil.Process(process.pid).cpu_times()[:2])
        process.terminate()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_utime + used.ru_stime - before < 0.5
    assert not _workers(begun)


def test_a_worker_that_still_loads_what_it_needs_ends_too(begun: Path) -> None:
    with _a_process(PYTHONPROFILEIMPORTTIME="1") as process:
        assert process.stderr is not None
        while "scipy" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert "mlvajra_al.services.jobs.simulating\n" not in process.stderr.read()
        assert process.wait() == 0


def test_what_steps_back_steps_forward_again_when_it_ends() -> None:
    code = (
        "from mlvajra_al import worker\n"
        "worker.step_back(7); print(worker.AUTOGROUP.read_text().split()[-1])\n"
        "worker.step_forward(); print(worker.AUTOGROUP.read_text().split()[-1])\n"
    )
    if not worker.AUTOGROUP.exists():
        pytest.skip("this system weighs no sessions against each other")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.stdout.split() == ["7", "0"], done.stderr
