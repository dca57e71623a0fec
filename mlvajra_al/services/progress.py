"""What stands in a project, counted, and what the loop is doing: the words of rail and home page.

The log of answers is read once, then only what is new.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from mlvajra_al.errors import examples_needed
from mlvajra_al.records import ACTIVE, Action, Job, JobKind, Person, Progress, Project
from mlvajra_al.services import access
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs, processes, projects, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.words import plural

CLOSING = ("answer", "flag")


class Tally:
    """How often what was said, with which labels, and how many people have settled each sample."""

    def __init__(self) -> None:
        self.said: Counter[Action] = Counter()
        self.labels: Counter[str] = Counter()
        self.answers_of: Counter[int] = Counter()
        self._settled = np.zeros(1024, dtype=np.int16)
        self._samples_with: Counter[int] = Counter()
        self._seq = 0
        self._reading = threading.Lock()

    def read_on(self, connection: Connection, project: Project) -> None:
        """Count what was said since the last time."""
        with self._reading:
            while page := events.changes(connection, project.id, after_seq=self._seq):
                for row in page:
                    self._add(row.action, row.person_id, row.position, by=1)
                    self._count(project, row.label, by=1)
                    if row.old_action is not None:
                        self._add(row.old_action, row.person_id, row.position, by=-1)
                        self._count(project, row.old_label, by=-1)
                self._seq = page[-1].seq

    def closed(self, overlap: int) -> int:
        """Return how many samples as many people as are wanted have answered or flagged."""
        return sum(n for people, n in self._settled_by() if people >= overlap)

    def wanting(self, samples: int, overlap: int) -> int:
        """Return how many more answers a pool of so many samples can give."""
        given = sum(n * min(people, overlap) for people, n in self._settled_by())
        return max(0, samples * overlap - given)

    def _settled_by(self) -> list[tuple[int, int]]:
        """Return numbers of people, and how many samples so many have settled."""
        with self._reading:
            return [(people, n) for people, n in self._samples_with.items() if people > 0]

    def _count(self, project: Project, answer: str | None, *, by: int) -> None:
        for name in () if answer is None else project.names_in(answer):
            self.labels[name] += by

    def _add(self, action: Action, person_id: int, position: int, *, by: int) -> None:
        self.said[action] += by
        if action == "answer":
            self.answers_of[person_id] += by
        if action in CLOSING:
            if position >= len(self._settled):
                more = np.zeros(max(position + 1, 2 * len(self._settled)), dtype=np.int16)
                more[: len(self._settled)] = self._settled
                self._settled = more
            people = int(self._settled[position])
            self._samples_with[people] -= 1
            self._samples_with[people + by] += 1
            self._settled[position] = people + by


@lru_cache(maxsize=64)
def _tally(home: Path, project_id: int) -> Tally:
    return Tally()


def tally(store: Store, connection: Connection, project: Project) -> Tally:
    """Return the counts of a project as they stand in this transaction, or a moment later."""
    found = _tally(store.home, project.id)
    found.read_on(connection, project)
    return found


LOOP: tuple[JobKind, ...] = ("retrain", "prepare", "ingest")


def progress(store: Store, person: Person, project_name: str, *, now: datetime) -> Progress:
    """Return counts and the state of the loop, as one person sees them."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        counted = tally(store, connection, project)
        newest = versions.latest(connection, project.id)
        since, wanted = projects.outlook(connection, project.id)
        until = max(0, project.policy.retrain_every - since)
        pool = project_pool(store, connection, project)
        closed = counted.closed(project.policy.overlap)
        if len(pool):
            until = min(until, counted.wanting(len(pool), project.policy.overlap) if wanted else 0)
        state, message = loop_state(
            connection, project, until=until, standing=counted.labels, now=now
        )
        if not len(pool) and projects.came_to_nothing(connection, project.id):
            message = "Nothing imported yet: the last import failed."
        if len(pool) and not wanted:
            finished = _finished(len(pool), left=len(pool) - closed, flags=counted.said["flag"])
            if state == "waiting":
                state, message = "done", f"{finished}: import more to go on."
            if state == "needs_labels":
                message = _without_a_model(connection, project, finished, counted.labels)
        return Progress(
            counts={label.name: counted.labels[label.name] for label in project.labels},
            answered=counted.said["answer"],
            skipped=counted.said["skip"],
            flagged=counted.said["flag"],
            mine=counted.answers_of[person.id],
            left=max(0, len(pool) - closed),
            version=newest.number if newest else None,
            champion=project.champion,
            retrain_every=max(1, since + until) if len(pool) else project.policy.retrain_every,
            until_retrain=until,
            loop_state=state,
            loop_message=message,
        )


def _finished(samples: int, *, left: int, flags: int) -> str:
    """Say that nothing is left to ask about."""
    if left > 0:
        return "Nothing is left to ask"
    settled = "answered or flagged" if flags else "answered"
    return f"All {samples:,} samples are {settled}" if samples > 1 else f"The sample is {settled}"


def _without_a_model(
    connection: Connection, project: Project, finished: str, standing: Mapping[str, int]
) -> str:
    """Say how it goes on where nothing is left to ask and no model could be made of it."""
    last = _last_retrain(connection, project)
    agreed = bool(last and (last.result or {}).get("seen_labels"))
    else_ = "change an answer" if agreed else "decide what waits for review"
    needs = labels_needed(last, standing)
    return f"{finished}, but the model {needs}. Import more samples, or {else_}."


def loop_state(
    connection: Connection,
    project: Project,
    *,
    until: int,
    standing: Mapping[str, int],
    now: datetime,
) -> tuple[str, str]:
    """Say in one word and one sentence what the loop is doing where labels stand so often."""
    # Predictions may hold megabytes, and every card asks this every few seconds.
    active = jobs.listed(connection, project.id, kinds=LOOP, states=ACTIVE)
    if active and not processes.living(connection, "worker", now=now):
        return "no_worker", "The worker is not running, so retraining waits. Tell an admin."
    by_kind = {(job.kind, job.state): job for job in active}
    if ("retrain", "running") in by_kind:
        return "training", by_kind["retrain", "running"].message or "Training now."
    if ("retrain", "queued") in by_kind:
        return "queued", "A retrain is about to start."
    for kind, words in (("ingest", "Importing data."), ("prepare", "Reading the pool.")):
        for job in active:
            if job.kind == kind:
                return "preparing", job.message or words
    return _idle(connection, project, until, standing)


def _idle(
    connection: Connection, project: Project, until: int, standing: Mapping[str, int]
) -> tuple[str, str]:
    last = _last(connection, project, ("retrain", "prepare"))
    if last is not None and last.kind == "prepare":
        if last.state == "failed":
            return "unread", f"Reading the pool failed: {last.error}"
        last = _last_retrain(connection, project)
    if last is not None and last.state == "failed":
        return "failed", f"The last retrain failed: {last.error}"
    if needs := labels_needed(last, standing):
        return "needs_labels", f"The model {needs}"
    return "waiting", f"{plural(until, 'answer')} until the next retrain."


def _last_retrain(connection: Connection, project: Project) -> Job | None:
    return _last(connection, project, ("retrain",))


def _last(connection: Connection, project: Project, kinds: Sequence[JobKind]) -> Job | None:
    return next(iter(jobs.listed(connection, project.id, kinds=kinds, limit=1)), None)


def labels_needed(job: Job | None, standing: Mapping[str, int] | None = None) -> str:
    """Say which labels a finished retrain had to wait for; nothing where it made a version.

    Of the labels it saw, one that does not stand any more is missing as well.
    """
    result = (job.result if job else None) or {}
    if not result.get("missing_labels"):
        return ""
    known = result.get("seen_labels", [])
    seen = [name for name in known if standing is None or standing[name]]
    gone = [name for name in known if name not in seen]
    return examples_needed(seen, [*gone, *result["missing_labels"]])
