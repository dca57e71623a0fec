"""Play 200 answers on spam through the real services and worker: how good is the model.

``python benchmarks/spam_loop.py`` prints JSON: per seed the true F1 (spam) of the newest
version on every e-mail nobody has answered. Budget: a median of at least 0.93.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from mlvajra_al.records import Policy
from mlvajra_al.store.database import Store
from tests.rehearsal import SPAM, Rehearsal, spam

BUDGET = 0.93


def play(seed: int, labels: int) -> dict[str, Any]:
    started = time.perf_counter()
    policy = Policy(holdout_rate=0.2)
    with tempfile.TemporaryDirectory() as home:
        store = Store.open(f"sqlite:///{home}/mlvajra.db", Path(home))
        store.migrate()
        rehearsal = Rehearsal.begin(store, spam(seed, policy=policy), source=SPAM)
        rehearsal.work()
        for _ in range(labels // policy.retrain_every):
            rehearsal.answer(policy.retrain_every)
            rehearsal.work()
        f1, unanswered = rehearsal.true_f1("spam")
        versions = rehearsal.versions()
        store.close()
    return {
        "seed": seed,
        "f1_spam": round(f1, 4),
        "unanswered": unanswered,
        "versions": len(versions),
        "modes": [version.mode for version in versions],
        "labels": versions[-1].label_counts,
        "retrain_s": [round(version.duration_s, 2) for version in versions],
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=200)
    asked = parser.parse_args()
    runs = [play(seed, asked.labels) for seed in range(asked.seeds)]
    median = statistics.median(run["f1_spam"] for run in runs)
    print(json.dumps({"median_f1_spam": median, "budget": BUDGET, "runs": runs}, indent=2))
    sys.exit(median < BUDGET)


if __name__ == "__main__":
    main()
