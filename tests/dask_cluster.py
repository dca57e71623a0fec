"""A scheduler and workers on this machine, each a process; run as a script it becomes them.

They are forked from one process that has imported everything, so that each costs little.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cluster:
    """Where the scheduler listens, and the processes of the workers."""

    address: str
    scheduler: int
    workers: tuple[int, ...]

    @property
    def engine(self) -> str:
        """What MLVAJRA_ENGINE names it by."""
        return f"dask://{self.address}"


@contextlib.contextmanager
def a_cluster(workers: int = 2) -> Iterator[Cluster]:
    """Run a cluster of workers with one thread each."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.dask_cluster", str(workers)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        address, scheduler, *others = process.stdout.readline().split()
        try:
            yield Cluster(address, int(scheduler), tuple(map(int, others)))
        finally:
            process.stdin.close()  # they end with it


def _main(workers: int) -> None:
    from distributed import Scheduler, Worker

    async def schedule() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            os.write(writing, scheduler.address.removeprefix("tcp://").encode() + b"\n")
            await scheduler.finished()

    async def work(address: str) -> None:
        async with Worker(
            f"tcp://{address}", host="127.0.0.1", nthreads=1, dashboard=False
        ) as worker:
            os.write(writing, b".")
            await worker.finished()

    reading, writing = os.pipe()
    children = [_forked(schedule)]
    address = b""
    while not address.endswith(b"\n"):
        address += os.read(reading, 100)
    children += [_forked(lambda: work(address.decode().strip())) for _ in range(workers)]
    ready = b""
    while len(ready) < workers:
        ready += os.read(reading, 1)
    sys.stdout.write(" ".join(map(str, (address.decode().strip(), *children))) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _forked(act: object) -> int:
    child = os.fork()
    if child:
        return child
    try:
        asyncio.run(act())  # type: ignore[operator]
    finally:
        os._exit(0)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
