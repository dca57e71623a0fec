"""Data in, the doing side: a file becomes samples of a pool, whole or not at all.

Read, think, write: the source is read into shards aside; when all of it was good they are
moved into place, and one transaction registers them with everything that follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from mlvajra_al.errors import BadSource, Invalid
from mlvajra_al.records import Column, Job, Project, Schema
from mlvajra_al.services import access, filling, importing
from mlvajra_al.services.holdouts import scarcity
from mlvajra_al.services.jobs import imported_labels
from mlvajra_al.services.jobs.imported_labels import Pending
from mlvajra_al.services.jobs.pool_statistics import summarise
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool, retrain_if_due
from mlvajra_al.sources import catalogue
from mlvajra_al.sources.rows import vanished
from mlvajra_al.store import jobs, projects, shards, staging
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.naming import Plan
from mlvajra_al.store.shards import Pool
from mlvajra_al.store.staging import Staged
from mlvajra_al.words import plural

MAX_HOLDOUT = 20_000
LABELS_AT_ONCE = 2_000
LONGEST_REST_S = 1.0
LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read of a source, and how to name and draw what is read.

    `absent` are columns the pool has and this source lacks; they stay empty. `optional` ones may
    be lacking. What no column of the pool takes is in `beside` once the source has been read.
    """

    uri: str
    schema: Schema
    plan: Plan
    absent: tuple[pa.Field, ...]
    optional: frozenset[str]
    beside: set[str]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the source's rows."""
        batches = catalogue.read_batches(
            self.uri, schema=self.schema, optional=self.optional, unread=self.beside
        )
        for batch in batches:
            for field in self.absent:
                batch = batch.append_column(field, pa.nulls(batch.num_rows, field.type))
            yield batch

    def with_column(self, name: str) -> Reading:
        """Return the same with a column read as it is written, whatever the pool holds of it."""
        others = (column for column in self.schema.columns if column.name != name)
        columns = (*others, Column(name, "ignored"))
        return replace(self, schema=replace(self.schema, columns=columns))

    def place(self, row: int) -> str:
        """Say where a row stands."""
        return catalogue.place(self.uri, row)


def ingest(store: Store, job: Job, tell: Tell) -> Result:
    """Import the source a job names into its project's pool.

    Returns what was added, known already, copied and changed, and the labels imported.

    Raises
    ------
    BadSource
        If anything in the source cannot be read; nothing is imported then.
    Invalid
        If it does not fit the project.
    Conflict
        If another import into the project is under way, or it is archived.
    """
    now = job.started_at or job.created_at
    folder = shards.pool_folder(store.home, job.project_id)
    with staging.exclusive(folder):
        with store.read() as connection:
            project = projects.get(connection, job.project_id)
            project = access.open_project(connection, None, project.name)
            pool = project_pool(store, connection, project)
        reading = plan_reading(project, pool, job)
        staged = staging.stage(
            folder,
            _telling(reading, tell),
            existing=pool,
            plan=reading.plan,
            at=now,
            place=reading.place,
        )
        labels = _labels(store, project, reading, job)
        project = replace(project, holdout_threshold=_threshold(project, pool, staged))
        after = Pool(folder, (*pool.shards, *staging.commit(staged, folder)))
        tell(0.9, "Summarising the columns")
        outcome = Outcome(project, reading, staged, after, summarise(after), labels)
        result = _write(store, outcome, job, tell)
        staging.sweep(folder, after.shards)
    return result


def plan_reading(project: Project, pool: Pool, job: Job) -> Reading:
    """Decide which columns to read as what."""
    uri, labels_from = str(job.payload["uri"]), job.payload.get("labels_from")
    name = catalogue.name_of(uri)
    inputs = {c.name: c for c in project.recipe.columns if c.kind != "ignored"}
    special = (project.key_column, project.group_column, project.gold_column, labels_from)
    found = catalogue.inspect(uri, preview=0, used={*inputs, *special, project.title_column})
    required = (*inputs, project.key_column, project.group_column, labels_from)
    needed = [column for column in dict.fromkeys(required) if column is not None]
    held = _held(found, pool, inputs, {column for column in special if column})
    _require_other_names(name, held)
    there = [column.name for column in found.columns]
    missing = [column for column in needed if column not in there]
    sparse = catalogue.SOURCES[found.format].sparse
    if missing and not sparse:
        raise vanished(name, missing, there)
    may_come = {c.name for c in held.values() if sparse and c.kind == "ignored"}
    read = tuple(c for c in held.values() if c.name in {*there, *needed, *may_come})
    plan = Plan(
        project_id=project.id,
        source=name,
        seed=project.seed,
        content=pool.content or tuple(sorted(inputs)),
        key_column=project.key_column,
        group_column=project.group_column,
    )
    return Reading(
        uri=uri,
        schema=replace(found, columns=read, key=project.key_column),
        plan=plan,
        absent=tuple(_field(column, pool) for column in held.values() if column not in read),
        optional=frozenset(may_come.difference(needed)),
        beside=set(there).difference(held),
    )


def _field(column: Column, pool: Pool) -> pa.Field:
    """Return how a column that a source lacks is stored: as in the pool, if that is not empty."""
    if len(pool):
        return pool.schema.field(column.name)
    return catalogue.field(column, pa.large_string())


def _require_other_names(source: str, held: Iterable[str]) -> None:
    """Refuse columns that are named as what a pool adds to each sample."""
    ours = next((column for column in held if column.startswith(shards.OURS)), None)
    if ours is not None:
        raise BadSource(
            source,
            f"the column {ours!r} bears a name that this program gives to its own",
            f"rename it so that it does not begin with {shards.OURS!r}",
        )


def _held(
    found: Schema, pool: Pool, inputs: dict[str, Column], special: set[str]
) -> dict[str, Column]:
    """Return the columns of the pool, or at the first import those it shall have.

    What the model does not look at is kept as it is written, so that nothing in it is ever wrong.
    """
    if len(pool):
        return {column.name: column for column in pool.held}
    held = {
        column.name: column if column.kind == "image" else Column(column.name, "ignored")
        for column in found.columns
    }
    return held | {name: Column(name, "ignored") for name in special} | inputs


def _telling(reading: Reading, tell: Tell) -> Iterator[pa.RecordBatch]:
    done, total = 0, reading.schema.rows
    for batch in reading.batches():
        yield batch
        done += batch.num_rows
        of = f" of {total:,}" if total else ""
        tell(0.8 * min(done / total, 1) if total else 0.0, f"{done:,}{of} rows read")


def _labels(store: Store, project: Project, reading: Reading, job: Job) -> Pending | None:
    column = job.payload.get("labels_from")
    if column is None:
        return None
    found = imported_labels.collect(
        _with_labels(reading, str(column)),
        str(column),
        plan=reading.plan,
        names=[label.name for label in project.labels],
        place=reading.place,
        multilabel=project.multilabel,
    )
    with store.read() as connection:
        return imported_labels.pending(connection, project, found, job)


def _with_labels(reading: Reading, column: str) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Yield rows with what a column says of each, as it is written.

    Where it was an input once, content that names samples has it as the pool holds it.
    """
    written = reading.with_column(column).batches()
    if column not in reading.plan.content:
        yield from ((batch, batch.column(column)) for batch in written)
        return
    for batch, beside in zip(reading.batches(), written, strict=True):
        yield batch, beside.column(column)


def _threshold(project: Project, pool: Pool, staged: Staged) -> float:
    """Return the share held out: fixed at the first import, at most 20,000 samples of it."""
    if len(pool) or not staged.added:
        return project.holdout_threshold
    threshold = min(project.policy.holdout_share, MAX_HOLDOUT / staged.added)
    held = len(Pool(staged.folder, staged.shards).holdout_order(threshold))
    if project.group_column and threshold and held in (0, staged.added):
        raise Invalid(
            f"the groups in {project.group_column!r} are too few to hold out "
            f"{threshold:.0%} of {staged.added:,} samples: {held:,} would be; choose a column "
            "with more groups, or none"
        )
    if threshold and held == staged.added:
        raise Invalid(
            f"all of {staged.added:,} samples would be held out for tests and none be left to "
            "learn from; bring more samples at once, or hold out a smaller share"
        )
    return threshold


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one import has to say."""

    project: Project
    reading: Reading
    staged: Staged
    pool: Pool
    statistics: dict[str, Any]
    labels: Pending | None

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns of the source that went nowhere."""
        taken = {self.labels.column} if self.labels else set()
        return tuple(sorted(self.reading.beside.difference(taken)))


def _write(store: Store, outcome: Outcome, job: Job, tell: Tell) -> Result:
    """Write everything in one transaction, but many labels in several.

    Each holds the database for a moment only, so that people can label meanwhile; the job
    ends with the last one, and one that is repeated says only what is still missing.
    """
    parts = outcome.labels.parts(LABELS_AT_ONCE) if outcome.labels else []
    rest, result = parts[1:], _result(outcome)

    def register(connection: Connection) -> None:
        _register(connection, outcome, parts[0] if parts else None, job=job, tell=tell)
        if not rest:
            _settle(connection, outcome, result, tell)

    store.write(register)
    for number, part in enumerate(rest, start=1):
        tell(0.9 + 0.1 * number / (len(rest) + 1), "Storing labels")
        begun = time.monotonic()
        store.write(partial(_add_labels, outcome=outcome, part=part, tell=tell))
        time.sleep(min(LONGEST_REST_S, time.monotonic() - begun))  # others want to write too
    if rest:
        store.write(lambda connection: _settle(connection, outcome, result, tell))
    return result


def _register(
    connection: Connection, outcome: Outcome, labels: Pending | None, *, job: Job, tell: Tell
) -> None:
    project, now = outcome.project, tell.clock()
    tell.check(connection)
    projects.add_shards(connection, outcome.staged.shards)
    projects.set_holdout_threshold(connection, project.id, project.holdout_threshold)
    projects.set_statistics(connection, project.id, outcome.statistics)
    if labels is not None:
        _add_labels(connection, outcome=outcome, part=labels, tell=tell)
    rng = np.random.default_rng([project.seed, job.id])
    filling.fill(connection, project, outcome.pool, rng=rng)
    if outcome.staged.shards:
        jobs.enqueue(connection, project.id, "prepare", payload={}, now=now, dedupe="prepare")


def _add_labels(connection: Connection, *, outcome: Outcome, part: Pending, tell: Tell) -> None:
    tell.check(connection)
    if part.answers:
        imported_labels.record(
            connection, outcome.project, outcome.pool, labels=part, now=tell.clock()
        )


def _settle(connection: Connection, outcome: Outcome, result: Result, tell: Tell) -> None:
    answers = outcome.labels.answers if outcome.labels else ()
    said = [item.label for item in answers if item.label is not None]
    if outcome.labels is not None:
        outlook = projects.outlook(connection, outcome.project.id)
        retrain_if_due(connection, outcome.project, outlook=outlook, said=said, now=tell.clock())
    tell.settle(connection, result)


def _result(outcome: Outcome) -> Result:
    staged, labels = outcome.staged, outcome.labels
    counts = {}
    if labels is not None:
        counts = {
            "labels_added": len(labels.answers),
            "labels_known": labels.known,
            "labels_disputed": labels.disputed,
        }
    return {
        "source": outcome.reading.plan.source,
        "samples": len(outcome.pool),
        "rows": staged.rows,
        "added": staged.added,
        "known": staged.known,
        "copies": staged.copies,
        "changed": staged.changed,
        "unused_columns": list(outcome.unused),
        "message": _sentence(staged, counts, outcome.unused) + _warning(outcome),
    } | counts


def _warning(outcome: Outcome) -> str:
    """Say, behind what was imported, that hardly anything is held out."""
    found = str(scarcity(outcome.project, outcome.pool) or "")
    return f" {found[0].upper()}{found[1:]}." if found else ""


def _sentence(staged: Staged, counts: dict[str, int], unused: tuple[str, ...]) -> str:
    parts = [
        (staged.added, "sample added", "samples added", True),
        (staged.known, "was there already", "were there already", False),
        (staged.copies, "row is a copy of another", "rows are copies of others", False),
        (
            staged.changed,
            "differs now and keeps what it held first",
            "differ now and keep what they held first",
            False,
        ),
        (counts.get("labels_added", 0), "label imported", "labels imported", bool(counts)),
        (
            counts.get("labels_disputed", 0),
            "sample has different labels in several rows, of which the commonest counts",
            "samples have different labels in several rows, of which the commonest counts",
            False,
        ),
    ]
    said = ", ".join(plural(n, one, many) for n, one, many, always in parts if n or always)
    return f"{said}{_left_out(unused)}."


def _left_out(unused: tuple[str, ...]) -> str:
    if not unused:
        return ""
    names = [" ".join(column.split())[:LONGEST_SHOWN] for column in unused[: importing.SHOWN]]
    rest = len(unused) - importing.SHOWN
    shown = ", ".join(names) + (f" and {rest:,} more" if rest > 0 else "")
    columns, are = ("column", "is") if len(unused) == 1 else ("columns", "are")
    return f"; {len(unused):,} {columns} the pool does not have {are} not used: {shown}"
