"""From the 20th answer to the new ranking being served, and what labelling feels of it.

``python benchmarks/loop_latency.py`` runs a real worker process on spam and prints JSON.
Budget on an idle machine with two cores: at most 3 s. While the worker trains, answers are
timed too, and compared with those given while it rests.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from mlvajra_al.records import Policy
from mlvajra_al.services import claiming
from mlvajra_al.store import jobs, versions
from mlvajra_al.store.database import Store
from tests.rehearsal import SPAM, Rehearsal, spam

BUDGET_S = 3.0
EVERY = 20
PAUSE_S = 0.05
GIVE_UP_S = 120


@contextmanager
def a_worker(home: Path) -> Iterator[psutil.Process]:
    environment = os.environ | {"MLVAJRA_HOME": str(home), "MLVAJRA_DATABASE_URL": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlvajra_al.worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def until(happened: Any) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while not happened():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.01)


def resting(rehearsal: Rehearsal) -> bool:
    with rehearsal.store.read() as connection:
        active = jobs.listed(
            connection, rehearsal.project.id, states=("queued", "running"), limit=1
        )
    return not active


def newest(rehearsal: Rehearsal) -> int:
    with rehearsal.store.read() as connection:
        found = versions.latest(connection, rehearsal.project.id)
    return found.number if found else 0


def serves(rehearsal: Rehearsal, number: int) -> bool:
    """Tell whether a pool sample claimed now is one the version asked for; gives it back."""
    claims = rehearsal.claim(6)
    claiming.release(rehearsal.store, rehearsal.admin, "spam", given=[claim.id for claim in claims])
    return any(claim.why.version == number for claim in claims)


def timed_answers(rehearsal: Rehearsal, count: int) -> list[float]:
    """Answer one by one, as a person would, and time claim and answer together."""
    out = []
    for _ in range(count):
        started = time.perf_counter()
        rehearsal.answer(1)
        out.append(time.perf_counter() - started)
        time.sleep(PAUSE_S)
    return out


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time a process has used: it does not mind who else is busy."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(rounds: int) -> dict[str, Any]:
    latencies, at_rest, meanwhile, used = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = Store.open(f"sqlite:///{home}/mlvajra.db", home)
        store.migrate()
        policy = Policy(retrain_every=EVERY)
        with a_worker(home) as process:
            rehearsal = Rehearsal.begin(store, spam(0, policy=policy), source=SPAM)
            started = time.perf_counter()
            until(lambda: resting(rehearsal))
            ready_s = time.perf_counter() - started
            for _ in range(rounds):
                number = newest(rehearsal) + 1
                at_rest += timed_answers(rehearsal, EVERY)
                started, before = time.perf_counter(), cpu_s(process)
                until(lambda number=number: serves(rehearsal, number))
                used.append(cpu_s(process) - before)
                latencies.append(time.perf_counter() - started)
                until(lambda: resting(rehearsal))
            for _ in range(rounds // 2):
                timed_answers(rehearsal, EVERY)
                meanwhile += timed_answers(rehearsal, 8)
                until(lambda: resting(rehearsal))
                timed_answers(rehearsal, EVERY - 8)
                until(lambda: resting(rehearsal))
        store.close()
    return {
        "from_the_20th_answer_to_the_new_ranking_s": [round(value, 2) for value in latencies],
        "worst_s": round(max(latencies), 2),
        "budget_s": BUDGET_S,
        "processor_s_of_the_worker": [round(value, 2) for value in used],
        "import_and_prepare_s": round(ready_s, 1),
        "answer_ms_while_the_worker_rests": _spread(at_rest),
        "answer_ms_while_it_trains": _spread(meanwhile),
        "load_average": os.getloadavg(),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1_000 * value for value in seconds)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    found = measure(parser.parse_args().rounds)
    print(json.dumps(found, indent=2))
    sys.exit(found["worst_s"] > BUDGET_S)
