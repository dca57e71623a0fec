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


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system knows no such threads")
def test_who_steps_back_runs_while_nobody_else_wants_to_until_it_ends() -> None:
    code = (
        "import os; from mlvajra_al import worker\n"
        "worker.step_back({}); print(os.sched_getscheduler(0), os.nice(0))\n"
        "worker.step_forward(); print(os.sched_getscheduler(0), os.nice(0))\n"
    )
    nicest, nicer = (
        subprocess.run(
            [sys.executable, "-c", code.format(niceness)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for niceness in (worker.NICEST, 7)
    )
    assert nicest[:2] == [str(os.SCHED_IDLE), "19"]
    assert nicer[:2] == [str(os.SCHED_OTHER), "7"]
    if os.geteuid() == 0:
        assert nicest[2:] == nicer[2:] == [str(os.SCHED_OTHER), "0"]
