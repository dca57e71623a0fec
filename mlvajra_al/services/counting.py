"""What stands in a project, counted as it is said: the log is read once, then only what is new."""

from __future__ import annotations

import threading
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from mlvajra_al.records import Action, Project
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Connection, Store

CLOSING = ("answer", "flag")


class Tally:
    """How often what was said, with which labels, and how many people have settled each sample."""

    def __init__(self) -> None:
        self.said: Counter[Action] = Counter()
        self.labels: Counter[str] = Counter()
        self.answers_of: Counter[int] = Counter()
        self._settled = np.zeros(1024, dtype=np.int16)
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
        return int(np.count_nonzero(self._settled >= overlap))

    def wanting(self, samples: int, overlap: int) -> int:
        """Return how many more answers a pool of so many samples can give."""
        settled = np.minimum(self._settled[:samples], overlap)
        return max(0, samples * overlap - int(settled.sum()))

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
            self._settled[position] += by


@lru_cache(maxsize=64)
def _tally(home: Path, project_id: int) -> Tally:
    return Tally()


def tally(store: Store, connection: Connection, project: Project) -> Tally:
    """Return the counts of a project as they stand in this transaction, or a moment later."""
    found = _tally(store.home, project.id)
    found.read_on(connection, project)
    return found
