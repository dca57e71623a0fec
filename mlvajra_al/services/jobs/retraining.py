"""Retrain: read a snapshot, think outside any transaction, write it all in one."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Damaged, NotEnoughLabels
from mlvajra_al.learning import fanning, multilabel, persistence, pipeline, quality, strategies
from mlvajra_al.learning.explanation import is_linear
from mlvajra_al.records import (
    Advice,
    Drift,
    Job,
    Project,
    Ranked,
    TrainingMode,
    Version,
)
from mlvajra_al.services.jobs import (
    advising,
    engine,
    fitting,
    machine,
    mending,
    preparing,
    revising,
    scoring,
    snapshots,
)
from mlvajra_al.services.jobs.engine import Done
from mlvajra_al.services.jobs.revising import Prepared
from mlvajra_al.services.jobs.scoring import Measured, Scorer
from mlvajra_al.services.jobs.snapshots import Fit, Snapshot, nothing_new, snapshot
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.resolving import fingerprint, require_two
from mlvajra_al.services.versions import explanation_name
from mlvajra_al.store import advice, artefacts, jobs, projects, ranking, versions
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.words import plural

log = logging.getLogger(__name__)

HEAD = 500
"""Samples ranked by the model; random ones wait behind them."""
MOST_TOGETHER = 100
"""So many samples at most are spread out together: time and memory grow with it."""


@dataclass(frozen=True, slots=True)
class Thought:
    """What came of it, before it is written."""

    mode: TrainingMode
    blob: str
    fitted: str
    seed: int
    seconds: float
    linear: bool
    measured: Measured
    champion: Measured | None
    """Of the champion, on the same samples; None where there is none yet, or it is damaged."""
    ranking: strategies.Ranking
    note: str
    """Why a cluster did not rank though one was to; mostly empty."""
    candidates: NDArray[np.int64]
    advice: Advice
    drift: Drift | None


def retrain(store: Store, job: Job, tell: Tell) -> Result:
    """Fit the next version, evaluate it, rank the pool by it."""
    started = time.monotonic()
    tell(0.01, "Reading the labels")
    with store.read() as connection:
        seen = snapshot(store, connection, job.project_id)
    try:
        require_two(seen.project, {item.label for item in seen.gold})
    except NotEnoughLabels as error:
        return _look_elsewhere(store, seen, error, tell=tell)
    prepared = revising.ready(
        store, seen.project, seen.pool, revision=seen.past.revision, tell=tell
    )
    if prepared.damaged is not None:
        mending.react(store, seen.project.id, prepared.damaged, now=tell.clock())
    full = job.payload.get("mode") == "full"
    relabelled = snapshots.changed(seen.before, seen.gold) or seen.counts_anew
    fit = snapshots.next_fit(
        seen.project, seen.past, full=full, relabelled=relabelled, reread=prepared.because
    )
    fit = fitting.continuable(store, fit, now=tell.clock())
    if fit.previous is not None and nothing_new(seen, fit.previous):
        return _again(store, seen, prepared, newest=fit.previous, tell=tell)
    thought = think(store, seen, prepared, fit=fit, tell=tell)
    thought = replace(thought, seconds=time.monotonic() - started)
    fit = snapshots.as_fitted(fit, thought.mode, seen.project.recipe.estimator)
    return write(store, seen, prepared, thought=thought, plan=(job, fit), tell=tell)


def _look_elsewhere(store: Store, seen: Snapshot, why: NotEnoughLabels, *, tell: Tell) -> Result:
    """Ask for what is unlike the one label that all answers so far have; there is no fit yet."""
    result: Result = {"missing_labels": list(why.missing), "seen_labels": list(why.seen)}
    project, past = seen.project, seen.past
    if not seen.gold or past.versions or past.revision is None:
        return result
    prepared = revising.ready(store, project, seen.pool, revision=past.revision, tell=tell)
    tell(0.8, "Looking for samples of another label")
    ranked, result["asks"] = preparing.first_ranking(
        project,
        seen.pool,
        prepared.features,
        touched=seen.touched,
        rng=np.random.default_rng(fitting.seed_of(project, seen.seq)),
        known=[item.position for item in seen.gold],
    )

    def operation(connection: Connection) -> Result:
        if ranked:
            _serve(connection, project, ranked, tell=tell)
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _again(
    store: Store, seen: Snapshot, prepared: Prepared, *, newest: Version, tell: Tell
) -> Result:
    """Evaluate the newest version and the champion on today's holdout, and let the newest one rank.

    There is nothing new to learn, but the strategy may be another one than it ranked by.
    """
    with store.read() as connection:
        scorer = scoring.scorer(store.home, connection, seen.project, newest.number)
    measured = {newest.number: _measured(store, seen, scorer)}
    if seen.project.champion not in (None, newest.number):
        measured |= _of_champion(seen, measure_champion(store, seen, now=tell.clock()))
    tell(0.8, f"Nothing new to learn since version {newest.number}; choosing what to ask next")
    seed = fitting.seed_of(seen.project, seen.seq)
    candidates = preparing.askable(seen.project, seen.pool, seen.touched)
    best = choose(seen, prepared, scorer.estimator, candidates=candidates, seed=seed)
    ranked = preparing.ranked(
        seen.pool,
        best.value,
        candidates=candidates,
        scored=True,
        rng=np.random.default_rng(seed),
    )
    result = {
        "version": newest.number,
        "nothing_new": True,
        "asks": best.value.reason,
        "note": best.note,
    }

    def operation(connection: Connection) -> Result:
        _report(connection, seen, measured, now=tell.clock())
        _serve(connection, seen.project, [_by(item, newest.number) for item in ranked], tell=tell)
        tell.settle(connection, result)
        return result

    return store.write(operation)


def think(store: Store, seen: Snapshot, prepared: Prepared, *, fit: Fit, tell: Tell) -> Thought:
    """Fit, evaluate and rank; nothing is written but blobs."""
    anew = f" anew: {fit.because}" if fit.because and seen.past.versions else ""
    tell(0.3, f"Learning from {plural(len(seen.gold), 'label')}{anew}")
    seed = fitting.seed_of(seen.project, seen.seq)
    trained = fitting.train(store, seen, prepared, fit=fit, seed=seed)
    blob = artefacts.put(store.home, persistence.dumps(trained.model))
    tell(0.6, "Evaluating on the holdout")
    names = scoring.label_names(seen.project)
    scorer = Scorer(prepared.recipe, prepared.preprocessing, trained.model, names)
    measured = _measured(store, seen, scorer)
    tell(0.8, "Choosing what to ask next")
    candidates = preparing.askable(seen.project, seen.pool, seen.touched)
    best = choose(seen, prepared, trained.model, candidates=candidates, seed=seed)
    linear = is_linear(trained.model)
    return Thought(
        mode=trained.mode,
        blob=blob,
        fitted=pipeline.described(trained.model),
        seed=seed,
        seconds=0.0,
        linear=linear,
        measured=measured,
        champion=measure_champion(store, seen, now=tell.clock()),
        ranking=best.value,
        note=best.note,
        candidates=candidates,
        advice=advising.advise(store, seen, prepared, model=trained.model, seed=seed),
        drift=fitting.drift(store, seen, prepared, fit=fit, whole=trained, now=tell.clock()),
    )


def choose(
    seen: Snapshot, prepared: Prepared, model: Any, *, candidates: NDArray[np.int64], seed: int
) -> Done[strategies.Ranking]:
    """Rank what may be asked, on a cluster where there is one and much to do."""
    policy = seen.project.policy
    plan = strategies.known_for(model).get(policy.strategy)
    committee = plan is not None and plan.needs == "committee"
    rank = partial(
        strategies.rank,
        model,
        prepared.features,
        candidates,
        strategy=policy.strategy,
        batch_size=min(policy.retrain_every, MOST_TOGETHER),
        n=min(HEAD, len(candidates)),
        labelled=[item.position for item in seen.gold],
        labels=_told(seen, model),
        label_set=scoring.label_names(seen.project),
    )
    return engine.run(
        lambda: rank(rng=np.random.default_rng(seed)),
        pays=committee or len(candidates) >= fanning.PAYS,
    )


def _told(seen: Snapshot, model: Any) -> Any:
    """Return what each sample is labelled with, as strategies for this model want it."""
    if not seen.project.multilabel:
        return [item.label for item in seen.gold]
    sets = [seen.project.names_in(item.label) for item in seen.gold]
    return multilabel.indicators(sets, model.classes_.tolist())


def measure_champion(store: Store, seen: Snapshot, *, now: datetime) -> Measured | None:
    """Measure the champion on today's holdout, so that its number is as fresh as the new one's."""
    if seen.project.champion is None:
        return None
    try:
        with store.read() as connection:
            scorer = scoring.scorer(store.home, connection, seen.project, seen.project.champion)
    except Damaged as error:  # it must not keep the next version from being made
        log.warning("the champion was not measured: %s", error)
        mending.react(store, seen.project.id, error, now=now)
        return None
    return _measured(store, seen, scorer)


def _measured(store: Store, seen: Snapshot, scorer: Scorer) -> Measured:
    answers = scorer.at(seen.pool, seen.holdout.positions)
    return seen.holdout.measure(store.home, answers, seen.project)


def write(
    store: Store,
    seen: Snapshot,
    prepared: Prepared,
    *,
    thought: Thought,
    plan: tuple[Job, Fit],
    tell: Tell,
) -> Result:
    """Write version, report, ranking, first champion and the end of the job, all or nothing."""
    tell(0.9, "Writing the new version")
    job, fit = plan
    project = seen.project
    ranked = _ranked(seen, thought)

    def operation(connection: Connection) -> Result:
        now = tell.clock()
        tell.check(connection)
        versions.lock(connection, project.id)
        revision = revising.keep(connection, project, prepared, now=now)
        number = versions.next_number(connection, project.id)
        facts = (number, revision.id, str(job.payload.get("trigger", "")), now)
        versions.add(connection, _version(seen, thought, fit, facts=facts))
        measured = {number: thought.measured} | _of_champion(seen, thought.champion)
        _report(connection, seen, measured, now=now)
        given = replace(thought.advice, version=number)
        advice.add(connection, project.id, given, now=now)
        _serve(connection, project, [_by(item, number) for item in ranked], tell=tell)
        _first_champion(connection, project, number, tell=tell)
        if project.champion is not None and thought.champion is None:
            mending.replace_lost(store.home, connection, project.id, to=number, now=now)
        _go_on(connection, seen, number, linear=thought.linear, tell=tell)
        result = _result(number, thought, fit)
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _ranked(seen: Snapshot, thought: Thought) -> list[Ranked]:
    return preparing.ranked(
        seen.pool,
        thought.ranking,
        candidates=thought.candidates,
        scored=True,
        rng=np.random.default_rng(thought.seed),
    )


def _result(number: int, thought: Thought, fit: Fit) -> Result:
    return {
        "version": number,
        "mode": thought.mode,
        "because": fit.because,
        "asks": thought.ranking.reason,
        "note": thought.note,
    }


def _go_on(
    connection: Connection, seen: Snapshot, number: int, *, linear: bool, tell: Tell
) -> None:
    """Queue what follows a new version: its explanation, and a look at the labels."""
    project = seen.project
    if linear:
        _explain(connection, project, number, tell=tell)
    if len(seen.gold) >= quality.FEWEST:
        now = tell.clock()
        jobs.enqueue(connection, project.id, "examine", payload={}, now=now, dedupe="examine")


def _version(
    seen: Snapshot, thought: Thought, fit: Fit, *, facts: tuple[int, int, str, datetime]
) -> Version:
    number, revision_id, trigger, now = facts
    return Version(
        project_id=seen.project.id,
        number=number,
        parent=fit.parent,
        mode=thought.mode,
        revision_id=revision_id,
        estimator=thought.blob,
        n_labels=len(seen.gold),
        label_counts=dict(seen.project.counted(item.label for item in seen.gold)),
        label_seq=seen.seq,
        label_fingerprint=fingerprint(seen.gold),
        recipe=seen.project.recipe,
        seed=thought.seed,
        shards=tuple(shard.sha256 for shard in seen.pool.shards),
        libraries=machine.libraries(),
        cpu=machine.cpu(),
        duration_s=thought.seconds,
        trigger=trigger[:80],
        created_at=now,
        because=fit.because,
        asks=thought.ranking.reason,
        drift=thought.drift,
        fitted=thought.fitted,
    )


def _of_champion(seen: Snapshot, measured: Measured | None) -> dict[int, Measured]:
    """Return what was measured of the champion by its number; nothing where nothing was."""
    number = seen.project.champion
    return {} if number is None or measured is None else {number: measured}


def _report(
    connection: Connection, seen: Snapshot, measured: Mapping[int, Measured], *, now: datetime
) -> None:
    """Store what was measured of versions: of the newest one, and of the champion beside it."""
    for number, of in measured.items():
        seen.holdout.write(connection, seen.project, number, of=of, now=now)


def _by(item: Ranked, number: int) -> Ranked:
    """Name the version that ranked a sample; its number is known only when it is written."""
    if item.why.utility is None:
        return item
    return replace(item, why=replace(item.why, version=number))


def _serve(connection: Connection, project: Project, ranked: list[Ranked], *, tell: Tell) -> None:
    # As many answers as are wanted now, not when the job began.
    policy = projects.get(connection, project.id).policy
    ranking.replace(connection, project.id, ranked, overlap=policy.overlap, now=tell.clock())


def _first_champion(connection: Connection, project: Project, number: int, *, tell: Tell) -> None:
    """Let the first version answer the world until a person decides."""
    versions.move_champion(
        connection,
        project.id,
        expected=None,
        to=number,
        person_id=None,
        reason="provisional: the first version",
        now=tell.clock(),
    )


def _explain(connection: Connection, project: Project, number: int, *, tell: Tell) -> None:
    jobs.enqueue(
        connection,
        project.id,
        "explain",
        payload={"version": number, "sample_key": ""},
        now=tell.clock(),
        dedupe=explanation_name(number),
    )
