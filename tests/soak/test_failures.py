"""Take away disk, database and time from a running app: what people are told, what is stored."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlvajra_al.records import Policy
from tests.postgresql import Cluster
from tests.server import MLVAJRA
from tests.soak import failures
from tests.soak.house import House, a_house

pytestmark = pytest.mark.soak
POLICY = Policy(retrain_every=20)
SAMPLES = 5_000
AWAY = "the database cannot be used right now"
FULL = "there is no room left on the disk"
RNG = random.Random(20261123)


def assert_told(told: Counter[tuple[int, str]], *sentences: tuple[int, str]) -> None:
    """Every word that people got is one of these; at least one was said."""
    assert told
    strange = {
        (status, words): count
        for (status, words), count in told.items()
        if not any(status == code and said in words for code, said in sentences)
    }
    assert not strange


NOBODY = [(0, "ConnectError"), (0, "ReadError"), (0, "RemoteProtocolError"), (0, "WriteError")]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which PostgreSQL's own account may look, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="mlvajra-disk-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this test's own."""
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder)) as running:
        yield running


@pytest.fixture
def on_postgresql(own_cluster: Cluster, tmp_path: Path) -> Iterator[House]:
    """The app on that server."""
    url = f"{own_cluster.url}/postgres"
    with a_house(tmp_path, url, samples=SAMPLES, policy=POLICY) as house:
        yield house


def test_postgresql_stopped_for_twenty_seconds(on_postgresql: House, own_cluster: Cluster) -> None:
    told = failures.survive(on_postgresql, failures.stopped(own_cluster), lasts_s=20, rng=RNG)
    assert_told(told, (503, AWAY))


def test_a_postgresql_that_can_only_be_read(on_postgresql: House, own_cluster: Cluster) -> None:
    trouble = failures.read_only(f"{own_cluster.url}/postgres")
    told = failures.survive(on_postgresql, trouble, lasts_s=10, rng=RNG)
    assert_told(told, (503, f"{AWAY} (it can only be read)"))


@pytest.mark.skipif(not failures.can_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_under_sqlite(tmp_path: Path) -> None:
    with failures.small_disk(tmp_path / "disk", megabytes=250) as disk:
        url = f"sqlite:///{disk / 'mlvajra.db'}"
        with a_house(disk, url, samples=SAMPLES, policy=POLICY) as house:
            told = failures.survive(house, failures.disk_full(disk), lasts_s=10, rng=RNG)
    assert_told(told, (507, FULL))


@pytest.mark.skipif(not failures.can_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_under_postgresql(tmp_path: Path, open_folder: Path) -> None:
    disk = failures.small_disk(open_folder / "disk", megabytes=160)
    with disk as folder, Cluster(folder) as cluster:
        url = f"{cluster.url}/postgres"
        with a_house(tmp_path, url, samples=SAMPLES, policy=POLICY) as house:
            told = failures.survive(house, failures.disk_full(folder), lasts_s=10, rng=RNG)
    assert_told(told, (507, FULL), (503, AWAY))


def test_a_sqlite_file_that_nobody_may_write_to(tmp_path: Path) -> None:
    # Root may write to everything unless it gives that right away.
    command = ("setpriv", "--bounding-set=-dac_override", MLVAJRA, "run")
    url = f"sqlite:///{tmp_path / 'mlvajra.db'}"
    with a_house(tmp_path, url, samples=SAMPLES, policy=POLICY, command=command) as house:
        told = failures.survive(house, failures.write_protected(house), lasts_s=10, rng=RNG)
    assert_told(told, (503, AWAY), *NOBODY)


def test_a_clock_set_back_by_an_hour_and_set_right_again(database_url: str, tmp_path: Path) -> None:
    with a_house(tmp_path, database_url, samples=SAMPLES, policy=POLICY) as house:
        hour_back = failures.clock_set(house, seconds=-3600)
        assert not failures.survive(house, hour_back, lasts_s=20, rng=RNG)
