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
from mlvajra_al.records import Evaluation, Gold, Mistake, Project, Recipe, Report
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services.jobs import warm
from mlvajra_al.store import artefacts, mistakes, versions
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

    def said(self, probabilities: NDArray[np.float64]) -> str:
        """Return what it gives a sample as text: the likeliest label, or the set of them."""
        given = self.given(probabilities)
        return to_text(given) if self.multilabel else given[0]

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
class Measured:
    """How good a version is, and the stored list of what it has wrong."""

    evaluation: Evaluation
    mistakes: str


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

    def measure(self, home: Path, probabilities: NDArray[np.float64], project: Project) -> Measured:
        """Measure answers about these samples, and store which of them are wrong."""
        wrong = self.mistakes(probabilities, project)
        return Measured(self.evaluate(probabilities, project), mistakes.write(home, wrong))

    def mistakes(self, probabilities: NDArray[np.float64], project: Project) -> list[Mistake]:
        """Return these samples as far as they are answered wrongly, the surest first."""
        names = label_names(project)
        wrong = []
        for item, p in zip(self.gold, probabilities, strict=True):
            if project.multilabel:
                answered = to_text(names[at] for at in np.flatnonzero(p >= multilabel.SURE))
            else:
                answered = names[int(p.argmax())]
            if answered != item.label:
                sure = _sure(dict(zip(names, p.tolist(), strict=True)), item, answered, project)
                wrong.append(Mistake(item.sample_key, item.position, item.label, answered, sure))
        return sorted(wrong, key=lambda mistake: (-mistake.probability, mistake.position))

    def write(
        self,
        connection: Connection,
        project: Project,
        number: int,
        *,
        of: Measured,
        now: datetime,
    ) -> None:
        """Store what was measured of a version, and on what."""
        report = Report(project.id, number, self.seq, *self.tally, of.evaluation, now)
        versions.add_report(connection, report)
        mistakes.mention(connection, report, of.mistakes)


def _sure(p: Mapping[str, float], item: Gold, answered: str, project: Project) -> float:
    """Return how sure an answer is of what is wrong: of several labels, of the surest one."""
    if not project.multilabel:
        return p[answered]
    true, given = set(project.names_in(item.label)), set(project.names_in(answered))
    return max(p[name] if name in given else 1 - p[name] for name in true ^ given)
