"""A signal that comes at whatever moment of a wait ends it."""

from __future__ import annotations

import subprocess
import sys

WAITS = """
import random, signal
from mlvajra_al.signals import Told

for number in range(2_000):
    told = Told()
    signal.signal(signal.SIGALRM, lambda *_: told.set())
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00001, 0.0003))
    while not told.wait(0.000001):
        pass
"""


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes() -> None:
    subprocess.run([sys.executable, "-c", WAITS], check=True, timeout=60)
