"""Read the pool: freeze preprocessing as a revision, store its features, pick a first batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning import strategies
from mlvajra_al.records import Gold, Job, Project, Ranked, Revision, Version, Why
from mlvajra_al.services import filling
from mlvajra_al.services.jobs import mending, revising
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import gold
from mlvajra_al.services.training import RETRAIN
from mlvajra_al.store import annotations as events
from mlvajra_al.store import features as stored
from mlvajra_al.store import jobs, projects, ranking, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool

Positions = NDArray[np.int64]

MOST_FIRST = 500
"""So many samples at most make up the first batch; random ones wait behind them."""
TAIL = 100
"""Random samples behind those that were chosen: the next ranking replaces them all, and more come
when they run dry."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A project as it stands before its pool is read."""

    project: Project
    pool: Pool
    revision: Revision | None
    newest: Version | None
    touched: Positions
    known: list[Gold]


def prepare(store: Store, job: Job, tell: Tell) -> Result:
    """Bring revision, features and, before the first version, the ranking up to date."""
    seen = _see(store, job.project_id)
    project, pool = seen.project, seen.pool
    if not len(pool):
        return {"samples": 0}
    tell(0.02, "Checking the files of the pool")
    prepared = revising.ready(store, project, pool, revision=seen.revision, tell=tell, refit=True)
    if prepared.damaged is not None:
        mending.react(store, project.id, prepared.damaged, now=tell.clock())
    first: list[Ranked] = []
    asks = ""
    if seen.newest is None:
        tell(0.9, "Choosing varied samples to start with")
        first, asks = first_ranking(
            project,
            pool,
            prepared.features,
            touched=seen.touched,
            rng=np.random.default_rng([project.seed, job.id]),
            known=[item.position for item in seen.known],
        )
    result = store.write(
        lambda connection: _write(connection, seen, prepared, first=first, asks=asks, tell=tell)
    )
    stored.forget_others(stored.folder(store.home, project.id, prepared.digest))
    return result


def _see(store: Store, project_id: int) -> Seen:
    with store.read() as connection:
        project = projects.get(connection, project_id)
        return Seen(
            project,
            pool=project_pool(store, connection, project),
            revision=versions.latest_revision(connection, project_id),
            newest=versions.latest(connection, project_id),
            touched=events.positions(connection, project_id),
            known=gold(connection, project)[0],
        )


def _write(
    connection: Connection,
    seen: Seen,
    prepared: revising.Prepared,
    *,
    first: Sequence[Ranked],
    asks: str,
    tell: Tell,
) -> Result:
    """Write the revision, what is asked first and the end of the job, and queue what follows."""
    project, now = seen.project, tell.clock()
    kept = revising.keep(connection, project, prepared, now=now)
    if first and versions.latest(connection, project.id) is None:
        overlap = projects.get(connection, project.id).policy.overlap
        ranking.replace(connection, project.id, first, overlap=overlap, now=now)
    if _retrain_now(seen.newest, kept, {item.label for item in seen.known}):
        because = prepared.because or "the pool was read anew"
        trigger = {"trigger": because[:80], "mode": "full"}
        jobs.enqueue(connection, project.id, "retrain", payload=trigger, now=now, dedupe=RETRAIN)
    result = {
        "samples": len(seen.pool),
        "features": kept.features,
        "revision": versions.revision_numbers(connection, project.id)[kept.id],
        "because": prepared.because,
        "asks": asks,
    }
    tell.settle(connection, result)
    return result


def _retrain_now(newest: Version | None, kept: Revision, labels: set[str]) -> bool:
    """Tell whether a model can be fitted that the newest version is not."""
    if newest is None:
        return len(labels) > 1
    return newest.revision_id != kept.id


def askable(project: Project, pool: Pool, touched: Positions) -> Positions:
    """Return the positions of the pool that nobody has said anything about."""
    free = ~pool.holdout(project.holdout_threshold)
    free[touched] = False
    return np.flatnonzero(free)


def first_ranking(
    project: Project,
    pool: Pool,
    features: Any,
    *,
    touched: Positions,
    rng: np.random.Generator,
    known: Sequence[int] = (),
) -> tuple[list[Ranked], str]:
    """Rank a first batch by a strategy that needs no model, random ones behind it, and say why.

    That is the project's own, as in a simulation; or a varied one, unlike what is known to have
    one label.
    """
    candidates = askable(project, pool, touched)
    n = min(project.policy.retrain_every, MOST_FIRST, len(candidates))
    if n == 0:
        return [], ""
    best = strategies.rank(
        None,
        features,
        candidates,
        strategy=strategies.before_a_model(project.policy.strategy),
        batch_size=n,
        n=n,
        rng=rng,
        labelled=np.asarray(known, dtype=np.intp),
    )
    return ranked(pool, best, candidates=candidates, scored=False, rng=rng), best.reason


def ranked(
    pool: Pool,
    best: strategies.Ranking,
    *,
    candidates: Positions,
    scored: bool,
    rng: np.random.Generator,
) -> list[Ranked]:
    """Say why each of the best is asked, and put random others behind them.

    `candidates` are in order of position. `scored` says that utilities are a model's.
    """
    if best.strategy == "random":
        head = filling.random_samples(pool, best.positions, of=len(candidates), first_rank=0)
    else:
        head = _in_order(pool, best, scored=scored)
    taken = np.sort(np.searchsorted(candidates, best.positions))
    others = candidates[filling.draw(len(candidates), taken, n=TAIL, rng=rng)]
    left = len(candidates) - len(taken)
    return head + filling.random_samples(pool, others, of=left, first_rank=len(head))


def _in_order(pool: Pool, best: strategies.Ranking, *, scored: bool) -> list[Ranked]:
    utilities = best.utilities.tolist() if scored else [None] * len(best.positions)
    rows = zip(pool.keys(best.positions), best.positions.tolist(), utilities, strict=True)
    return [
        Ranked(key, position, Why(best.strategy, utility, rank, None, None, holdout=False))
        for rank, (key, position, utility) in enumerate(rows)
    ]
