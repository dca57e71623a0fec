"""Make a version again from the labels it learned, and say whether the same bits come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Damaged
from mlvajra_al.learning import frames, persistence, pipeline
from mlvajra_al.learning.sameness import same_bits
from mlvajra_al.learning.utilities import probabilities
from mlvajra_al.records import Gold, Person, Project, Version
from mlvajra_al.services import access, damage
from mlvajra_al.services.jobs import fitting, machine
from mlvajra_al.services.resolving import fingerprint, gold
from mlvajra_al.store import artefacts, projects, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool, open_pool

COMPARED = 1_000
"""Samples, spread over the pool, whose probabilities are compared."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of making a version again.

    `identical` says that every number of the fitted model is the same to the bit;
    `max_abs_difference` is the largest between any two probabilities of samples of the pool, None
    where there is nothing to compare with; `reason` says why they differ, as far as can be told.
    """

    identical: bool
    max_abs_difference: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Step:
    """One fit of the chain: the version it made, and the labels it learned."""

    version: Version
    gold: tuple[Gold, ...]


def rebuild(
    store: Store, person: Person | None, project_name: str, *, number: int, now: datetime
) -> Rebuilt:
    """Replay the fits of a version from the last full one on, and compare with what is stored.

    Nothing is written but which shard is found damaged. The frozen preprocessing is taken as it
    is stored; labels are those known at the time, resolved by today's rule.

    Raises
    ------
    NotFound
        If there is no such project or version.
    Damaged
        If a shard of the pool is damaged.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        steps = _steps(connection, project, number)
        newest = steps[-1].version
        preprocessing = versions.get_revision(connection, newest.revision_id).preprocessing
        shards = projects.shards(connection, project.id)[: len(newest.shards)]
    try:
        fitted = persistence.loads(artefacts.get(store.home, preprocessing))
    except Damaged as error:
        return Rebuilt(False, None, f"nothing can be made again: {error}")
    pool = open_pool(store.home, project.id, shards)
    damage.verified(store, project.id, pool, now=now)
    model = _replay(project, pool, steps, fitted)
    try:
        stored = persistence.loads(artefacts.get(store.home, newest.estimator))
    except Damaged as error:
        return Rebuilt(False, None, f"there is nothing to compare with: {error}")
    if same_bits(model, stored):
        return Rebuilt(True, 0.0, "")
    rows = np.unique(np.linspace(0, len(pool) - 1, COMPARED).astype(int))
    X = _features(pool, rows, newest, fitted)
    return Rebuilt(False, difference(model, stored, X), reason(steps))


def _steps(connection: Connection, project: Project, number: int) -> list[_Step]:
    """Return the fits that led to a version, from the last full one on."""
    found = versions.get(connection, project.id, number)
    chain = [found]
    while found.mode != "full" and found.parent is not None:
        found = versions.get(connection, project.id, found.parent)
        chain.append(found)
    return [
        _Step(version, _gold(connection, project, version.label_seq)) for version in chain[::-1]
    ]


def _gold(connection: Connection, project: Project, seq: int) -> tuple[Gold, ...]:
    known, _ = gold(connection, project, until_seq=seq)
    return tuple(sorted(known, key=lambda item: item.position))


def _replay(project: Project, pool: Pool, steps: Sequence[_Step], fitted: Any) -> Any:
    """Fit once more, step by step, each from what the one before would have stored."""
    model: Any = None
    before: tuple[Gold, ...] = ()
    for step in steps:
        positions = np.array([item.position for item in step.gold])
        trained = fitting.learn(
            project,
            _features(pool, positions, step.version, fitted),
            step.gold,
            estimator=step.version.recipe.estimator,
            seed=step.version.seed,
            previous=model,
            before=before,
        )
        model, before = persistence.loads(persistence.dumps(trained.model)), step.gold
    return model


def _features(pool: Pool, positions: NDArray[Any], version: Version, fitted: Any) -> Any:
    columns = [column.name for column in frames.inputs(version.recipe)]
    frame = frames.to_frame(pool.take(positions, columns), version.recipe)
    return pipeline.transform(fitted, frame)


def difference(model: Any, stored: Any, X: Any) -> float | None:
    """Return the largest difference between two models' probabilities; None if labels differ."""
    if not np.array_equal(model.classes_, stored.classes_):
        return None
    return float(np.max(np.abs(probabilities(model, X) - probabilities(stored, X))))


def reason(steps: Sequence[_Step]) -> str:
    """Say what is not as it was when the versions were made."""
    reasons = []
    for step in steps:
        version = step.version
        if fingerprint(step.gold) != version.label_fingerprint:
            reasons.append(f"the labels of version {version.number} resolve differently today")
        reasons += _other_libraries(version)
        if version.cpu != machine.cpu():
            reasons.append(f"version {version.number} was made on {version.cpu}")
    if not reasons:
        return (
            "labels, libraries and processor are the same, so that it should not differ; "
            "please report this"
        )
    return "; ".join(reasons)


def _other_libraries(version: Version) -> list[str]:
    here = machine.libraries()
    return [
        f"version {version.number} was made with {name} {was}, here is {here.get(name, 'none')}"
        for name, was in version.libraries.items()
        if here.get(name) != was
    ]
