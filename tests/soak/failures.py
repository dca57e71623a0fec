"""Take away what the app stands on while people label, give it back, and see what they felt."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import psycopg

from tests.postgresql import Cluster
from tests.soak.annotators import Crew
from tests.soak.house import House
from tests.soak.invariants import broken_promises

ANNOTATORS = 4
PAUSE_S = 0.1
BACK_AT_WORK = 20
"""So many new answers after the trouble mean that the app has recovered."""
RECOVERY_S = 120.0


def survive(
    house: House, trouble: AbstractContextManager[object], *, lasts_s: float, rng: random.Random
) -> Counter[tuple[int, str]]:
    """Let people work before, during and after a trouble; return what they were told in it.

    Nobody starts anything again by hand. Afterwards every promise holds.
    """
    people = house.annotators(ANNOTATORS, rng)
    with Crew(people, pause_s=lambda: random.expovariate(1 / PAUSE_S)) as crew:
        _wait_for_answers(crew, BACK_AT_WORK)
        assert not crew.troubles, f"in peace they were told {crew.troubles}"
        with trouble:
            time.sleep(lasts_s)
            told = crew.troubles
        _wait_for_answers(crew, BACK_AT_WORK)
    crew.send_everything()
    house.wait_until_idle()
    assert not (broken := broken_promises(house)), broken[:9]
    return told


def _wait_for_answers(crew: Crew, count: int) -> None:
    wanted = crew.saved + count
    deadline = time.monotonic() + RECOVERY_S
    while crew.saved < wanted:
        assert time.monotonic() < deadline, f"nobody can work: {crew.troubles.most_common(3)}"
        time.sleep(0.05)


@contextmanager
def no_room_to_write(process: psutil.Process) -> Iterator[None]:
    """Forbid a process to write to any file, as a quota that is used up does."""
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount a disk of this size; needs root."""
    folder.mkdir(parents=True)
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def disk_full(folder: Path) -> Iterator[None]:
    """Fill the disk of a folder to the last byte."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                _fill(file, b"\0" * size)
            yield
    finally:
        filler.unlink()


def _fill(file: object, piece: bytes) -> None:
    try:
        while True:
            file.write(piece)  # type: ignore[attr-defined]
    except OSError:
        return


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    """Stop PostgreSQL, and start it again."""
    cluster.stop()
    try:
        yield
    finally:
        cluster.start()


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """Let PostgreSQL refuse every write, as a standby does."""
    _always(url, "on")
    try:
        yield
    finally:
        _always(url, "off")


def _always(url: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        admin.execute("SELECT pg_reload_conf()")


@contextmanager
def clock_set(house: House, *, seconds: int) -> Iterator[None]:
    """Set the clock of every process of the app, and set it right again."""
    house.clock.write_text(str(seconds))
    try:
        yield
    finally:
        house.clock.write_text("")


@contextmanager
def write_protected(house: House) -> Iterator[None]:
    """Take the right to write from the database's files, and the web process its open ones."""
    files = list(house.store.home.parent.glob("mlvajra.db*"))
    for file in files:
        file.chmod(0o444)
    house.processes()["web"][0].kill()
    try:
        yield
    finally:
        for file in files:
            if file.exists():
                file.chmod(0o644)


def can_mount() -> bool:
    """Say whether this process may mount a small disk."""
    probe = Path("/tmp/mlvajra-mount-probe")  # noqa: S108  made and removed at once
    try:
        with small_disk(probe, megabytes=1):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        shutil.rmtree(probe, ignore_errors=True)
