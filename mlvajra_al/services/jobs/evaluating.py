"""Measure versions on today's holdout; of two, say which one is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvajra_al.learning import evaluation
from mlvajra_al.records import Job, Project, Verdict
from mlvajra_al.services.jobs import scoring
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.resolving import gold
from mlvajra_al.store import annotations as events
from mlvajra_al.store import projects, versions
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Connection, Store


def evaluate(store: Store, job: Job, tell: Tell) -> Result:
    """Report on one or two versions, and compare two."""
    numbers = [int(number) for number in job.payload["versions"]]
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        pool = project_pool(store, connection, project)
        held = gold(connection, project, until_seq=project.last_seq)[1]
        tally = events.holdout_tally(connection, project.id)
        scorers = {n: scoring.scorer(store.home, connection, project, n) for n in numbers}
        k = _comparisons(connection, project)
    holdout = Holdout(tuple(held), tally, project.last_seq)
    answers: dict[int, NDArray[np.float64]] = {}
    for place, number in enumerate(numbers):
        tell(0.1 + 0.8 * place / len(numbers), f"Evaluating version {number}")
        answers[number] = scorers[number].at(pool, holdout.positions)
    measured = {n: holdout.evaluate(answers[n], project) for n in numbers}
    verdict = compare(project, holdout, answers, k=k) if len(numbers) == 2 else None
    result: dict[str, Any] = {"verdict": dump(verdict) if verdict else None}

    def operation(connection: Connection) -> Result:
        tell.check(connection)
        for number in numbers:
            report = holdout.report(project, number, of=measured[number], now=tell.clock())
            versions.add_report(connection, report)
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _comparisons(connection: Connection, project: Project) -> int:
    """Return which comparison of the project this is: each new version allows one more."""
    return max(1, versions.next_number(connection, project.id) - 2)


def compare(
    project: Project, holdout: Holdout, answers: dict[int, NDArray[np.float64]], *, k: int
) -> Verdict:
    """Compare the answers of two versions on the same samples, champion first."""
    champion, challenger = answers
    return evaluation.compare(
        holdout.truth,
        answers[champion],
        answers[challenger],
        scoring.label_names(project),
        rng=np.random.default_rng([project.seed, holdout.seq]),
        alpha=evaluation.spending(k),
        champion=champion,
        challenger=challenger,
    )
