"""The short form of `make soak`: the app in processes of its own, killed, starved, its clock set.

Two web servers on one database, as on two machines. One start for each database, because starting
is what takes the time.
"""

from __future__ import annotations

import random
from pathlib import Path

import httpx

from mlvajra_al.records import Policy
from tests.soak import failures, kills, pace
from tests.soak.house import PASSWORD, PROJECT, House, a_house

SEED = 7
POLICY = Policy(retrain_every=60, full_every=3)
SAMPLES = 2_000
GUESSES = 10
"""So many wrong passwords, and sign-in waits."""


def test_kills_lose_nothing_and_two_servers_agree(database_url: str, tmp_path: Path) -> None:
    on_sqlite = database_url.startswith("sqlite")
    victims = ("web", "worker", "supervisor") if on_sqlite else ("worker", "web")
    with a_house(tmp_path, database_url, samples=SAMPLES, policy=POLICY, doors=2) as house:
        kills.kill_rounds(house, victims, seed=SEED)
        what_one_server_is_told_the_other_knows(house)
        if on_sqlite:
            a_clock_set_back_is_not_noticed(house)
            a_used_up_quota_is_said(house)
            ten_people_at_their_pace_wait_for_nothing(house)


def what_one_server_is_told_the_other_knows(house: House) -> None:
    here, there = (f"{server.url}/api/v1/projects" for server in house.servers)
    admin, ada = house.client("admin"), house.client("annotator0")
    assert [ada.get(url).status_code for url in (here, there)] == [200, 200]
    for restricted, found in ((True, 404), (False, 200)):
        changed = admin.put(f"{here}/{PROJECT}/access", json={"restricted": restricted})
        assert changed.status_code == 200
        assert [ada.get(f"{url}/{PROJECT}").status_code for url in (here, there)] == [found] * 2
    kept = dict(ada.cookies)
    assert ada.post(f"{house.doors[0].url}/account/logout").status_code == 303
    ada.cookies.update(kept)
    assert [ada.get(url).status_code for url in (here, there)] == [401, 401]
    guess = {"name": "annotator1", "password": "not this one"}
    for number in range(GUESSES):
        assert _sign_in(house, number, guess) == 422
    assert [_sign_in(house, n, guess | {"password": PASSWORD}) for n in (0, 1)] == [429, 429]


def _sign_in(house: House, number: int, form: dict[str, str]) -> int:
    server = house.servers[number % len(house.servers)]
    return httpx.post(f"{server.url}/account/login", data=form).status_code


def a_clock_set_back_is_not_noticed(house: House) -> None:
    hour_back = failures.clock_set(house, seconds=-3600)
    assert not failures.survive(house, hour_back, lasts_s=2, rng=random.Random(SEED))


def a_used_up_quota_is_said(house: House) -> None:
    quota = failures.no_room_to_write(house.processes()["web"][0])
    told = failures.survive(house, quota, lasts_s=2, rng=random.Random(SEED))
    assert told and {status for status, _ in told} <= {503, 507}
    assert all("nothing that was saved is lost" in words for _, words in told)


def ten_people_at_their_pace_wait_for_nothing(house: House) -> None:
    felt = pace.measure(house, people=10, seconds=6, rng=random.Random(SEED))
    assert felt.answers >= 5 and felt.memory_mb > 0
