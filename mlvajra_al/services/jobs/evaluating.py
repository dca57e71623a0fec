"""Measure versions on today's holdout; of two, say which one is better."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.errors import Conflict
from mlvajra_al.learning import evaluation, multilabel_evaluation
from mlvajra_al.records import Job, Project, Verdict
from mlvajra_al.services.jobs import scoring
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import fingerprint, gold
from mlvajra_al.store import annotations as events
from mlvajra_al.store import projects, verdicts, versions
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Connection, Store

Answers = dict[int, NDArray[np.float64]]


def evaluate(store: Store, job: Job, tell: Tell) -> Result:
    """Report on one or two versions, and compare two."""
    numbers = [int(number) for number in job.payload["versions"]]
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        pool = project_pool(store, connection, project)
        held = gold(connection, project, until_seq=project.last_seq)[1]
        tally = events.holdout_tally(connection, project.id)
        scorers = {n: scoring.scorer(store.home, connection, project, n) for n in numbers}
        count = verdicts.next_number(connection, project.id)
    holdout = Holdout(tuple(held), tally, project.last_seq)
    answers: Answers = {}
    for place, number in enumerate(numbers):
        tell(0.1 + 0.8 * place / len(numbers), f"Evaluating version {number}")
        answers[number] = scorers[number].at(pool, holdout.positions)
    measured = {n: holdout.evaluate(answers[n], project) for n in numbers}
    found = compare(project, holdout, answers, number=count) if len(numbers) == 2 else None

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        for number in numbers:
            report = holdout.report(project, number, of=measured[number], now=tell.clock())
            versions.add_report(connection, report)
        verdict = found and counted(connection, project, holdout, found, now=tell.clock())
        result: Result = {"verdict": verdict and dump(verdict)}
        tell.settle(connection, result)
        return result

    return store.write(operation)


def counted(
    connection: Connection, project: Project, holdout: Holdout, found: Verdict, *, now: datetime
) -> Verdict:
    """Count a comparison; what was compared on the same answers before is said again."""
    if found.p_value is None:
        return found
    versions.lock(connection, project.id)
    labels = fingerprint(holdout.gold)
    pair = (found.champion, found.challenger)
    known = verdicts.find(connection, project.id, pair, holdout=labels)
    if known is not None:
        return known
    number = verdicts.next_number(connection, project.id)
    if evaluation.spending(number) != evaluation.spending(found.number):
        raise Conflict("other comparisons of this project were counted meanwhile; compare again")
    counted = replace(found, number=number)
    verdicts.add(connection, project.id, counted, holdout=labels, now=now)
    return counted


def compare(project: Project, holdout: Holdout, answers: Answers, *, number: int) -> Verdict:
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
        alpha=evaluation.spending(number),
        champion=champion,
        challenger=challenger,
    )
    return replace(found, number=number)
