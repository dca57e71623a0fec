"""Everything a retrain looks at, read in one short transaction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.records import Advice, Gold, Project, Version
from mlvajra_al.services.jobs.lineage import Past
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import fingerprint, gold
from mlvajra_al.store import advice, projects, versions
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a retrain looks at, read at once."""

    project: Project
    pool: Pool
    past: Past
    gold: tuple[Gold, ...]
    before: tuple[Gold, ...]
    """Gold the newest version was trained on, as far as it can be told today."""
    holdout: Holdout
    touched: NDArray[np.int64]
    seq: int
    advice: tuple[Advice, ...]
    """What was advised with the versions so far."""
    counts_anew: bool
    """Whether other answers count than when the newest version was made, say by another overlap."""
    left: int
    """Samples of the pool about which fewer people have spoken than are wanted."""


def snapshot(store: Store, connection: Connection, project_id: int) -> Snapshot:
    """Read what a retrain looks at."""
    project = projects.get(connection, project_id)
    listed = versions.listed(connection, project.id)
    trained, held = gold(connection, project, until_seq=project.last_seq)
    before = gold(connection, project, until_seq=listed[-1].label_seq)[0] if listed else []
    pool = project_pool(store, connection, project)
    return Snapshot(
        project=project,
        pool=pool,
        past=Past(
            listed,
            versions.latest_revision(connection, project.id),
            versions.promotions(connection, project.id),
        ),
        gold=tuple(sorted(trained, key=lambda item: item.position)),
        before=tuple(before),
        holdout=Holdout(
            tuple(held), events.holdout_tally(connection, project.id), project.last_seq
        ),
        touched=events.positions(connection, project.id),
        seq=project.last_seq,
        advice=advice.listed(connection, project.id),
        counts_anew=bool(listed) and fingerprint(before) != listed[-1].label_fingerprint,
        left=_left(connection, project, pool),
    )


def _left(connection: Connection, project: Project, pool: Pool) -> int:
    left = ~pool.holdout(project.holdout_threshold)
    left[events.settled(connection, project.id, overlap=project.policy.overlap)] = False
    return int(left.sum())


def nothing_new(seen: Snapshot, newest: Version) -> bool:
    """Tell whether the newest version has learned all there is already."""
    return newest.label_fingerprint == fingerprint(seen.gold) and newest.shards == tuple(
        shard.sha256 for shard in seen.pool.shards
    )
