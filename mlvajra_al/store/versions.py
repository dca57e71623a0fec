"""Model versions, their reports and explanations, and the champion pointer."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from mlvajra_al.errors import NotFound
from mlvajra_al.records import (
    Drift,
    Evaluation,
    Measure,
    Promotion,
    Recipe,
    Report,
    Revision,
    Summary,
    Version,
)
from mlvajra_al.store.audit import ROLLED_BACK
from mlvajra_al.store.codec import dump, load
from mlvajra_al.store.schema import audit, explanation, person, project, promotion, report, revision
from mlvajra_al.store.schema import version as version_table
from mlvajra_al.store.statements import insert_once

T = TypeVar("T")
LARGEST = 2**31 - 1
"""A version of a higher number fits no column."""


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        id=row.id,
        project_id=row.project_id,
        recipe=load(Recipe, row.recipe),
        preprocessing=row.preprocessing,
        samples=row.samples,
        features=row.features,
        created_at=row.created_at,
    )


def add_revision(connection: Connection, added: Revision) -> Revision:
    """Store a frozen preprocessing whose blob is in place; return it with the id it was given."""
    values = dump(added) | {"created_at": added.created_at}
    del values["id"]
    row = connection.execute(insert(revision).values(values).returning(*revision.c)).one()
    return _revision(row)


def latest_revision(connection: Connection, project_id: int) -> Revision | None:
    """Return the newest frozen preprocessing of a project."""
    query = select(revision).where(revision.c.project_id == project_id)
    row = connection.execute(query.order_by(revision.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _revision(row)


def revision_numbers(connection: Connection, project_id: int) -> dict[int, int]:
    """Return which one of the project's revisions each is, by its id: the first is 1."""
    query = select(revision.c.id).where(revision.c.project_id == project_id)
    ids = connection.scalars(query.order_by(revision.c.id))
    return {found: number for number, found in enumerate(ids, start=1)}


def get_revision(connection: Connection, revision_id: int) -> Revision:
    """Return a frozen preprocessing by its id."""
    row = connection.execute(select(revision).where(revision.c.id == revision_id)).one_or_none()
    if row is None:
        raise NotFound("revision", revision_id)
    return _revision(row)


def _version(row: Row[Any]) -> Version:
    return Version(
        project_id=row.project_id,
        number=row.number,
        parent=row.parent,
        mode=row.mode,
        revision_id=row.revision_id,
        estimator=row.estimator,
        n_labels=row.n_labels,
        label_counts=row.label_counts,
        label_seq=row.label_seq,
        label_fingerprint=row.label_fingerprint,
        recipe=load(Recipe, row.recipe),
        seed=row.seed,
        shards=tuple(row.shards),
        libraries=row.libraries,
        cpu=row.cpu,
        duration_s=row.duration_s,
        trigger=row.trigger,
        created_at=row.created_at,
        because=row.because,
        asks=row.asks,
        drift=None if row.drift is None else load(Drift, row.drift),
        fitted=row.fitted,
    )


def lock(connection: Connection, project_id: int) -> None:
    """Let one transaction at a time add versions to a project."""
    query = select(revision.c.id).where(revision.c.project_id == project_id)
    connection.execute(query.order_by(revision.c.id).with_for_update())


def next_number(connection: Connection, project_id: int) -> int:
    """Return the number the next version will have."""
    query = select(func.max(version_table.c.number)).where(version_table.c.project_id == project_id)
    return int(connection.scalar(query) or 0) + 1


def add(connection: Connection, version: Version) -> None:
    """Store a version whose blobs are in place."""
    values = dump(version) | {"created_at": version.created_at}
    connection.execute(insert(version_table).values(values))


def get(connection: Connection, project_id: int, number: int) -> Version:
    """Return one version."""
    query = select(version_table).where(
        version_table.c.project_id == project_id, version_table.c.number == number
    )
    row = connection.execute(query).one_or_none() if number <= LARGEST else None
    if row is None:
        raise NotFound("version", number)
    return _version(row)


def listed(
    connection: Connection, project_id: int, *, after: int = 0, limit: int | None = None
) -> tuple[Version, ...]:
    """Return a project's versions, oldest first, of those behind the number `after`."""
    query = select(version_table).where(
        version_table.c.project_id == project_id, version_table.c.number > after
    )
    rows = connection.execute(query.order_by(version_table.c.number).limit(limit))
    return tuple(_version(row) for row in rows)


def latest(connection: Connection, project_id: int) -> Version | None:
    """Return the newest version."""
    query = select(version_table).where(version_table.c.project_id == project_id)
    newest = query.order_by(version_table.c.number.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else _version(row)


def _report(row: Row[Any]) -> Report:
    return Report(
        project_id=row.project_id,
        version=row.version,
        holdout_seq=row.holdout_seq,
        asked=row.asked,
        answered=row.answered,
        skipped=row.skipped,
        evaluation=load(Evaluation, row.evaluation),
        created_at=row.created_at,
    )


def add_report(connection: Connection, added: Report) -> None:
    """Store a report; one of the same version and holdout snapshot stays as it is."""
    values = {
        "project_id": added.project_id,
        "version": added.version,
        "holdout_seq": added.holdout_seq,
        "asked": added.asked,
        "answered": added.answered,
        "skipped": added.skipped,
        "evaluation": dump(added.evaluation),
        "created_at": added.created_at,
    }
    connection.execute(insert_once(connection, report), values)


def summaries(
    connection: Connection, project_id: int, numbers: Collection[int]
) -> dict[int, Summary]:
    """Return what the newest report of each of these versions comes to, by version number.

    Of the evaluation, which is long, no more is read.
    """
    newer = report.alias("newer")
    later = select(newer.c.version).where(
        newer.c.project_id == project_id,
        newer.c.version == report.c.version,
        newer.c.holdout_seq > report.c.holdout_seq,
    )
    said = report.c.evaluation
    query = select(
        report.c.version,
        report.c.answered,
        said["n"].as_integer().label("n"),
        said["headline"].label("headline"),
        said["measures"].label("measures"),
    ).where(report.c.project_id == project_id, report.c.version.in_(numbers), ~later.exists())
    return {
        row.version: Summary(
            row.answered,
            row.n,
            load(Measure, row.headline),
            tuple(load(Measure, one) for one in row.measures),
        )
        for row in connection.execute(query)
    }


def measured_until(connection: Connection, project_id: int) -> dict[int, int]:
    """Return the last event that each version's newest report knows of; 0 where there is none."""
    known = func.coalesce(func.max(report.c.holdout_seq), 0)
    query = (
        select(version_table.c.number, known.label("seq"))
        .outerjoin(
            report,
            (report.c.project_id == version_table.c.project_id)
            & (report.c.version == version_table.c.number),
        )
        .where(version_table.c.project_id == project_id)
        .group_by(version_table.c.number)
    )
    return {row.number: row.seq for row in connection.execute(query)}


def reports(connection: Connection, project_id: int, number: int) -> tuple[Report, ...]:
    """Return a version's reports, oldest first."""
    query = select(report).where(report.c.project_id == project_id, report.c.version == number)
    return tuple(_report(row) for row in connection.execute(query.order_by(report.c.holdout_seq)))


def add_explanation(
    connection: Connection,
    project_id: int,
    number: int,
    *,
    sample_key: str,
    body: Any,
    now: datetime,
) -> None:
    """Cache an explanation record; `sample_key` is empty for the version as a whole."""
    values = {
        "project_id": project_id,
        "version": number,
        "sample_key": sample_key,
        "body": dump(body),
        "created_at": now,
    }
    connection.execute(insert_once(connection, explanation), values)


def has_explanation(
    connection: Connection, project_id: int, number: int, *, sample_key: str
) -> bool:
    """Tell whether an explanation is cached."""
    query = select(explanation.c.version).where(
        explanation.c.project_id == project_id,
        explanation.c.version == number,
        explanation.c.sample_key == sample_key,
    )
    return connection.scalar(query) is not None


def get_explanation(
    connection: Connection, project_id: int, number: int, *, sample_key: str, kind: type[T]
) -> T | None:
    """Return a cached explanation as a record of `kind`."""
    query = select(explanation.c.body).where(
        explanation.c.project_id == project_id,
        explanation.c.version == number,
        explanation.c.sample_key == sample_key,
    )
    body = connection.scalar(query)
    return None if body is None else load(kind, body)


def move_champion(
    connection: Connection,
    project_id: int,
    *,
    expected: int | None,
    to: int,
    person_id: int | None,
    reason: str,
    now: datetime,
) -> bool:
    """Point the champion at another version if it is still `expected`; False if it is not."""
    moved = connection.execute(
        update(project)
        .where(project.c.id == project_id, project.c.champion.is_not_distinct_from(expected))
        .values(champion=to)
    )
    if moved.rowcount != 1:
        return False
    connection.execute(
        insert(promotion).values(
            project_id=project_id,
            version=to,
            previous=expected,
            person_id=person_id,
            reason=reason,
            created_at=now,
        )
    )
    return True


def promotions(connection: Connection, project_id: int) -> tuple[Promotion, ...]:
    """Return every move of the champion pointer, oldest first.

    Which of them were rollbacks, the audit trail tells: it was written with them.
    """
    rolled_back = exists().where(
        audit.c.project_id == promotion.c.project_id,
        audit.c.at == promotion.c.created_at,
        audit.c.action == ROLLED_BACK,
    )
    query = (
        select(promotion, person.c.name.label("person"), rolled_back.label("rolled_back"))
        .outerjoin(person, person.c.id == promotion.c.person_id)
        .where(promotion.c.project_id == project_id)
        .order_by(promotion.c.id)
    )
    return tuple(
        Promotion(
            project_id=row.project_id,
            version=row.version,
            previous=row.previous,
            person=row.person,
            reason=row.reason,
            created_at=row.created_at,
            rolled_back=bool(row.rolled_back),
        )
        for row in connection.execute(query)
    )
