"""What a stored version answers, and how good it is: always by the assembled pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlvajra_al.learning import evaluation, frames, multilabel, multilabel_evaluation, pipeline
from mlvajra_al.records import Evaluation, Gold, Project, Recipe, Report
from mlvajra_al.services.jobs import warm
from mlvajra_al.store import artefacts, versions
from mlvajra_al.store.database import Connection
from mlvajra_al.store.shards import Pool

BATCH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Scorer:
    """One version, ready to answer about raw samples."""

    recipe: Recipe
    preprocessing: Any
    estimator: Any
    labels: tuple[str, ...]

    @property
    def multilabel(self) -> bool:
        """Whether it gives a sample several labels, or none."""
        return multilabel.is_multilabel(self.estimator)

    def given(self, probabilities: NDArray[np.float64]) -> list[str]:
        """Return the labels that it gives a sample: the likeliest, or all that are likely."""
        if not self.multilabel:
            return [self.labels[int(probabilities.argmax())]]
        return [self.labels[at] for at in np.flatnonzero(probabilities >= multilabel.SURE)]

    @property
    def columns(self) -> list[str]:
        """Names of the columns it looks at."""
        return [column.name for column in frames.inputs(self.recipe)]

    def probabilities(self, samples: pa.Table | Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return a probability per sample and label, in the order of the label set."""
        if not len(samples):
            return np.empty((0, len(self.labels)))
        frame = frames.to_frame(samples, self.recipe)
        model = pipeline.assemble(self.preprocessing, self.estimator)
        return evaluation.aligned(model.predict_proba(frame), self.estimator.classes_, self.labels)

    def at(self, pool: Pool, positions: Sequence[int]) -> NDArray[np.float64]:
        """Return the probabilities of samples of a pool."""
        parts = [
            self.probabilities(pool.take(positions[start : start + BATCH_ROWS], self.columns))
            for start in range(0, len(positions), BATCH_ROWS)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)))


def label_names(project: Project) -> tuple[str, ...]:
    """Return the label set by stored names."""
    return tuple(label.name for label in project.labels)


def scorer(home: Path, connection: Connection, project: Project, number: int) -> Scorer:
    """Load a version, whose files must be whole though it may be in memory already.

    Raises
    ------
    Damaged
    """
    version = versions.get(connection, project.id, number)
    revision = versions.get_revision(connection, version.revision_id)
    for digest in (revision.preprocessing, version.estimator):
        artefacts.check(home, digest)
    return Scorer(
        recipe=version.recipe,
        preprocessing=warm.preprocessing(home, revision.preprocessing),
        estimator=warm.estimator(home, version.estimator),
        labels=label_names(project),
    )


@dataclass(frozen=True, slots=True)
class Holdout:
    """The labelled holdout as it stood after event `seq`."""

    gold: tuple[Gold, ...]
    tally: tuple[int, int, int]
    seq: int

    @property
    def positions(self) -> list[int]:
        """Where its samples are."""
        return [item.position for item in self.gold]

    @property
    def truth(self) -> list[str]:
        """Their labels."""
        return [item.label for item in self.gold]

    def sets(self, project: Project) -> list[tuple[str, ...]]:
        """Their labels where a sample may have several."""
        return [project.names_in(item.label) for item in self.gold]

    def evaluate(self, probabilities: NDArray[np.float64], project: Project) -> Evaluation:
        """Measure answers about these samples."""
        rng, names = np.random.default_rng([project.seed, self.seq]), label_names(project)
        if project.multilabel:
            truth = self.sets(project)
            return multilabel_evaluation.evaluate(truth, probabilities, names, rng=rng)
        return evaluation.evaluate(self.truth, probabilities, names, rng=rng)

    def report(self, project: Project, number: int, *, of: Evaluation, now: datetime) -> Report:
        """Say what was measured of a version, and on what."""
        asked, answered, skipped = self.tally
        return Report(project.id, number, self.seq, asked, answered, skipped, of, now)
