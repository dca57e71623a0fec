"""Fit one estimator for a version, or go on from the one before, and tell how far that led away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from mlvajra_al.errors import Damaged
from mlvajra_al.learning import multilabel, training
from mlvajra_al.learning.rows import take
from mlvajra_al.records import Drift, EstimatorName, Gold, Project
from mlvajra_al.services.jobs import advising, mending, scoring, snapshots, warm
from mlvajra_al.services.jobs.revising import Prepared
from mlvajra_al.services.jobs.snapshots import Fit, Snapshot
from mlvajra_al.store import artefacts
from mlvajra_al.store.database import Store

log = logging.getLogger(__name__)


def seed_of(project: Project, seq: int) -> int:
    """Return the seed of a fit: the same labels of the same project give the same one."""
    return int(np.random.SeedSequence([project.seed, seq]).generate_state(1)[0])


def train(
    store: Store, seen: Snapshot, prepared: Prepared, *, fit: Fit, seed: int
) -> training.Trained:
    """Fit on the gold of the pool, continuing where `fit` says so; the same bits every time."""
    return learn(
        seen.project,
        take(prepared.features, [item.position for item in seen.gold]),
        seen.gold,
        estimator=seen.project.recipe.estimator,
        seed=seed,
        previous=fit.previous and warm.estimator(store.home, fit.previous.estimator),
        before=seen.before,
    )


def learn(
    project: Project,
    X: Any,
    gold: Sequence[Gold],
    *,
    estimator: EstimatorName,
    seed: int,
    previous: Any,
    before: Sequence[Gold],
) -> training.Trained:
    """Fit on gold, whose features are `X`, or go on from a model that learned the gold before."""
    known = {item.position: item.label for item in before}
    new = np.array([known.get(item.position) != item.label for item in gold])
    names = scoring.label_names(project)
    if project.multilabel:
        sets = [project.names_in(item.label) for item in gold]
        return multilabel.train_each(
            estimator, X, sets, seed=seed, previous=previous, new=new, labels=names
        )
    said = [item.label for item in gold]
    return training.train(estimator, X, said, seed=seed, previous=previous, new=new, labels=names)


def drift(
    store: Store,
    seen: Snapshot,
    prepared: Prepared,
    *,
    fit: Fit,
    whole: training.Trained,
    now: datetime,
) -> Drift | None:
    """Hold a full fit against what continuing would have made; None where nothing could go on.

    Naive Bayes only counts: what it learns in parts is what it learns at once. And who cannot
    forget does not go on once an answer was changed.
    """
    newest = next(iter(reversed(advising.alike(seen, prepared))), None)
    estimator = seen.project.recipe.estimator
    exact = estimator == "complement_nb"
    stuck = estimator in snapshots.UNABLE_TO_FORGET and snapshots.changed(seen.before, seen.gold)
    if whole.mode != "full" or fit.parent is None or newest is None or exact or stuck:
        return None
    going_on = continuable(store, replace(fit, previous=newest), now=now)
    if going_on.previous is None:
        return None
    continued = train(store, seen, prepared, fit=going_on, seed=seed_of(seen.project, seen.seq))
    if continued.mode == "full":
        return None
    return training.drift(continued.model, whole.model, advising.stop_set(seen, prepared))


def continuable(store: Store, fit: Fit, *, now: datetime) -> Fit:
    """Return how to fit; in full where the version to continue from is damaged."""
    if fit.previous is None:
        return fit
    try:
        artefacts.check(store.home, fit.previous.estimator)  # it may be in memory still
        warm.estimator(store.home, fit.previous.estimator)
    except Damaged as error:
        log.warning("a full fit instead of an increment: %s", error)
        mending.react(store, fit.previous.project_id, error, now=now)
        number = fit.previous.number
        return Fit(number, None, f"version {number}, to continue from, is damaged ({error.path})")
    return fit
