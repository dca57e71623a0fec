"""What must hold between rows, as queries for what breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, cast, func, select

from mlvajra_al.records import ENDED
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.store.annotations import said_in
from mlvajra_al.store.schema import (
    annotation,
    job,
    label,
    project,
    report,
    shard,
    slot,
    version,
)


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold: in how many places, and one of them."""

    what: str
    count: int
    example: str


def broken(connection: Connection) -> Iterator[Broken]:
    """Yield every invariant that does not hold."""
    for what, query in QUERIES.items():
        count, example = connection.execute(query).one()
        if count:
            yield Broken(what, count, str(example))
    yield from _strange_labels(connection)
    yield from _shards_apart(connection)
    yield from _unknown_shards(connection)


def _breaking(example: ColumnElement[str], *conditions: Any) -> Select[int, str]:
    return select(func.count(), func.min(example)).where(*conditions)


def _of(name: Any, item: Any) -> ColumnElement[str]:
    words: ColumnElement[str] = name + ": " + cast(item, String)
    return words


def _in_project(table: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = project.c.id == table.c.project_id
    return condition


_older = annotation.alias("older")
_highest = (
    select(func.coalesce(func.max(annotation.c.seq), 0))
    .where(_in_project(annotation))
    .correlate(project)
    .scalar_subquery()
)
_events = select(func.count()).where(_in_project(annotation)).correlate(project).scalar_subquery()
_labels = select(func.count()).where(_in_project(label)).correlate(project).scalar_subquery()

QUERIES: dict[str, Select[int, str]] = {
    "samples are closed for a person who never answered them": _breaking(
        _of(project.c.name, slot.c.sample_key),
        _in_project(slot),
        slot.c.done.is_(True),
        ~select(annotation.c.seq)
        .where(
            annotation.c.project_id == slot.c.project_id,
            annotation.c.sample_key == slot.c.sample_key,
            annotation.c.person_id == slot.c.annotator_id,
        )
        .correlate(slot)
        .exists(),
    ),
    "claims are held by nobody, or by somebody without a token": _breaking(
        _of(project.c.name, slot.c.sample_key),
        _in_project(slot),
        slot.c.done.is_(False),
        slot.c.annotator_id.is_(None) != slot.c.lease_token.is_(None),
    ),
    "answers have no label, or other events have one": _breaking(
        _of(project.c.name, annotation.c.seq),
        _in_project(annotation),
        (annotation.c.action == "answer") != said_in(annotation).is_not(None),
    ),
    "events supersede one about another sample or by a later one": _breaking(
        _of(project.c.name, annotation.c.seq),
        _in_project(annotation),
        annotation.c.supersedes == _older.c.event_id,
        (annotation.c.project_id != _older.c.project_id)
        | (annotation.c.sample_key != _older.c.sample_key)
        | (annotation.c.seq <= _older.c.seq),
    ),
    "projects have events that are numbered beyond their counter": _breaking(
        project.c.name, project.c.last_seq < _highest
    ),
    "projects have fewer events than were numbered": _breaking(
        project.c.name, project.c.last_seq > _events
    ),
    "projects have fewer than two labels": _breaking(project.c.name, _labels < 2),
    "projects have a champion that does not exist": _breaking(
        _of(project.c.name, project.c.champion),
        project.c.champion.is_not(None),
        ~select(version.c.number)
        .where(_in_project(version), version.c.number == project.c.champion)
        .correlate(project)
        .exists(),
    ),
    "versions learned from events that do not exist": _breaking(
        _of(project.c.name, version.c.number),
        _in_project(version),
        version.c.label_seq > project.c.last_seq,
    ),
    "reports measure events that do not exist": _breaking(
        _of(project.c.name, report.c.version),
        _in_project(report),
        report.c.holdout_seq > project.c.last_seq,
    ),
    "jobs have ended without an end, or run without a worker": _breaking(
        _of(project.c.name, job.c.id),
        _in_project(job),
        (job.c.state.in_(ENDED) & job.c.finished_at.is_(None))
        | ((job.c.state == "running") & (job.c.worker.is_(None) | job.c.lease_until.is_(None))),
    ),
}


def _strange_labels(connection: Connection) -> Iterator[Broken]:
    """Find sets of labels with one that the project has not: a foreign key cannot look inside."""
    query = select(project.c.name, annotation.c.project_id, annotation.c.labels).distinct()
    told = connection.execute(
        query.where(_in_project(annotation), annotation.c.labels.is_not(None))
    ).all()
    if not told:
        return
    pairs = connection.execute(select(label.c.project_id, label.c.name))
    known = {(row.project_id, row.name) for row in pairs}
    strange = {
        f"{row.name}: {name}"
        for row in told
        for name in from_text(row.labels)
        if (row.project_id, name) not in known
    }
    if strange:
        yield Broken(
            "answers give labels that are not in the label set", len(strange), min(strange)
        )


def _shards_apart(connection: Connection) -> Iterator[Broken]:
    rows = connection.execute(
        select(project.c.name, shard).where(_in_project(shard)).order_by("project_id", "number")
    )
    expected: dict[int, int] = {}
    apart = []
    for row in rows:
        if row.start != expected.get(row.project_id, 0):
            apart.append(f"{row.name}: {row.number}")
        expected[row.project_id] = row.start + row.rows
    if apart:
        yield Broken("shards of pools overlap or leave a gap", len(apart), apart[0])


def _unknown_shards(connection: Connection) -> Iterator[Broken]:
    pairs = connection.execute(select(shard.c.project_id, shard.c.sha256))
    known = {(row.project_id, row.sha256) for row in pairs}
    query = select(project.c.name, version.c.project_id, version.c.number, version.c.shards)
    strange = [
        f"{row.name}: {row.number}"
        for row in connection.execute(query.where(_in_project(version)))
        if any((row.project_id, digest) not in known for digest in row.shards)
    ]
    if strange:
        yield Broken("versions learned from shards that do not exist", len(strange), strange[0])
