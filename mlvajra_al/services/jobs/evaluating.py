"""Measure versions on today's holdout; of two, say which one is better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Conflict, Damaged
from mlvajra_al.learning import evaluation, multilabel_evaluation
from mlvajra_al.records import Job, Project, Verdict
from mlvajra_al.services.champions import is_provisional
from mlvajra_al.services.jobs import mending, scoring
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import fingerprint, gold
from mlvajra_al.services.versions import champion_first
from mlvajra_al.store import annotations as events
from mlvajra_al.store import projects, verdicts, versions
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool

Answers = dict[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Stake:
    """Which comparison of a project one is, and how much error it may make."""

    number: int
    """0 where nothing is spent."""
    alpha: float | None
    """None where neither version is the champion: nothing is decided then."""

    @property
    def provisional(self) -> bool:
        """Whether nobody has chosen the champion."""
        return self.number == 0 and self.alpha is not None


def evaluate(store: Store, job: Job, tell: Tell) -> Result:
    """Report on one or two versions, and compare two; or on many, each for itself."""
    if job.payload.get("each"):
        return _evaluate_each(store, job, tell)
    with store.read() as connection:
        project, pool, holdout = _held_out(store, connection, job.project_id)
        numbers = champion_first(job.payload["versions"], project.champion)
        scorers = {n: scoring.scorer(store.home, connection, project, n) for n in numbers}
        stake = staked(connection, project, numbers[0])
    pool.verify(holdout.positions)
    answers: Answers = {}
    for place, number in enumerate(numbers):
        tell(0.1 + 0.8 * place / len(numbers), f"Evaluating version {number}")
        answers[number] = scorers[number].at(pool, holdout.positions)
    measured = {n: holdout.measure(store.home, answers[n], project) for n in numbers}
    found = compare(project, holdout, answers, stake=stake) if len(numbers) == 2 else None

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        for number in numbers:
            holdout.write(connection, project, number, of=measured[number], now=tell.clock())
        verdict = found and counted(connection, project, holdout, found, now=tell.clock())
        result: Result = {"verdict": verdict and dump(verdict)}
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _evaluate_each(store: Store, job: Job, tell: Tell) -> Result:
    """Report on versions one after the other; a damaged one is told and holds up no other."""
    numbers, damaged = job.payload["versions"], []
    measured = {}
    with store.read() as connection:
        project, pool, holdout = _held_out(store, connection, job.project_id)
    pool.verify(holdout.positions)
    for place, number in enumerate(numbers):
        tell(0.1 + 0.8 * place / len(numbers), f"Evaluating version {number}")
        try:
            with store.read() as connection:
                scorer = scoring.scorer(store.home, connection, project, number)
        except Damaged as error:
            mending.react(store, project.id, error, now=tell.clock())
            damaged.append(number)
            continue
        answers = scorer.at(pool, holdout.positions)
        measured[number] = holdout.measure(store.home, answers, project)

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        for number, of in measured.items():
            holdout.write(connection, project, number, of=of, now=tell.clock())
        result: Result = {"verdict": None, "measured": len(measured), "damaged": damaged}
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _held_out(
    store: Store, connection: Connection, project_id: int
) -> tuple[Project, Pool, Holdout]:
    project = projects.get(connection, project_id)
    held = gold(connection, project, until_seq=project.last_seq)[1]
    tally = events.holdout_tally(connection, project.id)
    holdout = Holdout(tuple(held), tally, project.last_seq)
    return project, project_pool(store, connection, project), holdout


def staked(connection: Connection, project: Project, champion: int) -> Stake:
    """Return what a comparison with a version may spend now."""
    if champion != project.champion:
        return Stake(0, None)
    moves = versions.promotions(connection, project.id)
    if is_provisional(moves, champion):
        return Stake(0, evaluation.allowed(0, chosen=False))
    number = verdicts.next_number(connection, project.id)
    return Stake(number, evaluation.allowed(number, chosen=True))


def counted(
    connection: Connection, project: Project, holdout: Holdout, found: Verdict, *, now: datetime
) -> Verdict:
    """Count a comparison; what was compared on the same answers before is said again.

    One with a provisional champion spends nothing and is not counted, nor is one of two versions
    neither of which is the champion.
    """
    if found.p_value is None:
        return found
    versions.lock(connection, project.id)
    project = projects.get(connection, project.id)
    stake = staked(connection, project, found.champion)
    moved = found.neutral and found.challenger == project.champion
    if moved or (stake.provisional, stake.alpha is None) != (found.provisional, found.neutral):
        raise Conflict("the champion was moved meanwhile; compare again")
    if not stake.number:
        return found
    labels = fingerprint(holdout.gold)
    pair = (found.champion, found.challenger)
    known = verdicts.find(connection, project.id, pair, holdout=labels)
    if known is not None:
        return known
    if stake.alpha != found.alpha:
        raise Conflict("other comparisons of this project were counted meanwhile; compare again")
    counted = replace(found, number=stake.number)
    verdicts.add(connection, project.id, counted, holdout=labels, now=now)
    return counted


def compare(project: Project, holdout: Holdout, answers: Answers, *, stake: Stake) -> Verdict:
    """Compare the answers of two versions on the same samples, champion first."""
    champion, challenger = answers
    decide = partial(evaluation.compare, holdout.truth)
    if project.multilabel:
        decide = partial(multilabel_evaluation.compare, holdout.sets(project))
    found = decide(
        answers[champion],
        answers[challenger],
        scoring.label_names(project),
        rng=np.random.default_rng([project.seed, holdout.seq]),
        alpha=stake.alpha,
        champion=champion,
        challenger=challenger,
    )
    return replace(found, number=stake.number, provisional=stake.provisional)
