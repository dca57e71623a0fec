"""Kill processes of ours at random moments while people label, start them again, and count.

``SOAK_ROUNDS`` sets how many kills each database gets (100) and ``SOAK_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tests.soak.house import a_house
from tests.soak.kills import POLICY, SAMPLES_A_ROUND, any_kinds, kill_rounds


@pytest.mark.soak
def test_a_hundred_kills_lose_nothing(database_url: str, tmp_path: Path) -> None:
    rounds = int(os.environ.get("SOAK_ROUNDS", "100"))
    seed = int(os.environ.get("SOAK_SEED", random.randrange(10**6)))
    samples = 1_000 + SAMPLES_A_ROUND * rounds
    with a_house(tmp_path, database_url, samples=samples, policy=POLICY, doors=2) as house:
        sys.stdout.write(f"{kill_rounds(house, any_kinds(rounds, seed), seed=seed)}\n")
