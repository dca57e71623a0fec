"""What a retrain looks at, read at once, and what the next version continues from, if anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.records import (
    TREES,
    Advice,
    EstimatorName,
    Gold,
    Project,
    Promotion,
    Revision,
    TrainingMode,
    Version,
)
from mlvajra_al.services.champions import rolled_back_at
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import fingerprint, gold
from mlvajra_al.store import advice, projects, versions
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool

FAR = 0.02
"""Share of answers that continuing may change beside a full fit; beyond it, those come sooner."""
SOONER = 3
UNABLE_TO_FORGET: tuple[EstimatorName, ...] = ("sgd", "complement_nb")
"""Estimators that learn by `partial_fit`: what was once learned, a retracted label too, stays."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How to fit: after which version, continuing from which one, and why it is a full fit."""

    parent: int | None
    previous: Version | None
    because: str


@dataclass(frozen=True, slots=True)
class Past:
    """What a project's versions, revisions and promotions say about the next fit."""

    versions: tuple[Version, ...]
    revision: Revision | None
    moves: tuple[Promotion, ...]


def next_fit(
    project: Project, past: Past, *, full: bool, relabelled: bool, reread: str = ""
) -> Fit:
    """Decide between a new root, a full fit, and an increment.

    A new root has no parent. It follows a changed recipe, a new revision (`reread` says why one
    was made just now), or a rollback after the last root was made.
    """
    if not past.versions:
        return Fit(None, None, "the first version")
    newest = past.versions[-1]
    root = reread or _new_root(project, past)
    if root:
        return Fit(None, None, root)
    if full:
        return Fit(newest.number, None, "a full fit was asked for")
    due = _due(project, past.versions)
    if due:
        return Fit(newest.number, None, due)
    if relabelled and project.recipe.estimator in UNABLE_TO_FORGET:
        return Fit(newest.number, None, "answers were changed")
    return Fit(newest.number, newest, "")


def as_fitted(fit: Fit, mode: TrainingMode, estimator: EstimatorName) -> Fit:
    """Return a fit with the reason why it was a full one though it was to go on, if it was.

    Trees never go on; all else does but from other labels than there are examples of now.
    """
    if mode != "full" or fit.previous is None or estimator in TREES:
        return fit
    return replace(fit, because="there are examples of other labels than before")


def _new_root(project: Project, past: Past) -> str:
    newest = past.versions[-1]
    if newest.recipe != project.recipe:
        return "the recipe was changed"
    if past.revision is None or newest.revision_id != past.revision.id:
        return "the pool was read anew"
    root = next(v for v in reversed(past.versions) if v.parent is None)
    rolled_back = rolled_back_at(past.moves)
    if rolled_back is not None and rolled_back > root.created_at:
        return "the champion was rolled back"
    return ""


def _due(project: Project, made: Sequence[Version]) -> str:
    """Say why a full fit is due, or nothing; sooner where continuing had led far away."""
    every, count = project.policy.full_every, since_full(made)
    if count >= every:
        return f"every {every}th fit is a full one"
    last = next((one.drift for one in reversed(made) if one.drift is not None), None)
    if last is not None and last.differing > FAR and count >= max(1, every // SOONER):
        return f"continuing had changed {last.differing:.1%} of the answers"
    return ""


def since_full(versions: Sequence[Version]) -> int:
    """Count the newest versions back to the last full fit, that one included."""
    for count, version in enumerate(reversed(versions), start=1):
        if version.mode == "full":
            return count
    return len(versions)


def changed(before: Sequence[Gold], now: Sequence[Gold]) -> bool:
    """Tell whether any label the previous version learned is gone or different."""
    labels = {item.position: item.label for item in now}
    return any(labels.get(item.position) != item.label for item in before)


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
