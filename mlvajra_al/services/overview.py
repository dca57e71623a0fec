"""What pages show beside the rail: the worker's pulse, recent answers, choices in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import chain
from statistics import median
from typing import Any

from mlvajra_al.errors import Invalid, NotFound
from mlvajra_al.records import (
    Annotation,
    Job,
    JobKind,
    Person,
    Project,
    Ranked,
    SampleExplanation,
    Shard,
)
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import access, cards, resolving
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.people import may, require
from mlvajra_al.store import annotations as events
from mlvajra_al.store import jobs, processes, projects, ranking
from mlvajra_al.store.codec import load
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.words import not_installed

STRATEGIES: dict[str, str] = {
    "auto": "Varied samples first, then labels with few examples, then doubts; says which.",
    "diversified_margin": "Samples the model hesitates about, and that differ from each other.",
    "focused_margin": "Samples the model hesitates about most, less spread out.",
    "margin": "Samples with the smallest gap between the two likeliest labels.",
    "least_confident": "Samples whose likeliest label is least likely.",
    "entropy": "Samples whose probabilities are spread over the most labels.",
    "information_density": "Samples whose probabilities are spread, and that many are like.",
    "ranked_batch": "Samples unlike all that is labelled, then those the model is unsure of.",
    "vote_entropy": "Samples that models of parts of the labels vote differently on.",
    "consensus_entropy": "Samples that models of parts of the labels are together unsure of.",
    "disagreement": "Samples that models of parts of the labels contradict each other on.",
    "expected_error": "Samples whose label would make the model surest of all others; slow.",
    "rare_label": "Half what may have a label with hardly any examples, half what is doubtful.",
    "unseen_label": "Half what is unlike everything labelled, half what is doubtful.",
    "typiclust": "Samples typical of what has no label yet; looks at no model.",
    "cold_start": "Samples that stand for many like them; looks at no model.",
    "random": "Any sample, each as likely as the next: the baseline of every comparison.",
}
"""The query strategies a project may use, in words; a test holds them to those that exist."""

EXTRA = {"prob_cover": "Samples that cover most of what nothing labelled is near to."}
"""Those of scikit-activeml, where it is installed."""
if find_spec("skactiveml") is not None:
    STRATEGIES |= EXTRA

OF_SEVERAL: dict[str, str] = {
    "auto": "Varied samples first, then those with labels the model doubts; says which.",
    "diversified_doubt": "Samples with a label the model doubts, and that differ from each other.",
    "focused_doubt": "Samples with the labels the model doubts most, less spread out.",
    "binary_doubt": "Samples with the one label that is most in doubt.",
    "mean_doubt": "Samples whose labels are in doubt on average.",
    "loss_reduction": "Samples whose labels would lower the model's loss most.",
    "unusual_count": "Samples given more or fewer labels than usual, and in doubt.",
    **{name: STRATEGIES[name] for name in ("unseen_label", "typiclust", "cold_start", "random")},
}
"""Those of a project where a sample may have several labels."""


def require_strategy(name: str, known: Collection[str]) -> None:
    """Refuse a query strategy that is not there.

    Raises
    ------
    Invalid
    """
    if name in EXTRA and name not in STRATEGIES:
        raise Invalid(not_installed(name))
    if name not in known:
        raise Invalid(f"there is no query strategy {name!r}; choose from {', '.join(known)}")


def strategies_of(project: Project) -> dict[str, str]:
    """Return the query strategies a project may use, in words."""
    return OF_SEVERAL if project.multilabel else STRATEGIES


ESTIMATORS: dict[str, str] = {
    "logistic_regression": "Logistic regression: fast, exact explanations; start here.",
    "sgd": "Linear model by stochastic gradient descent: learns from new answers alone.",
    "complement_nb": "Complement naive Bayes: for text with rare labels; needs counts of words.",
    "random_forest": "Random forest: finds interactions between columns; slower.",
    "hist_gradient_boosting": "Gradient boosting: strongest on tables with many answers; slowest.",
}
RATE_EVENTS = 5_000
SEARCHED = 200
"""So many answers are looked through at once."""
MOST_BARS = 36
PERIODS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 360, 1_440, 10_080))
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast answers come: counts per period, oldest first; `seconds` is the median answer."""

    period: timedelta
    counts: tuple[tuple[datetime, int], ...]
    last_hour: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the pool: its columns, and what a card shows of it."""

    key: str
    row: dict[str, Any]
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a list shows of a sample: its first words, maybe none, and its images."""

    words: str
    images: tuple[cards.Pixels, ...]


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a worker does: for this project or another, which is None if one may not see it."""

    kind: JobKind
    message: str
    own: bool
    project: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a version says about a row that somebody typed."""

    label: str
    probabilities: dict[str, float]
    explanation: SampleExplanation | None


def worker_seen(store: Store, *, now: datetime) -> tuple[bool, datetime | None]:
    """Return whether a worker is alive, and when one was last seen."""
    with store.read() as connection:
        found = processes.last_seen(connection, "worker")
        living = processes.living(connection, "worker", now=now)
    return bool(living), min(found[0], now) if found else None


def at_work(
    store: Store, person: Person | None, project_name: str, *, now: datetime
) -> tuple[AtWork, ...]:
    """Return what the workers do, that of a project first.

    Of another project its words are not told, nor to annotators what others have asked for.
    """
    with store.read() as connection:
        own = access.project(connection, person, project_name)
        return _at_work(connection, person, own.id, now=now)


def ahead_of(store: Store, person: Person, job: Job, *, now: datetime) -> tuple[AtWork, ...]:
    """Return what the workers do while a job waits, as `at_work` tells it; nothing once it runs."""
    if job.state != "queued":
        return ()
    with store.read() as connection:
        return _at_work(connection, person, job.project_id, now=now)


def _at_work(
    connection: Connection, person: Person | None, own: int, *, now: datetime
) -> tuple[AtWork, ...]:
    seen = {one.id: one.name for one in access.listed(connection, person, archived=True)}
    found = sorted(jobs.at_work(connection, now=now), key=lambda job: job.project_id != own)
    told = person is None or may(person, "reviewer")
    return tuple(
        AtWork(
            kind=job.kind,
            message=job.message if job.project_id == own and told else "",
            own=job.project_id == own,
            project=seen.get(job.project_id),
        )
        for job in found
    )


def answer_rate(store: Store, person: Person | None, project_name: str, *, now: datetime) -> Rate:
    """Count the newest answers per period; the period is the shortest that fits into a figure.

    Labels that came with a file do not count: nobody took the time to give them.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        newest = events.pace(connection, project.id, limit=RATE_EVENTS)
    first = newest[-1][0] if newest else now
    period = next((p for p in PERIODS if (now - first) / p <= MOST_BARS), PERIODS[-1])
    counted = Counter(_floor(at, period) for at, _ in newest)
    bars = min(MOST_BARS, int((now - first) / period) + 2)
    starts = [_floor(now, period) - back * period for back in range(bars - 1, -1, -1)]
    taken = [elapsed for _, elapsed in newest if elapsed]
    return Rate(
        period=period,
        counts=tuple((start, counted[start]) for start in starts),
        last_hour=sum(at > now - timedelta(hours=1) for at, _ in newest),
        seconds=median(taken) / 1_000 if taken else None,
    )


def _floor(at: datetime, period: timedelta) -> datetime:
    return EPOCH + (at - EPOCH) // period * period


def recent_answers(
    store: Store, person: Person | None, project_name: str, *, text: str = "", limit: int = 50
) -> tuple[Annotation, ...]:
    """Return the newest standing answers about samples that are not held out.

    With `text` those whose sample or key has it somewhere.

    Raises
    ------
    NotAllowed
        If an annotator asks: these are the answers of others too.
    """
    if person is not None:
        require(person, "reviewer", "see the answers of others")
    wanted = events.Filter(action="answer", current=True, holdout=False)
    needle, found = text.strip().casefold(), list[Annotation]()
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        if not needle:
            return events.listed(connection, project.id, wanted, limit=limit, newest_first=True)
        while len(found) < limit and (
            page := events.listed(connection, project.id, wanted, limit=SEARCHED, newest_first=True)
        ):
            rows = cards.rows_at(
                store, connection, project, positions=[event.position for event in page]
            )
            found += [
                event
                for event, row in zip(page, rows, strict=True)
                if any(
                    needle in str(value).casefold() for value in (event.sample_key, *row.values())
                )
            ]
            wanted = replace(wanted, after_seq=page[-1].seq)
    return tuple(found[:limit])


def gold_of(store: Store, person: Person, project_name: str, key: str) -> str | None:
    """Return the label that people gave a sample, resolved; None where there is none.

    Raises
    ------
    NotAllowed
        If an annotator asks: these are the answers of others too.
    """
    require(person, "reviewer", "see the answers of others")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        said = events.current_answers(connection, project.id, sample_key=key)
        found = next(chain(*resolving.resolve(said, overlap=project.policy.overlap)), None)
    return None if found is None else found.label


def next_asked(
    store: Store, person: Person | None, project_name: str, *, limit: int = 50
) -> tuple[Ranked, ...]:
    """Return the pool samples that will be asked about next, best first, with the reasons.

    Raises
    ------
    NotAllowed
        If an annotator asks: what a model hesitates about would tell what it thinks.
    """
    if person is not None:
        require(person, "reviewer", "see what is asked next")
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return ranking.front(connection, project.id, limit=limit)


def sample(store: Store, person: Person | None, project_name: str, key: str) -> Sample:
    """Return one sample: its columns, and what a card shows of it.

    Raises
    ------
    NotFound
        If the key is not in the pool.
    """
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        position = int(project_pool(store, connection, project).positions([key])[0])
        if position < 0:
            raise NotFound("sample", key)
        (row,) = cards.rows_at(store, connection, project, positions=[position])
        card = cards.card(project, row, projects.statistics(connection, project.id))
    return Sample(key, dict(row), card)


def card_of(
    store: Store, person: Person | None, project_name: str, row: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a card shows of a row that is not in the pool."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        return cards.card(project, row, projects.statistics(connection, project.id))


def beginnings(
    store: Store, person: Person | None, project_name: str, positions: Sequence[int]
) -> tuple[str, ...]:
    """Return the first words of samples, in the order asked for."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        rows = cards.rows_at(store, connection, project, positions=list(positions))
    return tuple(cards.beginning(project, row, limit=90) for row in rows)


def glimpses(
    store: Store, person: Person | None, project_name: str, positions: Sequence[int]
) -> tuple[Glimpse, ...]:
    """Return what lists show of samples with images, in the order asked for."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        statistics = projects.statistics(connection, project.id)
        rows = cards.rows_at(store, connection, project, positions=list(positions))
    return tuple(
        Glimpse(cards.beginning(project, row, images=False), cards.images(project, row, statistics))
        for row in rows
    )


def pool_columns(store: Store, person: Person | None, project_name: str) -> tuple[str, ...]:
    """Return the columns of the pool that a recipe may name: no key, no answers."""
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        pool = project_pool(store, connection, project)
    hidden = {project.key_column, project.gold_column}
    return tuple(name for name in pool.columns if name not in hidden)


def imports(store: Store, person: Person | None, project_name: str) -> tuple[Shard, ...]:
    """Return the pieces the pool is made of, oldest first."""
    with store.read() as connection:
        return projects.shards(connection, access.project(connection, person, project_name).id)


def answers_of(job: Job) -> tuple[Answered, ...]:
    """Return what a finished prediction of typed rows answered; nothing once it is forgotten."""
    found = (job.result or {}).get("predictions") or []
    return tuple(
        Answered(
            label=to_text(item["label"]) if isinstance(item["label"], list) else item["label"],
            probabilities=item["probabilities"],
            explanation=load(SampleExplanation, item["explanation"])
            if item.get("explanation")
            else None,
        )
        for item in found
    )
