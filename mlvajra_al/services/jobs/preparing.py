"""Read the pool: freeze preprocessing as a revision, store its features, pick a first batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import frames, persistence, pipeline, strategies
from mlvajra_al.records import Job, Project, Ranked, Recipe, Revision, Version, Why
from mlvajra_al.services import filling
from mlvajra_al.services.jobs import warm
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import gold, project_pool
from mlvajra_al.services.training import RETRAIN
from mlvajra_al.store import annotations as events
from mlvajra_al.store import artefacts, jobs, projects, ranking, versions
from mlvajra_al.store import features as stored
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool

BATCH_ROWS = 10_000
FIT_ROWS = 500_000
FIT_BYTES = 256 * 2**20
"""Preprocessing is fitted on a random part of a pool that is larger than this."""
STALE = 0.2
"""Share of unseen samples from which on preprocessing is fitted anew."""

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pool as the model sees it; `revision` is None until it is written by `keep`."""

    recipe: Recipe
    digest: str
    samples: int
    preprocessing: Any
    features: Any
    revision: Revision | None


def prepare(store: Store, job: Job, tell: Tell) -> Result:
    """Bring revision, features and, before the first version, the ranking up to date."""
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        pool = project_pool(store, connection, project)
        revision = versions.latest_revision(connection, project.id)
        newest = versions.latest(connection, project.id)
        touched = events.positions(connection, project.id)
        labels = {item.label for item in gold(connection, project)[0]}
    if not len(pool):
        return {"samples": 0}
    prepared = ready(store, project, pool, revision=revision, tell=tell, refit=True)
    rng = np.random.default_rng([project.seed, job.id])
    first: list[Ranked] = []
    if newest is None:
        tell(0.9, "Choosing varied samples to start with")
        first = first_ranking(project, pool, prepared.features, touched=touched, rng=rng)

    def write(connection: Connection) -> Result:
        now = tell.clock()
        kept = keep(connection, project, prepared, now=now)
        if first and versions.latest(connection, project.id) is None:
            ranking.replace(connection, project.id, first, overlap=project.policy.overlap, now=now)
        if _retrain_now(newest, kept, labels):
            trigger = {"trigger": "the pool was read anew", "mode": "full"}
            jobs.enqueue(
                connection, project.id, "retrain", payload=trigger, now=now, dedupe=RETRAIN
            )
        result = {"samples": len(pool), "features": kept.features, "revision": kept.id}
        tell.settle(connection, result)
        return result

    result = store.write(write)
    stored.forget_others(stored.folder(store.home, project.id, prepared.digest))
    return result


def _retrain_now(newest: Version | None, kept: Revision, labels: set[str]) -> bool:
    """Tell whether a model can be fitted that the newest version is not."""
    if newest is None:
        return len(labels) > 1
    return newest.revision_id != kept.id


def ready(
    store: Store,
    project: Project,
    pool: Pool,
    *,
    revision: Revision | None,
    tell: Tell,
    refit: bool = False,
) -> Prepared:
    """Return the pool as the recipe's model sees it, computing what is missing.

    With `refit`, preprocessing is fitted anew where too many samples are unseen.
    """
    free = ~pool.holdout(project.holdout_threshold)
    usable = revision is not None and revision.recipe == project.recipe
    if revision is not None and usable and refit:
        usable = free.sum() - revision.samples <= STALE * free.sum()
    if revision is None or not usable:
        revision = None
        tell(0.05, f"Reading {free.sum():,} samples")
        digest = _fit(store, project, pool, np.flatnonzero(free))
        samples = int(free.sum())
    else:
        digest, samples = revision.preprocessing, revision.samples
    return Prepared(
        recipe=project.recipe,
        digest=digest,
        samples=samples,
        preprocessing=warm.preprocessing(store.home, digest),
        features=_features(store, project, pool, digest=digest, tell=tell),
        revision=revision,
    )


def _fit(store: Store, project: Project, pool: Pool, positions: Positions) -> str:
    """Fit preprocessing on samples that are not held out, and store it."""
    columns = _columns(project, pool)
    chosen = positions[:1_000]
    row_bytes = max(1, pool.take(chosen, columns).nbytes // max(1, len(chosen)))
    most = min(FIT_ROWS, FIT_BYTES // row_bytes)
    if len(positions) > most:
        rng = np.random.default_rng(project.seed)
        positions = np.sort(rng.choice(positions, size=most, replace=False))
    frame = frames.to_frame(pool.take(positions, columns), project.recipe)
    fitted = pipeline.build_preprocessing(project.recipe).fit(frame)
    return artefacts.put(store.home, persistence.dumps(fitted))


def _columns(project: Project, pool: Pool) -> list[str]:
    names = [column.name for column in frames.inputs(project.recipe)]
    absent = [name for name in names if name not in pool.columns]
    if absent:
        raise Invalid(
            f"the pool has no column {', '.join(map(repr, absent))} that the model is to see; "
            f"change the model's inputs to some of {', '.join(pool.columns)}"
        )
    return names


def _features(store: Store, project: Project, pool: Pool, *, digest: str, tell: Tell) -> Any:
    known = warm.features(store.home, project.id, digest, len(pool))
    if known is not None:
        return known
    place = stored.folder(store.home, project.id, digest)
    stored.append(
        place,
        _batches(store, project, pool, start=stored.stored_rows(place), digest=digest, tell=tell),
    )
    warm.forget_features()
    return warm.features(store.home, project.id, digest, len(pool))


def _batches(
    store: Store, project: Project, pool: Pool, *, start: int, digest: str, tell: Tell
) -> Iterator[Any]:
    fitted = warm.preprocessing(store.home, digest)
    columns = _columns(project, pool)
    for first in range(start, len(pool), BATCH_ROWS):
        tell(0.1 + 0.8 * first / len(pool), f"Read {first:,} of {len(pool):,} samples")
        rows = np.arange(first, min(first + BATCH_ROWS, len(pool)))
        frame = frames.to_frame(pool.take(rows, columns), project.recipe)
        yield pipeline.transform(fitted, frame)


def keep(
    connection: Connection, project: Project, prepared: Prepared, *, now: datetime
) -> Revision:
    """Write the revision of what was prepared, if it is a new one."""
    if prepared.revision is not None:
        return prepared.revision
    return versions.add_revision(
        connection,
        project.id,
        recipe=prepared.recipe,
        preprocessing=prepared.digest,
        samples=prepared.samples,
        features=int(prepared.features.shape[1]),
        now=now,
    )


def askable(project: Project, pool: Pool, touched: Positions) -> Positions:
    """Return the positions of the pool that nobody has said anything about."""
    free = ~pool.holdout(project.holdout_threshold)
    free[touched] = False
    return np.flatnonzero(free)


def first_ranking(
    project: Project, pool: Pool, features: Any, *, touched: Positions, rng: np.random.Generator
) -> list[Ranked]:
    """Rank a varied first batch, and random samples behind it."""
    candidates = askable(project, pool, touched)
    n = min(project.policy.retrain_every, len(candidates))
    if n == 0:
        return []
    best = strategies.rank(
        None, features, candidates, strategy="cold_start", batch_size=n, n=n, rng=rng
    )
    return ranked(pool, best, candidates=candidates, scored=False, rng=rng)


def ranked(
    pool: Pool,
    best: strategies.Ranking,
    *,
    candidates: Positions,
    scored: bool,
    rng: np.random.Generator,
) -> list[Ranked]:
    """Say why each of the best is asked, and put random others behind them.

    `scored` says that utilities are a model's.
    """
    head = [
        Ranked(
            key,
            int(position),
            Why(best.strategy, float(utility) if scored else None, rank, None, None, holdout=False),
        )
        for rank, (key, position, utility) in enumerate(
            zip(pool.keys(best.positions), best.positions, best.utilities, strict=True)
        )
    ]
    others = np.setdiff1d(candidates, best.positions)
    tail = filling.random_samples(
        pool, others, n=filling.RANDOM_TAIL, first_rank=len(head), rng=rng
    )
    return head + tail
