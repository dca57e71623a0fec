"""What a job has freed is not kept by its worker."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from mlvajra_al.worker import give_back_memory

FREED = """
import sys
from pathlib import Path
import numpy as np
from mlvajra_al.worker import give_back_memory

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024

before = megabytes()
pieces = [np.ones(12_500) for _ in range(1_000)]
held = pieces[-1]
del pieces
freed = megabytes()
give_back_memory()
sys.stdout.write(f"{freed - before} {megabytes() - before}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps it and can give it back")
def test_what_a_job_has_freed_goes_back_to_the_system() -> None:
    said = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    kept, left = map(int, said.stdout.split())
    assert kept > 80, "the last piece keeps what lies before it"
    assert left < 20


def test_where_the_system_cannot_take_it_back_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_back_memory()
