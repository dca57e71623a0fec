"""Run every benchmark, and say at the end which aims hold.

``python -m benchmarks`` runs them one after the other: first those that measure time, while the
machine has nothing else to do, then those that count labels. Each prints what it measured beside
its reference and ends with 1 if an aim was missed; so does this. ``--only key_latency,spam_loop``
runs some, ``--timed`` those that measure time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
TIMED = (
    "annotation_workload",
    "explanation_speed",
    "import_speed",
    "key_latency",
    "large_pool",
    "loop_latency",
    "ranking_speed",
    "retrain_speed",
)
COUNTING = (
    "spam_loop",
    "label_efficiency",
    "labels_needed",
    "rare_class",
    "several_labels",
    "stop_advice",
    "stop_advice_several",
    "second_opinions",
    "published_areas",
    "never_worse",
)
AIMLESS = ("label_efficiency", "several_labels")
"""What these print is to be read; no aim is set."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--timed", action="store_true", help="only those that measure time")
    given = parser.parse_args()
    chosen = [name for name in given.only.split(",") if name]
    if strange := set(chosen) - {*TIMED, *COUNTING}:
        parser.error(f"no benchmark is called {min(strange)}; see benchmarks/README.md")
    chosen = chosen or [*TIMED, *(() if given.timed else COUNTING)]
    outcomes = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        code = run(name)
        outcomes.append((name, code, time.monotonic() - started))
    print()
    for name, code, seconds in outcomes:
        print(f"{name:<22}{seconds / 60:7.1f} min  {verdict(name, code)}")
    sys.exit(any(code for _, code, _ in outcomes))


def run(name: str) -> int:
    """Run one in a process of its own, which finds the package, its tests and its neighbours."""
    paths = (str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", ""))
    places = os.pathsep.join(path for path in paths if path)
    command = [sys.executable, str(HERE / f"{name}.py")]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": places}, check=False).returncode


def verdict(name: str, code: int) -> str:
    """Say in words how it ended."""
    if code:
        return "an aim was missed, or it broke: see above"
    return "to be read" if name in AIMLESS else "holds"


if __name__ == "__main__":
    main()
