"""The loop as people live it, without a browser: import, claim, answer, wait for the worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np

from mlvajra_al import worker
from mlvajra_al.records import Answer, Claim, Job, Person, Policy, Project, Version
from mlvajra_al.services import claiming, importing, labelling, projects
from mlvajra_al.services.demo_projects import DEMOS
from mlvajra_al.services.jobs import scoring
from mlvajra_al.services.jobs.telling import Clock
from mlvajra_al.services.versions import listed
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
    def begin(cls, store: Store, draft: Project, *, source: Path) -> Rehearsal:
        """Make the project and ask for the import of its data; nothing is imported yet."""
        now = worker.utc_now()
        with store.begin() as connection:
            admin = people.add(connection, "admin", role="admin", password_hash=None, now=now)
        project = projects.create(store, admin, draft)
        rehearsal = cls(store, admin, project, np.random.default_rng(draft.seed))
        rehearsal.import_from(source)
        return rehearsal

    def import_from(self, source: Path) -> None:
        """Ask for an import."""
        now = worker.utc_now()
        importing.start_import(self.store, self.admin, self.project.name, uri=source, now=now)

    def work_once(self, *, clock: Clock = worker.utc_now) -> Job | None:
        """Do one job, if one waits."""
        return worker.run_once(self.store, "rehearsal", clock=clock)

    def work(self) -> list[Job]:
        """Do all jobs that wait; every one of them must end well."""
        done = []
        while (job := self.work_once()) is not None:
            assert job.state == "done", f"{job.kind}: {job.error}"
            done.append(job)
        return done

    def claim(self, count: int = CARDS) -> tuple[Claim, ...]:
        """Take the next samples."""
        return claiming.claim(
            self.store,
            self.admin,
            self.project.name,
            n=count,
            now=worker.utc_now(),
            lease=LEASE,
            rng=self.rng,
        )

    def answer(self, count: int, *, label: str | None = None) -> None:
        """Answer samples by their gold column, or all alike, six cards at a time."""
        while count:
            claims = self.claim(min(CARDS, count))
            assert claims, "nothing is left to ask about"
            gold = self.gold([claim.position for claim in claims])
            answers = [
                Answer(str(uuid4()), claim.sample_key, "answer", label or truth, claim.id)
                for claim, truth in zip(claims, gold, strict=True)
            ]
            self.record(answers)
            count -= len(answers)

    def record(self, answers: Sequence[Answer]) -> None:
        """Give answers."""
        labelling.record(
            self.store,
            self.admin,
            self.project.name,
            answers=answers,
            now=worker.utc_now(),
            lease=LEASE,
        )

    def versions(self) -> list[Version]:
        """Return the versions so far, oldest first."""
        return [row.version for row in listed(self.store, None, self.project.name)]

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


def spam(seed: int, *, policy: Policy) -> Project:
    """Return the demo project on e-mails, not stored, with another seed and policy."""
    return replace(DEMOS["spam"].project(worker.utc_now()), policy=policy, seed=seed)
