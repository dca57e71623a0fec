"""Build nouns for tests: small, real, stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyarrow as pa

from mlvajra_al.records import (
    Action,
    Answer,
    Claim,
    Column,
    Evaluation,
    Measure,
    Person,
    Policy,
    Project,
    Ranked,
    Recipe,
    Report,
    Revision,
    Role,
    TrainingMode,
    Version,
    Why,
)
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.store import artefacts, people, projects, ranking, versions
from mlvajra_al.store.database import Store
from mlvajra_al.store.naming import Plan
from mlvajra_al.store.shards import Pool, pool_folder
from mlvajra_al.store.staging import commit, stage

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
TEXTS = pa.schema(
    [
        pa.field("id", pa.large_string(), metadata={"kind": "ignored"}),
        pa.field("body", pa.large_string(), metadata={"kind": "text"}),
    ]
)


def a_person(store: Store, name: str = "Ada", *, role: Role = "annotator") -> Person:
    """Store a person without a password."""
    with store.begin() as connection:
        return people.add(connection, name, role=role, password_hash=None, now=NOW)


def a_draft(name: str = "spam", *, policy: Policy | None = None) -> Project:
    """Return a project of one text column that is not stored."""
    drafted = project_services.draft(
        name,
        labels=make_labels(["ham", "spam"]),
        recipe=Recipe((Column("body", "text"),)),
        now=NOW,
        seed=7,
    )
    return replace(drafted, policy=policy or Policy(holdout_rate=0.0))


def a_project(store: Store, name: str = "spam", *, policy: Policy | None = None) -> Project:
    """Store a project of one text column."""
    with store.begin() as connection:
        return projects.create(connection, a_draft(name, policy=policy))


def a_pool(store: Store, project: Project, count: int, *, body: str = "text number {}") -> None:
    """Give a project a pool of `count` texts with the keys p0, p1 and so on."""
    rows = [{"id": f"p{place}", "body": body.format(place)} for place in range(count)]
    plan = Plan(project.id, "factory", project.seed, ("body",), key_column="id")
    folder = pool_folder(store.home, project.id)
    staged = stage(
        folder,
        pa.Table.from_pylist(rows, schema=TEXTS).to_batches(),
        existing=Pool(folder, ()),
        plan=plan,
        at=NOW,
        place="row {}".format,
    )
    with store.begin() as connection:
        projects.add_shards(connection, commit(staged, folder))


def rank(store: Store, project: Project, count: int) -> list[str]:
    """Give a project a pool of `count` samples, all ranked, and return their keys in order."""
    a_pool(store, project, count)
    ranked = [
        Ranked(f"p{place}", place, Why("random", None, place, None, None, holdout=False))
        for place in range(count)
    ]
    with store.begin() as connection:
        ranking.extend(connection, project.id, ranked, overlap=project.policy.overlap)
    return [item.sample_key for item in ranked]


def a_revision(store: Store, project: Project, blob: bytes = b"a preprocessing") -> Revision:
    """Store a preprocessing that says nothing but its bytes."""
    draft = Revision(
        id=0,
        project_id=project.id,
        recipe=project.recipe,
        preprocessing=artefacts.put(store.home, blob),
        samples=5,
        features=1,
        created_at=NOW,
    )
    with store.begin() as connection:
        return versions.add_revision(connection, draft)


def a_version(
    store: Store,
    project: Project,
    number: int = 1,
    *,
    blob: bytes = b"an estimator",
    labels: int = 2,
    mode: TrainingMode = "full",
    asks: str = "",
) -> Version:
    """Store a version of a model that says nothing but its bytes."""
    revision = a_revision(store, project)
    with store.begin() as connection:
        version = Version(
            project_id=project.id,
            number=number,
            parent=number - 1 or None,
            mode=mode,
            revision_id=revision.id,
            estimator=artefacts.put(store.home, blob),
            n_labels=labels,
            label_counts={"ham": 1, "spam": 1},
            label_seq=2,
            label_fingerprint="0" * 64,
            recipe=project.recipe,
            seed=7,
            shards=tuple(shard.sha256 for shard in projects.shards(connection, project.id)),
            libraries={},
            cpu="test",
            duration_s=0.1,
            trigger="test",
            created_at=NOW,
            asks=asks,
        )
        versions.add(connection, version)
    return version


def a_report(
    store: Store, project: Project, number: int = 1, *, value: float | None = 0.9, n: int = 30
) -> Report:
    """Store what was measured of a version on so many holdout labels, all of them answered."""
    note = "" if value is not None else "too few to say: 11 more samples needed"
    low, high = (None, None) if value is None else (value - 0.1, value + 0.05)
    evaluation = Evaluation(
        n=n,
        labels=("ham", "spam"),
        headline=Measure("F1 (spam)", value, low, high, n, note),
        measures=(),
        per_label=(),
        confusion=(),
        precision_recall=(),
        calibration=(),
    )
    report = Report(project.id, number, n, n, n, 0, evaluation, NOW)
    with store.begin() as connection:
        versions.add_report(connection, report)
    return report


def an_answer(
    claim: Claim | str, label: str | None = "ham", *, action: Action = "answer", comment: str = ""
) -> Answer:
    """Return an answer to a claim, or to a sample key without one."""
    by_claim = isinstance(claim, Claim)
    return Answer(
        event_id=str(uuid4()),
        sample_key=claim.sample_key if by_claim else claim,
        action=action,
        label=label if action == "answer" else None,
        claim_id=claim.id if by_claim else None,
        comment=comment,
    )
