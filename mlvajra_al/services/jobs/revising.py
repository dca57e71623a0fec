"""Bring a project's revision up to date: preprocessing frozen once, its features stored."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlvajra_al.errors import Damaged, Invalid
from mlvajra_al.learning import frames, persistence, pipeline, vocabulary
from mlvajra_al.records import Project, Recipe, Revision
from mlvajra_al.services.jobs import warm
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.store import artefacts, versions
from mlvajra_al.store import features as stored
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool
from mlvajra_al.words import no_column, plural

log = logging.getLogger(__name__)

BATCH_ROWS = 10_000
FIT_ROWS = 500_000
FIT_BYTES = 256 * 2**20
"""Preprocessing is fitted on a random part of a pool that is larger than this."""
STALE = 0.2
"""Share of unseen samples from which on preprocessing is fitted anew."""
STRANGE = 2.0
"""So many times as many unknown words as expected, and preprocessing is fitted anew."""
FIRST = "the pool was read for the first time"
READ_ROWS = 2_000
"""Samples in which unknown words are counted."""
MOST_NAMED = 20
"""So many columns are offered instead of one that is not there."""

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
    because: str
    """Why preprocessing was fitted anew; empty where it was not."""
    damaged: Damaged | None
    """What was wrong with the one before."""


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

    Preprocessing that is damaged is fitted anew; with `refit`, also where the pool has changed
    too much since.

    Raises
    ------
    Damaged
        If a file of the pool is.
    """
    pool.verify()
    free = np.flatnonzero(~pool.holdout(project.holdout_threshold))
    because, damaged = _unusable(store, project, revision)
    if refit and revision is not None and not because:
        because = outdated(store, project, pool, revision=revision, free=free)
    if revision is not None and not because:
        digest, samples = revision.preprocessing, revision.samples
    else:
        revision = None
        tell(
            0.05,
            f"Reading {plural(len(free), 'sample')}" + (f": {because}" if because != FIRST else ""),
        )
        digest, samples = _fit(store, project, pool, free), len(free)
    return Prepared(
        recipe=project.recipe,
        digest=digest,
        samples=samples,
        preprocessing=warm.preprocessing(store.home, digest),
        features=_features(store, project, pool, digest=digest, tell=tell),
        revision=revision,
        because=because,
        damaged=damaged,
    )


def _unusable(
    store: Store, project: Project, revision: Revision | None
) -> tuple[str, Damaged | None]:
    """Say why a revision cannot be used, or nothing."""
    if revision is None:
        return FIRST, None
    if revision.recipe != project.recipe:
        return "the recipe was changed", None
    try:
        # It may be in memory still, where no other version could be read by it later.
        artefacts.check(store.home, revision.preprocessing)
        warm.preprocessing(store.home, revision.preprocessing)
    except Damaged as error:
        log.warning("the pool is read anew: %s", error)
        return f"what samples were read with is damaged ({error.path})", error
    return "", None


def outdated(
    store: Store, project: Project, pool: Pool, *, revision: Revision, free: Positions
) -> str:
    """Say why the pool has outgrown a revision, or nothing.

    Samples come in order of position, so that those it was fitted on are the first ones.
    """
    seen, unseen = free[: revision.samples], free[revision.samples :]
    if len(unseen) > STALE * len(free):
        are = "is" if len(unseen) == 1 else "are"
        return f"{len(unseen):,} of {plural(len(free), 'sample')} {are} new"
    if not len(unseen) or not len(seen):
        return ""
    fitted = warm.preprocessing(store.home, revision.preprocessing)
    before = vocabulary.words_unknown_if_left_out(fitted, _some(project, pool, seen))
    of_new = vocabulary.unknown_words(fitted, _some(project, pool, unseen))
    if before is None or of_new is None:
        return ""
    share = len(unseen) / len(free)
    now = before * (1 - share) + of_new * share
    if now <= STRANGE * before:
        return ""
    return f"unknown words rose from {before:.1%} to {now:.1%}"


def _some(project: Project, pool: Pool, positions: Positions) -> Any:
    """Return a random part of some samples as a frame."""
    if len(positions) > READ_ROWS:
        rng = np.random.default_rng(project.seed)
        positions = np.sort(rng.choice(positions, size=READ_ROWS, replace=False))
    return frames.to_frame(pool.take(positions, _columns(project, pool)), project.recipe)


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
            f"the pool has {no_column(absent)} that the model is to see; "
            f"change the model's inputs to some of {', '.join(pool.columns[:MOST_NAMED])}"
        )
    return names


def _features(store: Store, project: Project, pool: Pool, *, digest: str, tell: Tell) -> Any:
    known = _whole_features(store, project, pool, digest)
    if known is not None:
        return known
    stored.append(
        stored.folder(store.home, project.id, digest),
        partial(_batches, store, project, pool, digest=digest, tell=tell),
    )
    warm.forget_features()
    return warm.features(store.home, project.id, digest, len(pool))


def _whole_features(store: Store, project: Project, pool: Pool, digest: str) -> Any | None:
    """Return the features that are stored, None where some lack; damaged ones are removed."""
    while True:
        try:
            return warm.features(store.home, project.id, digest, len(pool))
        except Damaged as error:  # they can be computed again
            log.warning("features are computed anew: %s", error)
            stored.forget_damaged(error)


def _batches(
    store: Store, project: Project, pool: Pool, start: int, *, digest: str, tell: Tell
) -> Iterator[Any]:
    fitted = warm.preprocessing(store.home, digest)
    columns = _columns(project, pool)
    done = start
    for batch in pool.iter_batches(columns, batch_rows=BATCH_ROWS, start=start):
        tell(0.1 + 0.8 * done / len(pool), f"Read {done:,} of {plural(len(pool), 'sample')}")
        frame = frames.to_frame(pa.Table.from_batches([batch]), project.recipe)
        yield pipeline.transform(fitted, frame)
        done += batch.num_rows


def keep(
    connection: Connection, project: Project, prepared: Prepared, *, now: datetime
) -> Revision:
    """Write the revision of what was prepared, if it is a new one."""
    if prepared.revision is not None:
        return prepared.revision
    added = Revision(
        id=0,
        project_id=project.id,
        recipe=prepared.recipe,
        preprocessing=prepared.digest,
        samples=prepared.samples,
        features=int(prepared.features.shape[1]),
        created_at=now,
    )
    return versions.add_revision(connection, added)
