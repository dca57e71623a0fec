"""The short form of `make soak`: the app in processes of its own, killed, starved, its clock set.

One start for each database, because starting is what takes the time.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.soak import failures, kills, pace
from tests.soak.house import House, a_house

ROUNDS = 3
SEED = 7
SAMPLES = 2_000


def test_three_kills_lose_nothing(database_url: str, tmp_path: Path) -> None:
    with a_house(tmp_path, database_url, samples=SAMPLES, policy=kills.POLICY) as house:
        kills.kill_rounds(house, rounds=ROUNDS, seed=SEED)
        if house.store.engine.dialect.name == "sqlite":
            a_clock_set_back_is_not_noticed(house)
            a_used_up_quota_is_said(house)
            ten_people_at_their_pace_wait_for_nothing(house)


def a_clock_set_back_is_not_noticed(house: House) -> None:
    hour_back = failures.clock_set(house, seconds=-3600)
    assert not failures.survive(house, hour_back, lasts_s=2, rng=random.Random(SEED))


def a_used_up_quota_is_said(house: House) -> None:
    quota = failures.no_room_to_write(house.processes()["web"][0])
    told = failures.survive(house, quota, lasts_s=2, rng=random.Random(SEED))
    assert {status for status, _ in told} <= {503, 507}
    assert all("nothing that was saved is lost" in words for _, words in told)


def ten_people_at_their_pace_wait_for_nothing(house: House) -> None:
    felt = pace.measure(house, people=10, seconds=10, rng=random.Random(SEED))
    assert felt.answers >= 10 and felt.memory_mb > 0
