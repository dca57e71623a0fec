"""Rounds of labelling in which a process of ours is killed and started again."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

from mlvajra_al.records import Policy
from tests.soak.annotators import Crew
from tests.soak.house import MARKS, House
from tests.soak.invariants import broken_promises, lost_or_changed

ANNOTATORS = 8
PAUSE_S = 0.1
LONGEST_ROUND_S = 4.0
SAMPLES_A_ROUND = 1_500
POLICY = Policy(retrain_every=25, full_every=5)


def any_kinds(rounds: int, seed: int) -> list[str]:
    """Return kinds of processes in random order, each as often as any other."""
    rng = random.Random(seed)
    thirds = (rng.sample(sorted(MARKS), len(MARKS)) for _ in range(0, rounds, len(MARKS)))
    return [kind for some in thirds for kind in some][:rounds]


def kill_rounds(house: House, kinds: Sequence[str], *, seed: int) -> str:
    """Kill these one by one while people label; fail on any broken promise, say what happened."""
    engine = house.store.engine.dialect.name
    sys.stdout.write(f"\nseed {seed}: {len(kinds)} rounds on {engine}\n")
    rng = random.Random(seed)
    victims: Counter[str] = Counter()
    people = house.annotators(ANNOTATORS, rng)
    with Crew(people, pause_s=lambda: random.expovariate(1 / PAUSE_S)) as crew:
        for number, kind in enumerate(kinds):
            time.sleep(rng.uniform(0.0, LONGEST_ROUND_S))
            victims[house.kill(rng, kind)] += 1
            house.recover()
            broken = list(lost_or_changed(house))
            assert not broken, f"seed {seed}, round {number}: {broken[:5]}"
    crew.send_everything()
    house.wait_until_idle()
    assert not (broken := broken_promises(house)), f"seed {seed}: {broken[:9]}"
    return f"killed {dict(victims)}; {_told(house, crew)}"


def _told(house: House, crew: Crew) -> str:
    saved = crew.saved
    repeats = sum(item["repeat"] for diary in crew.diaries for item in diary.saved.values())
    troubles = crew.troubles
    jobs = house.rows("SELECT kind, state, count(*) AS n FROM job GROUP BY kind, state ORDER BY 1")
    tried = house.rows("SELECT count(*) AS n FROM job WHERE attempts > 1")[0].n
    return (
        f"{saved} answers acknowledged, {repeats} of them after they had been sent before; "
        f"jobs {[tuple(row) for row in jobs]}, {tried} taken over; "
        f"troubles {troubles.most_common(6)}"
    )
