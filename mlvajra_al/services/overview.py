"""What pages show beside the rail: the worker's pulse, recent answers, samples, choices in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from mlvajra_al.errors import NotFound
from mlvajra_al.records import Annotation, AuditEntry, EstimatorName, Person, Ranked, Shard
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.people import require
from mlvajra_al.services.progress import WORKER_SILENT
from mlvajra_al.store import annotations as events
from mlvajra_al.store import audit, jobs, projects, ranking
from mlvajra_al.store.database import Store

STRATEGIES: dict[str, str] = {
    "auto": "The one that needed the fewest labels in our benchmarks; a cold start before that.",
    "diversified_margin": "Samples the model hesitates about, and that differ from each other.",
    "margin": "Samples with the smallest gap between the two likeliest labels.",
    "least_confident": "Samples whose likeliest label is least likely.",
    "entropy": "Samples whose probabilities are spread over the most labels.",
    "cold_start": "Samples that stand for many like them; looks at no model.",
    "random": "Any sample, each as likely as the next: the baseline of every comparison.",
}
"""The query strategies a project may use, in words; a test holds them to those that exist."""

ESTIMATORS: dict[EstimatorName, str] = {
    "logistic_regression": "Logistic regression: fast, exact explanations; start here.",
    "sgd": "Linear model by stochastic gradient descent: learns from new answers alone.",
    "complement_nb": "Complement naive Bayes: for text with rare labels; needs counts of words.",
    "random_forest": "Random forest: finds interactions between columns; slower.",
    "hist_gradient_boosting": "Gradient boosting: strongest on tables with many answers; slowest.",
}
RATE_EVENTS = 5_000


def worker_seen(store: Store, *, now: datetime) -> tuple[bool, datetime | None, str]:
    """Return whether the worker is alive, when it was last seen, and what it was doing."""
    with store.read() as connection:
        found = jobs.last_seen(connection, "worker")
    if found is None:
        return False, None, ""
    return now - found[0] <= WORKER_SILENT, found[0], found[1]


def answers_per_hour(
    store: Store, project_name: str, *, now: datetime, hours: int = 48
) -> tuple[tuple[datetime, int], ...]:
    """Count the newest answers by the hour they were given in, over the last `hours`."""
    with store.read() as connection:
        project = projects.by_name(connection, project_name)
        newest = events.listed(
            connection,
            project.id,
            events.Filter(action="answer"),
            limit=RATE_EVENTS,
            newest_first=True,
        )
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    counted = Counter(
        event.created_at.replace(minute=0, second=0, microsecond=0) for event in newest
    )
    every = [this_hour - timedelta(hours=back) for back in range(hours - 1, -1, -1)]
    return tuple((hour, counted[hour]) for hour in every)


def recent_answers(store: Store, project_name: str, *, limit: int = 50) -> tuple[Annotation, ...]:
    """Return the newest standing answers about samples that are not held out."""
    wanted = events.Filter(action="answer", current=True, holdout=False)
    with store.read() as connection:
        project = projects.by_name(connection, project_name)
        return events.listed(connection, project.id, wanted, limit=limit, newest_first=True)


def next_asked(store: Store, project_name: str, *, limit: int = 50) -> tuple[Ranked, ...]:
    """Return the pool samples that will be asked about next, best first."""
    with store.read() as connection:
        project = projects.by_name(connection, project_name)
        return ranking.front(connection, project.id, limit=limit)


def samples(store: Store, project_name: str, keys: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Return the columns of samples, in the order of their keys.

    Raises
    ------
    NotFound
        If a key is not in the pool.
    """
    with store.read() as connection:
        project = projects.by_name(connection, project_name)
        pool = project_pool(store, connection, project)
    names = [column.name for column in project.recipe.columns]
    if project.title_column and project.title_column not in names:
        names.append(project.title_column)
    positions = pool.positions(list(keys))
    for key, position in zip(keys, positions, strict=True):
        if position < 0:
            raise NotFound("sample", key)
    return tuple(pool.take(positions, names).to_pylist())


def imports(store: Store, project_name: str) -> tuple[Shard, ...]:
    """Return the pieces the pool is made of, oldest first."""
    with store.read() as connection:
        return projects.shards(connection, projects.by_name(connection, project_name).id)


def annotation_count(store: Store, project_name: str) -> int:
    """Return how many annotations a project has; nothing ever makes it smaller."""
    with store.read() as connection:
        return events.total(connection, projects.by_name(connection, project_name).id)


def audit_trail(store: Store, person: Person, *, limit: int = 500) -> tuple[AuditEntry, ...]:
    """Return the newest privileged acts first."""
    require(person, "admin", "read the audit trail")
    with store.read() as connection:
        return audit.latest(connection, limit=limit)
