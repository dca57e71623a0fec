"""Keep the ranking from running dry: random pool samples behind, holdout samples beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.records import Project, Ranked, Why
from mlvajra_al.store import ranking, versions

if TYPE_CHECKING:
    from mlvajra_al.store.database import Connection
    from mlvajra_al.store.shards import Pool

RANDOM_TAIL = 2_000
"""Where a stream has run dry; behind what a model has ranked stand fewer (`preparing.TAIL`)."""
HOLDOUT_HEAD = 500
State = tuple[int, int, int]
_dry: dict[tuple[Path, bool], State] = {}
"""When nothing was left to fill a stream with, by pool and side: looking again takes long."""


def _state(connection: Connection, project: Project, pool: Pool) -> State:
    """Return what changes when there may be something to fill a stream with again."""
    newest = versions.latest(connection, project.id)
    return len(pool), ranking.last_id(connection), newest.number if newest else 0


def draw(
    size: int, taken: NDArray[np.int64], *, n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw up to `n` numbers below `size`, each as likely as any other.

    `taken` are not drawn; they are in order. Nothing as long as `size` is made.

    Examples
    --------
    >>> sorted(draw(5, np.array([0, 3]), n=9, rng=np.random.default_rng(0)).tolist())
    [1, 2, 4]
    """
    left = size - len(taken)
    places = rng.choice(left, size=min(n, left), replace=False)
    return places + np.searchsorted(taken - np.arange(len(taken)), places, side="right")


def random_samples(
    pool: Pool, chosen: NDArray[np.int64], *, of: int, first_rank: int
) -> list[Ranked]:
    """Put samples drawn from so many behind one another, and say how likely each was drawn."""
    probability = len(chosen) / of if of else None
    return [
        Ranked(
            key,
            int(position),
            Why("random", None, first_rank + place, None, probability, holdout=False),
        )
        for place, (key, position) in enumerate(zip(pool.keys(chosen), chosen, strict=True))
    ]


def _known(connection: Connection, project: Project) -> NDArray[np.int64]:
    known = ranking.known_positions(connection, project.id)
    return np.fromiter(known, dtype=np.int64, count=len(known))


def fill_pool(
    connection: Connection, project: Project, pool: Pool, *, rng: np.random.Generator
) -> int:
    """Put random pool samples behind those that wait and return how many were added."""
    state = _state(connection, project, pool)
    if _dry.get((pool.folder, False)) == state:
        return 0
    held = pool.holdout_order(project.holdout_threshold)
    taken = np.union1d(_known(connection, project), held)
    added = random_samples(
        pool,
        draw(len(pool), taken, n=RANDOM_TAIL, rng=rng),
        of=len(pool) - len(taken),
        first_rank=ranking.last_rank(connection, project.id) + 1,
    )
    if not added:
        _dry[pool.folder, False] = state
    ranking.extend(connection, project.id, added, overlap=project.policy.overlap)
    return len(added)


def fill_holdout(connection: Connection, project: Project, pool: Pool) -> int:
    """Put the next holdout samples, in hash order, into their stream; return how many."""
    state = _state(connection, project, pool)
    if _dry.get((pool.folder, True)) == state:
        return 0
    order = pool.holdout_order(project.holdout_threshold)
    chosen = order[~np.isin(order, _known(connection, project))][:HOLDOUT_HEAD]
    first_rank = ranking.last_rank(connection, project.id, holdout=True) + 1
    share = project.holdout_threshold
    added = [
        Ranked(
            key,
            int(position),
            Why("holdout", None, first_rank + place, None, share, holdout=True),
        )
        for place, (key, position) in enumerate(zip(pool.keys(chosen), chosen, strict=True))
    ]
    if not added:
        _dry[pool.folder, True] = state
    ranking.extend(connection, project.id, added, overlap=project.policy.overlap)
    return len(added)


def fill(connection: Connection, project: Project, pool: Pool, *, rng: np.random.Generator) -> int:
    """Fill both streams; return how many were added."""
    return fill_pool(connection, project, pool, rng=rng) + fill_holdout(connection, project, pool)
