"""Why a version answers as it does: as a whole, for a sample, for rows typed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlvajra_al.errors import NotFound
from mlvajra_al.learning import attributions, explanation, frames, overlays, pipeline
from mlvajra_al.learning.wording import Units
from mlvajra_al.records import (
    GlobalExplanation,
    Job,
    Project,
    Recipe,
    Revision,
    SampleExplanation,
    Shard,
    Version,
)
from mlvajra_al.services.jobs import engine, warm
from mlvajra_al.services.jobs.scoring import Scorer, scorer
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.store import projects, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool, open_pool

BACKGROUND = 1_000
"""Samples of the pool that stand for it: explanations are relative to their mean."""


@dataclass(frozen=True, slots=True)
class Against:
    """The part of a pool that a version's explanations are relative to."""

    project_id: int
    recipe: Recipe
    digest: str
    shards: tuple[Shard, ...]
    threshold: float
    seed: int


@dataclass(frozen=True, slots=True)
class Explainer:
    """One version, ready to explain its answers."""

    version: int
    scorer: Scorer
    names: tuple[str, ...]
    units: Units
    background: Any
    mean: NDArray[np.float64]

    def globally(self, *, rng: np.random.Generator) -> GlobalExplanation:
        """Say what the version pays attention to."""
        return attributions.explain_globally(
            self.scorer.estimator,
            self.background,
            self.names,
            version=self.version,
            rng=rng,
            preprocessing=self.scorer.preprocessing,
        )

    def samples(
        self, rows: pa.Table | Sequence[Mapping[str, Any]], keys: Sequence[str]
    ) -> list[SampleExplanation]:
        """Say why the version answers as it does for each of some samples."""
        probabilities = self.scorer.probabilities(rows)
        frame = frames.to_frame(rows, self.scorer.recipe)
        X = pipeline.transform(self.scorer.preprocessing, frame)
        parts = explanation.contributions(self.scorer.estimator, X, self.mean)
        reasons = attributions.explain_samples(
            self.scorer.estimator, X, self.names, mean=self.mean, units=self.units, frame=frame
        )
        texts = [c.name for c in frames.inputs(self.scorer.recipe) if c.kind == "text"]
        out = []
        for place, key in enumerate(keys):
            likeliest = self.scorer.labels[int(probabilities[place].argmax())]
            weights = _weights(parts, place, likeliest, several=self.scorer.multilabel)
            out.append(
                SampleExplanation(
                    version=self.version,
                    sample_key=key,
                    label=self.scorer.said(probabilities[place]),
                    probabilities=named(self.scorer.labels, probabilities[place]),
                    attributions=reasons[place],
                    words=self._words(frame.iloc[place], texts, weights),
                    image=overlays.pixels(self.scorer.preprocessing, weights),
                )
            )
        return out

    def _words(
        self, row: Any, texts: Sequence[str], weights: NDArray[np.float64]
    ) -> tuple[tuple[str, float], ...]:
        pieces: list[tuple[str, float]] = []
        for name in texts:
            if pieces and row[name]:
                pieces.append(("\n\n", 0.0))
            pieces += overlays.highlight(row[name], name, self.scorer.preprocessing, weights)
        return tuple(pieces)


def named(labels: Sequence[str], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Return probabilities by label."""
    return {name: float(p) for name, p in zip(labels, probabilities, strict=True)}


def _weights(
    parts: Sequence[explanation.Contributions], place: int, label: str, *, several: bool
) -> NDArray[np.float64]:
    """Return what each feature adds to the answer `label`; of two, one is the other's minus."""
    for part in parts:
        if part.label == label:
            return part.row(place)
    if several:  # all samples have it: nothing speaks for or against it
        return np.zeros(parts[0].values.shape[1])
    return -parts[0].row(place)


def explainer(store: Store, connection: Connection, project: Project, number: int) -> Explainer:
    """Load a version with what its explanations are relative to."""
    version = versions.get(connection, project.id, number)
    revision = versions.get_revision(connection, version.revision_id)
    names, units = warm.names_and_units(store.home, revision.preprocessing)
    background, mean = _background(store.home, _against(connection, project, version, revision))
    return Explainer(
        version=number,
        scorer=scorer(store.home, connection, project, number),
        names=names,
        units=units,
        background=background,
        mean=mean,
    )


def _against(
    connection: Connection, project: Project, version: Version, revision: Revision
) -> Against:
    shards = projects.shards(connection, project.id)[: len(version.shards)]
    return Against(
        project_id=project.id,
        recipe=version.recipe,
        digest=revision.preprocessing,
        shards=shards,
        threshold=project.holdout_threshold,
        seed=project.seed,
    )


@lru_cache(maxsize=4)
def _background(home: Path, of: Against) -> tuple[Any, NDArray[np.float64]]:
    """Return features of samples that stand for the pool a version knew, and their mean."""
    pool: Pool = open_pool(home, of.project_id, of.shards)
    free = np.flatnonzero(~pool.holdout(of.threshold))
    rng = np.random.default_rng(of.seed)
    chosen = np.sort(rng.choice(free, size=min(BACKGROUND, len(free)), replace=False))
    pool.verify(chosen)
    columns = [column.name for column in frames.inputs(of.recipe)]
    frame = frames.to_frame(pool.take(chosen, columns), of.recipe)
    features = pipeline.transform(warm.preprocessing(home, of.digest), frame)
    return features, explanation.mean_features(features)


def explain(store: Store, job: Job, tell: Tell) -> Result:
    """Explain a version, or one sample by it, once: what is explained stays so."""
    number, key = int(job.payload["version"]), str(job.payload.get("sample_key", ""))
    tell(0.1, f"Explaining version {number}")
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        ready = explainer(store, connection, project, number)
        pool = project_pool(store, connection, project)
    body: GlobalExplanation | SampleExplanation
    note = ""
    if key:
        body = of_sample(ready, pool, key)
    else:
        done = engine.run(
            lambda: ready.globally(rng=np.random.default_rng([project.seed, number])),
            pays=not explanation.is_linear(ready.scorer.estimator),
        )
        body, note = done.value, done.note
    result = {"version": number, "sample_key": key, "note": note}

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        versions.add_explanation(
            connection, project.id, number, sample_key=key, body=body, now=tell.clock()
        )
        tell.settle(connection, result)
        return result

    return store.write(operation)


def of_sample(ready: Explainer, pool: Pool, key: str) -> SampleExplanation:
    """Explain one sample of a pool.

    Raises
    ------
    NotFound
        If there is no such sample.
    """
    position = int(pool.positions([key])[0])
    if position < 0:
        raise NotFound("sample", key)
    pool.verify([position])
    return ready.samples(pool.take([position], ready.scorer.columns), [key])[0]
