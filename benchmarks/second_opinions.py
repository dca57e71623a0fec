"""What asking again is worth: as many answers, with second opinions and with new samples only.

Two people who are wrong about one sample in five, or one in fifty, answer in turn, through the
real services and worker. ``python benchmarks/second_opinions.py`` prints JSON: per demo and rate
how good the newest version is on everything unanswered, and what share of the labels it learned
from is right. Budget: second opinions are not worse (paired, one-sided 5%).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import numpy as np
from scipy import stats
from sklearn.metrics import f1_score

sys.path.insert(0, str(Path(__file__).parent.parent))

from mlvajra_al import worker
from mlvajra_al.errors import PoolExhausted
from mlvajra_al.records import Answer, Person, Policy
from mlvajra_al.services import claiming, labelling
from mlvajra_al.services.demo_projects import DEMOS
from mlvajra_al.services.jobs import demo_files, examining, scoring
from mlvajra_al.services.resolving import gold
from mlvajra_al.store import annotations as events
from mlvajra_al.store import doubts, people, versions
from mlvajra_al.store.database import Store
from tests.rehearsal import LEASE, SPAM, Rehearsal

RATES = (0.2, 0.02)
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Played:
    f1: float
    right: float
    second: int


def play(demo: str, seed: int, answers: int, *, rate: float, share: float) -> Played:
    """Let two people give so many answers between them."""
    with tempfile.TemporaryDirectory() as home, mock.patch.object(examining, "SHARE", share):
        store = Store.open(f"sqlite:///{home}/mlvajra.db", Path(home))
        store.migrate()
        policy = Policy(holdout_rate=0.0, retrain_every=20)
        draft = replace(DEMOS[demo].project(worker.utc_now()), policy=policy, seed=seed)
        source = SPAM if demo == "spam" else demo_files.write(demo, Path(home) / "demo")
        rehearsal = Rehearsal.begin(store, draft, source=source)
        rehearsal.work()
        with store.begin() as connection:
            pair = [
                people.add(
                    connection, name, role="annotator", password_hash=None, now=worker.utc_now()
                )
                for name in ("Ada", "Bob")
            ]
        for turn in range(answers // policy.retrain_every):
            answer(rehearsal, pair[turn % 2], policy.retrain_every, rate=rate)
            rehearsal.work()
        played = measure(rehearsal)
        store.close()
    return played


def answer(rehearsal: Rehearsal, person: Person, count: int, *, rate: float) -> None:
    """Answer one sample after the other, some of them wrongly."""
    names = scoring.label_names(rehearsal.project)
    for _ in range(count):
        now = worker.utc_now()
        try:
            (claim,) = claiming.claim(
                rehearsal.store,
                person,
                rehearsal.project.name,
                n=1,
                now=now,
                lease=LEASE,
                rng=rehearsal.rng,
            )
        except PoolExhausted:
            return
        (label,) = rehearsal.gold([claim.position])
        if rehearsal.rng.random() < rate:
            label = str(rehearsal.rng.choice([name for name in names if name != label]))
        labelling.record(
            rehearsal.store,
            person,
            rehearsal.project.name,
            answers=[Answer(str(uuid4()), claim.sample_key, "answer", label, claim.id)],
            now=now,
            lease=LEASE,
        )


def measure(rehearsal: Rehearsal) -> Played:
    """Measure the newest version on what nobody has answered, and the labels it learned from."""
    store, project = rehearsal.store, rehearsal.project
    with store.read() as connection:
        newest = versions.latest(connection, project.id)
        assert newest is not None
        scorer = scoring.scorer(store.home, connection, project, newest.number)
        pool = labelling.project_pool(store, connection, project)
        touched = events.positions(connection, project.id)
        learned, _ = gold(connection, project)
        second = doubts.asked(connection, project.id, now=worker.utc_now())
    left = np.setdiff1d(np.arange(len(pool)), touched).tolist()
    names = np.array(scorer.labels)
    said = names[scorer.at(pool, left).argmax(axis=1)]
    truth = rehearsal.gold([item.position for item in learned])
    right = np.mean([item.label == label for item, label in zip(learned, truth, strict=True)])
    return Played(f1_score(rehearsal.gold(left), said, average="macro"), float(right), second)


def compare(demo: str, seeds: int, answers: int, *, rate: float) -> dict[str, Any]:
    """Play the same seeds with second opinions and without."""
    pairs = [
        tuple(play(demo, s, answers, rate=rate, share=share) for share in (examining.SHARE, 0.0))
        for s in range(seeds)
    ]
    with_them, without = zip(*pairs, strict=True)
    gains = np.array([one.f1 - other.f1 for one, other in pairs])
    p_worse = float(stats.ttest_1samp(gains, 0.0, alternative="less").pvalue)
    return {
        "demo": demo,
        "answers": answers,
        "error rate": rate,
        "f1": round(float(np.mean([one.f1 for one in with_them])), 4),
        "f1 of new only": round(float(np.mean([one.f1 for one in without])), 4),
        "gain": [round(float(gains.mean()), 4), round(float(stats.sem(gains)), 4)],
        "right labels": round(float(np.mean([one.right for one in with_them])), 4),
        "right labels of new only": round(float(np.mean([one.right for one in without])), 4),
        "second opinions": [one.second for one in with_them],
        "p_worse": round(p_worse, 4),
        "holds": p_worse > ALPHA,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demos", default="digits,spam")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--answers", type=int, default=400)
    asked = parser.parse_args()
    found = []
    for demo in asked.demos.split(","):
        for rate in RATES:
            found.append(compare(demo, asked.seeds, asked.answers, rate=rate))
            print(json.dumps(found[-1]), flush=True)
    sys.exit(not all(one["holds"] for one in found))


if __name__ == "__main__":
    main()
