"""Speeds while people label: alone, with a retrain meanwhile, and fifty at a time.

``SOAK_SECONDS`` sets how long the fifty work (300).
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import httpx
import pytest

from benchmarks import annotation_workload, workload
from mlvajra_al.records import Policy
from tests.soak import pace
from tests.soak.annotators import Crew
from tests.soak.house import PROJECT, House, a_house
from tests.soak.invariants import broken_promises

pytestmark = pytest.mark.soak
NEVER = Policy(retrain_every=100_000)
PHASES, PHASE_S = 6, 8.0


def test_fifty_people_at_their_pace_wait_for_nothing(database_url: str, tmp_path: Path) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "300"))
    with a_house(tmp_path, database_url, samples=10_000, policy=Policy(), patient=True) as house:
        felt = pace.measure(house, people=50, seconds=seconds, rng=random.Random(50))
    sys.stdout.write(f"\nfifty people on {database_url.split(':')[0]}: {felt}\n")
    assert felt.submit_p95_ms <= 100
    assert felt.growth_mb_a_minute <= 5


def test_eight_people_without_a_pause_share_nothing_and_lose_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLVAJRA_DATABASE_URL", database_url)
    adapter = annotation_workload.Mlvajra(retrain_every=annotation_workload.NEVER)
    out = tmp_path / "workload.json"
    try:
        found = workload.run(adapter, n_tasks=10_000, seq=250, workers=8, per_worker=250, out=out)
    finally:
        adapter.stop()
    together = found["concurrent"]
    assert (together["tasks_handed_to_2plus"], together["tasks_labelled_by_2plus"]) == (0, 0)
    assert (together["errors"], found["sequential"]["errors"]) == ({}, {})
    assert (found["stored"]["lost"], found["stored"]["tasks_with_2plus_annotators"]) == (0, 0)
    sys.stdout.write(
        f"\n{together['throughput_per_s']} labels/s (aim 300), next p50 / p95 "
        f"{together['next']['p50_ms']} / {together['next']['p95_ms']} ms (aim 12 / 25), "
        f"{together['server_cpu_ms_per_label']} CPU-ms a label (aim 3)\n"
    )


def test_a_retrain_is_not_felt_by_who_labels(database_url: str, tmp_path: Path) -> None:
    with a_house(tmp_path, database_url, samples=10_000, policy=NEVER, patient=True) as house:
        crew = Crew(house.annotators(8, random.Random(8)), pause_s=lambda: 0.1)
        admin = house.client("admin")
        spans: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        with crew:
            for phase in range(PHASES):
                training = phase % 2 == 1
                started = time.time()
                while time.time() - started < PHASE_S:
                    if training:
                        retrain(house, admin)
                    time.sleep(0.2)
                spans[training].append((started, time.time()))
                house.wait_until_idle()
        crew.send_everything()
        assert not (broken := broken_promises(house)), broken[:9]
        versions = house.rows("SELECT count(*) AS n FROM version")[0].n
    submits = [one for diary in crew.diaries for one in diary.submits]
    rest, busy = (
        [took for at, took in submits if any(a <= at < b for a, b in spans[training])]
        for training in (False, True)
    )
    sys.stdout.write(
        f"\nsubmit p50 / p95 on {database_url.split(':')[0]}, {versions} retrains: at rest "
        f"{told(rest)} ms, while training {told(busy)} ms (aim: p95 at most 1.3 times)\n"
    )


def told(seconds: list[float]) -> str:
    """Return the median and the 95th percentile in milliseconds."""
    times = [1_000 * second for second in seconds]
    return f"{pace.percentile(times, 50)} / {pace.percentile(times, 95)}"


def retrain(house: House, admin: httpx.Client) -> None:
    """Ask for a retrain, unless one waits already."""
    asked = admin.post(f"/api/v1/projects/{PROJECT}/jobs", json={"kind": "retrain"})
    assert asked.status_code in (200, 201, 202, 409), asked.text
