"""The loop as people live it, without a browser: import, claim, answer, wait for the worker."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np

from mlvajra_al import worker
from mlvajra_al.records import Answer, Job, Person, Policy, Project
from mlvajra_al.services import importing, labelling, projects
from mlvajra_al.services.demo_projects import DEMOS
from mlvajra_al.services.jobs import scoring
from mlvajra_al.store import annotations as events
from mlvajra_al.store import people, versions
from mlvajra_al.store.database import Store

LEASE = timedelta(minutes=5)
CARDS = 6
SPAM = Path(__file__).parent.parent / "data" / "spam_assassin.parquet"


@dataclass(slots=True)
class Rehearsal:
    """A workspace with one demo project, its admin, and a generator of chance."""

    store: Store
    admin: Person
    project: Project
    rng: np.random.Generator

    @classmethod
    def begin(cls, home: Path, *, source: Path, name: str, policy: Policy, seed: int) -> Rehearsal:
        """Make the workspace and import the data; nothing is prepared yet."""
        store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
        store.migrate()
        now = worker.utc_now()
        with store.begin() as connection:
            admin = people.add(connection, "admin", role="admin", password_hash=None, now=now)
        draft = replace(DEMOS[name].project(now), policy=policy, seed=seed)
        project = projects.create(store, admin, draft)
        importing.start_import(store, admin, name, uri=source, now=now)
        rehearsal = cls(store, admin, project, np.random.default_rng(seed))
        rehearsal.work()
        return rehearsal

    def work(self) -> list[Job]:
        """Do all jobs that wait; every one of them must end well."""
        done = []
        while (job := worker.run_once(self.store, "rehearsal")) is not None:
            assert job.state == "done", f"{job.kind}: {job.error}"
            done.append(job)
        return done

    def answer(self, count: int) -> None:
        """Answer samples by their gold column, six cards at a time."""
        while count:
            claims = labelling.claim(
                self.store,
                self.admin,
                self.project.name,
                n=min(CARDS, count),
                now=worker.utc_now(),
                lease=LEASE,
                rng=self.rng,
            )
            assert claims, "nothing is left to ask about"
            gold = self.gold([claim.position for claim in claims])
            answers = [
                Answer(str(uuid4()), claim.sample_key, "answer", label, claim.id)
                for claim, label in zip(claims, gold, strict=True)
            ]
            labelling.record(
                self.store,
                self.admin,
                self.project.name,
                answers=answers,
                now=worker.utc_now(),
                lease=LEASE,
            )
            count -= len(answers)

    def gold(self, positions: list[int]) -> list[str]:
        """Return what the gold column says."""
        with self.store.read() as connection:
            pool = labelling.project_pool(self.store, connection, self.project)
        column = str(self.project.gold_column)
        labels: list[str] = pool.take(positions, [column]).column(column).to_pylist()
        return labels

    def true_f1(self, label: str) -> tuple[float, int]:
        """Return the newest version's F1 on everything unanswered, and how much that is."""
        with self.store.read() as connection:
            newest = versions.latest(connection, self.project.id)
            assert newest is not None, "there is no version"
            pool = labelling.project_pool(self.store, connection, self.project)
            answered = events.positions(connection, self.project.id)
            scorer = scoring.scorer(self.store.home, connection, self.project, newest.number)
        positions = np.setdiff1d(np.arange(len(pool)), answered).tolist()
        place = scorer.labels.index(label)
        called = scorer.at(pool, positions).argmax(axis=1) == place
        truth = np.array([gold == label for gold in self.gold(positions)])
        return float(2 * (called & truth).sum() / (called.sum() + truth.sum())), len(positions)


def stopwatch() -> float:
    """Return seconds, for differences."""
    return time.perf_counter()
