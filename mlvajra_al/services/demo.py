"""Demo projects on real data, and annotators who are simulated but walk through the same doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np

from mlvajra_al.errors import Conflict, Invalid, NotFound, PoolExhausted
from mlvajra_al.records import ACTIVE, Answer, Claim, Job, JobKind, Person, Project
from mlvajra_al.records.label_sets import to_text
from mlvajra_al.services import access, claiming, importing, labelling, people, projects
from mlvajra_al.services.demo_projects import DEMOS
from mlvajra_al.services.label_cells import Cells
from mlvajra_al.store import jobs
from mlvajra_al.store import projects as stored
from mlvajra_al.store.database import Store

CARDS = 6
"""Claims held at once, as many as the card of a person holds."""
LEASE = timedelta(minutes=5)
Said = tuple[str, ...] | None
"""The labels that gold gives a sample; None where it says nothing."""
LOOP: tuple[JobKind, ...] = ("ingest", "prepare", "retrain")


def wanted(store: Store) -> bool:
    """Tell whether the workspace has no project yet."""
    return not projects.listed(store, None, archived=True)


def create(store: Store, person: Person, *, now: datetime) -> tuple[Project, ...]:
    """Make the demo projects that are missing, without their data, and return them."""
    there = {project.name for project in projects.listed(store, None, archived=True)}
    return tuple(
        projects.create(store, person, demo.project(now))
        for demo in DEMOS.values()
        if demo.name not in there
    )


def unloaded(store: Store) -> tuple[str, ...]:
    """Return the names of the demo projects without data, and without an import under way."""
    names = []
    with store.read() as connection:
        for project in stored.listed(connection):
            demo = DEMOS.get(project.name)
            if demo is None or demo.recipe != project.recipe:
                continue
            asked = jobs.listed(connection, project.id, kinds=("ingest",), states=ACTIVE, limit=1)
            if not asked and not stored.shards(connection, project.id):
                names.append(project.name)
    return tuple(names)


def load(store: Store, person: Person, name: str, *, path: Path, now: datetime) -> Job:
    """Import a demo project's data like any other."""
    return importing.start_import(store, person, name, uri=path, now=now)


def annotator(store: Store, name: str, *, now: datetime) -> Person:
    """Return the person to simulate; made without a password where there is none."""
    try:
        return people.get(store, name)
    except NotFound:
        return people.add(store, None, name=name, role="annotator", password=None, now=now)


def require_access(store: Store, person: Person, project_name: str) -> None:
    """Refuse somebody who is no member of a restricted project, and say how to add them.

    For the operator, from whom no project is hidden.

    Raises
    ------
    NotFound
        If there is no such project.
    Conflict
        If the person may not see it.
    """
    with store.read() as connection:
        project = access.project(connection, None, project_name)
        if not access.sees(connection, person, project):
            raise Conflict(
                f"{person.name} is no member of {project_name!r}, which is restricted; add them: "
                f"mlvajra project members {project_name} --add {person.name}"
            )


def busy(store: Store, project_name: str) -> str:
    """Say what the loop is doing that would change the ranking; empty if nothing is."""
    with store.read() as connection:
        project = stored.by_name(connection, project_name)
        active = jobs.listed(connection, project.id, kinds=LOOP, states=ACTIVE, limit=1)
    return next((job.message or job.kind for job in active), "")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many answers to simulate, and what share of them is wrong."""

    labels: int
    error_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.labels < 1 or not 0.0 <= self.error_rate <= 1.0:
            raise Invalid(
                f"{self.labels} labels at an error rate of {self.error_rate:g} cannot be "
                "simulated; ask for at least 1 label and a rate from 0 to 1"
            )


def annotate(
    store: Store,
    person: Person,
    project_name: str,
    *,
    plan: Plan,
    rng: np.random.Generator,
    clock: Callable[[], datetime],
) -> Iterator[int]:
    """Answer samples from the gold column, and say after each few how many it were.

    Samples without gold are skipped and do not count. Claims never reach past the next retrain,
    so that whoever waits for it between two steps is asked what the new version wants to know.

    Raises
    ------
    Conflict
        If the project has no gold column.
    PoolExhausted
        If no sample is left to ask about.
    """
    project = projects.get(store, person, project_name)
    done = 0
    while done < plan.labels:
        claims = claiming.claim(
            store,
            person,
            project_name,
            n=min(CARDS, plan.labels - done, _until_retrain(store, project)),
            now=clock(),
            lease=LEASE,
            rng=rng,
        )
        if not claims:
            raise PoolExhausted(done, plan.labels)
        answers = _answers(store, project, claims, error_rate=plan.error_rate, rng=rng)
        labelling.record(store, person, project_name, answers=answers, now=clock(), lease=LEASE)
        done += sum(answer.action == "answer" for answer in answers)
        yield done


def _until_retrain(store: Store, project: Project) -> int:
    with store.read() as connection:
        since = stored.outlook(connection, project.id).answers
    return max(1, project.policy.retrain_every - since)


def _answers(
    store: Store,
    project: Project,
    claims: Sequence[Claim],
    *,
    error_rate: float,
    rng: np.random.Generator,
) -> list[Answer]:
    if project.gold_column is None:
        raise Conflict(
            f"the project {project.name!r} has no gold column to answer from; "
            "only demo projects and projects with a gold column can be simulated"
        )
    with store.read() as connection:
        pool = labelling.project_pool(store, connection, project)
    gold = pool.take([claim.position for claim in claims], [project.gold_column]).column(0)
    names = [label.name for label in project.labels]
    cells = Cells.of(names, multilabel=project.multilabel)
    say = _answer_with_several if project.multilabel else _answer
    return [
        say(
            claim,
            cells.read("" if truth is None else str(truth)),
            names,
            error_rate=error_rate,
            rng=rng,
        )
        for claim, truth in zip(claims, gold.to_pylist(), strict=True)
    ]


def _answer(
    claim: Claim,
    truth: Said,
    names: list[str],
    *,
    error_rate: float,
    rng: np.random.Generator,
) -> Answer:
    event_id = str(uuid4())
    if truth is None or truth[0] not in names:
        return Answer(event_id, claim.sample_key, "skip", claim_id=claim.id)
    (label,) = truth
    if rng.random() < error_rate:
        label = str(rng.choice([name for name in names if name != label]))
    return Answer(event_id, claim.sample_key, "answer", label=label, claim_id=claim.id)


def _answer_with_several(
    claim: Claim,
    truth: Said,
    names: list[str],
    *,
    error_rate: float,
    rng: np.random.Generator,
) -> Answer:
    """Answer with the labels of the gold column; who errs adds one or leaves one out."""
    event_id, given = str(uuid4()), set(truth or ())
    if truth is None or not given <= set(names):
        return Answer(event_id, claim.sample_key, "skip", claim_id=claim.id)
    if rng.random() < error_rate:
        given ^= {str(rng.choice(names))}
    return Answer(event_id, claim.sample_key, "answer", label=to_text(given), claim_id=claim.id)
