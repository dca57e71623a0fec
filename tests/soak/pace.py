"""Fifty people at the pace of people: how long an answer takes, and whether memory grows."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import Any

from tests.soak.annotators import Crew
from tests.soak.house import House
from tests.soak.invariants import broken_promises

PAUSE_S = 3.0
SAMPLE_S = 1.0
MB = 2**20


@dataclass(frozen=True, slots=True)
class Pace:
    """What it was like."""

    answers: int
    submit_p50_ms: float
    submit_p95_ms: float
    claim_p95_ms: float
    memory_mb: float
    """Of all processes together, in the last third of the time."""
    growth_mb_a_minute: float
    """From the first third to the last."""


def measure(house: House, *, people: int, seconds: float, rng: random.Random) -> Pace:
    """Let people label at their pace; fail on any broken promise or trouble."""
    crew = Crew(house.annotators(people, rng), pause_s=lambda: rng.uniform(0.5, 1.5) * PAUSE_S)
    memory: list[tuple[float, float]] = []
    with crew:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            memory.append((time.monotonic(), _memory_mb(house)))
            time.sleep(SAMPLE_S)
    crew.send_everything()
    assert not crew.troubles, crew.troubles.most_common(5)
    house.wait_until_idle()
    assert not (broken := broken_promises(house)), broken[:9]
    return _pace(crew, memory)


def _memory_mb(house: House) -> float:
    every = (process for server in house.servers for process in server.processes())
    return sum(process.memory_info().rss for process in every) / MB


def _pace(crew: Crew, memory: list[tuple[float, float]]) -> Pace:
    submits = [took * 1_000 for diary in crew.diaries for _, took in diary.submits]
    claims = [took * 1_000 for diary in crew.diaries for _, took in diary.claims]
    third = len(memory) // 3
    early, late = memory[:third], memory[-third:]
    apart_s, growth = (
        statistics.fmean(one[place] for one in late) - statistics.fmean(one[place] for one in early)
        for place in (0, 1)
    )
    return Pace(
        answers=crew.saved,
        submit_p50_ms=percentile(submits, 50),
        submit_p95_ms=percentile(submits, 95),
        claim_p95_ms=percentile(claims, 95),
        memory_mb=round(statistics.fmean(used for _, used in late), 1),
        growth_mb_a_minute=round(60 * growth / apart_s, 2),
    )


def percentile(values: list[Any], percent: int) -> float:
    """Return a percentile to a tenth."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)
