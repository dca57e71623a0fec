"""What an examination asks the database: whether its rows, leases, jobs and files are sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, DBAPIError

from mlvajra_al.records import ENDED, Policy, Recipe
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.store.annotations import said_in
from mlvajra_al.store.codec import load
from mlvajra_al.store.schema import (
    annotation,
    audit,
    job,
    label,
    metadata,
    process,
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


PAGE = 50_000
Named = tuple[NDArray[np.object_], NDArray[np.int64]]


def mentioned_positions(connection: Connection, project_id: int) -> Iterator[Named]:
    """Yield keys and positions that annotations and the ranking of a project mention."""
    for table in (annotation, slot):
        query = select(table.c.sample_key, table.c.position).where(table.c.project_id == project_id)
        with connection.execution_options(yield_per=PAGE).execute(query) as found:
            for part in found.partitions():
                yield _columns(list(part))


def _columns(rows: list[Any]) -> Named:
    keys = np.array([row.sample_key for row in rows], dtype=object)
    return keys, np.array([row.position for row in rows], dtype=np.int64)


JOB_LEASE = timedelta(minutes=5)
"""Longer than any worker ever leases a job for."""


def _far_slots(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    return slot.c.done.is_(False) & (slot.c.lease_until > now + 2 * lease)


def _far_jobs(now: datetime) -> ColumnElement[bool]:
    return (job.c.state == "running") & (job.c.lease_until > now + JOB_LEASE)


def far_leases(connection: Connection, *, now: datetime, lease: timedelta) -> tuple[int, int]:
    """Return how many claims and jobs are leased for longer than anybody may lease them."""
    slots = select(func.count()).select_from(slot).where(_far_slots(now, lease))
    jobs = select(func.count()).select_from(job).where(_far_jobs(now))
    return connection.scalar(slots) or 0, connection.scalar(jobs) or 0


def end_far_leases(connection: Connection, *, now: datetime, lease: timedelta) -> None:
    """Let such claims and jobs be taken by the next who asks."""
    connection.execute(
        update(slot)
        .where(_far_slots(now, lease))
        .values(annotator_id=None, lease_until=None, lease_token=None)
    )
    connection.execute(update(job).where(_far_jobs(now)).values(lease_until=now))


def newest_moment(connection: Connection) -> datetime | None:
    """Return the latest moment that a row says it was written at."""
    columns: tuple[Any, ...] = (
        annotation.c.created_at,
        job.c.created_at,
        job.c.started_at,
        audit.c.at,
        process.c.seen_at,
    )
    found = [connection.scalar(select(func.max(column))) for column in columns]
    return max((moment for moment in found if moment is not None), default=None)


def abandoned_jobs(connection: Connection, *, now: datetime, since: timedelta) -> tuple[str, ...]:
    """Return jobs whose lease ended long ago and that nobody has taken over."""
    query = select(job.c.id, job.c.kind).where(
        job.c.state == "running", job.c.lease_until < now - since
    )
    return tuple(f"{row.kind} {row.id}" for row in connection.execute(query.order_by(job.c.id)))


def waiting_jobs(connection: Connection, *, now: datetime, since: timedelta) -> tuple[str, ...]:
    """Return jobs that have been in the queue for long."""
    query = select(job.c.id, job.c.kind).where(
        job.c.state == "queued", job.c.created_at < now - since
    )
    return tuple(f"{row.kind} {row.id}" for row in connection.execute(query.order_by(job.c.id)))


def silent_workers(connection: Connection, *, before: datetime) -> tuple[str, ...]:
    """Return workers that have not been heard of since."""
    query = select(process.c.name).where(process.c.kind == "worker", process.c.seen_at < before)
    return tuple(connection.scalars(query.order_by(process.c.name)))


HOLDING: dict[str, Callable[[Any], object]] = {
    "recipe": partial(load, Recipe),
    "policy": partial(load, Policy),
    "labels": lambda cell: cell is None or from_text(cell),
}
"""What reads a cell in columns of these names."""
KINDS: dict[type, type] = {Integer: int, String: str}
MOST = 20
"""So many complaints of one kind are enough to know."""


def complaints(connection: Connection) -> Iterator[str]:
    """Yield what the engine says is wrong with its tables and indexes."""
    if connection.dialect.name == "sqlite":
        yield from _of_sqlite(connection)
    else:
        yield from _of_postgresql(connection)


def unreadable(connection: Connection) -> Iterator[str]:
    """Yield the columns that hold what cannot be read, or are not there, and why.

    The engine keeps any text in a cell of JSON or of a time, and finds nothing wrong with it.
    """
    for table in metadata.sorted_tables:
        if _fault(connection, *table.c) is not None:
            for column in table.c:
                why = _fault(connection, column)
                if why is not None:
                    yield f"{column} cannot be read ({why})"


def _fault(connection: Connection, *columns: Column[Any]) -> str | None:
    reads = [_reader(column) for column in columns]
    try:
        with connection.begin_nested():
            found = connection.execute(select(*columns), execution_options={"yield_per": PAGE})
            for row in found:
                for read, cell in zip(reads, row, strict=True):
                    read(cell)
    except (DBAPIError, ValueError, TypeError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        return str(getattr(error, "orig", error)).splitlines()[0]
    return None


def _reader(column: Column[Any]) -> Callable[[Any], object]:
    """Return what raises where a cell is not of the kind of its column."""
    if column.name in HOLDING:
        return HOLDING[column.name]
    kinds = (kind for sort, kind in KINDS.items() if isinstance(column.type, sort))
    return partial(_check_kind, kind=next(kinds, object))


def _check_kind(cell: Any, *, kind: type) -> None:
    if cell is not None and not isinstance(cell, kind):
        raise TypeError(f"a cell holds {type(cell).__name__}, not {kind.__name__}")


def _of_sqlite(connection: Connection) -> Iterator[str]:
    try:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST})").scalars().all()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DatabaseError as error:
        yield str(error.orig)
        return
    yield from (line for line in found if line != "ok")
    for (table, parent), count in Counter((row[0], row[2]) for row in orphans).items():
        yield f"{count:,} rows of {table} mention a {parent} that is not there"


def _of_postgresql(connection: Connection) -> Iterator[str]:
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    for name in connection.exec_driver_sql(invalid).scalars():
        yield f"the index {name} is not valid"
    failures = (
        "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    failed = connection.exec_driver_sql(failures).scalar_one()
    if failed:
        yield f"PostgreSQL counted {failed:,} pages whose checksum is wrong"
