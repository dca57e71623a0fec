"""Data out: gold labels with their samples, and everything that was ever said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

import pyarrow as pa

from mlvajra_al.errors import Invalid, ReadOnly
from mlvajra_al.records import Annotation, Gold, Person, Project
from mlvajra_al.services import access, damage
from mlvajra_al.services.export_formats import FORMATS, Format
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.people import is_machine, require
from mlvajra_al.services.resolving import resolve
from mlvajra_al.store import annotations as events
from mlvajra_al.store import audit, exports
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.doubts import SECOND_OPINION
from mlvajra_al.store.shards import Pool

What = Literal["labels", "history"]
TIME = pa.timestamp("us", tz="UTC")
LABEL_SCHEMA = pa.schema(
    [
        ("key", pa.large_string()),
        ("label", pa.large_string()),
        ("person", pa.large_string()),
        ("answered_at", TIME),
        ("resolved", pa.large_string()),
        ("answers", pa.int32()),
        ("holdout", pa.bool_()),
    ]
)
HISTORY_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("event_id", pa.large_string()),
        ("key", pa.large_string()),
        ("person", pa.large_string()),
        ("action", pa.large_string()),
        ("label", pa.large_string()),
        ("supersedes", pa.large_string()),
        ("comment", pa.large_string()),
        ("elapsed_ms", pa.int64()),
        ("client_time", TIME),
        ("created_at", TIME),
        ("late", pa.bool_()),
        ("adjudicates", pa.bool_()),
        ("asks_again", pa.bool_()),
        ("source", pa.large_string()),
        ("strategy", pa.large_string()),
        ("utility", pa.float64()),
        ("rank", pa.int64()),
        ("version", pa.int64()),
        ("inclusion_probability", pa.float64()),
        ("holdout", pa.bool_()),
    ]
)


@dataclass(slots=True)
class Tally:
    """How many rows of an export have been written so far."""

    rows: int = 0
    unrecorded: str = ""
    """Why the audit trail does not tell of it."""


def export(
    store: Store,
    person: Person,
    project_name: str,
    *,
    what: What,
    file_format: Format,
    now: datetime,
    tally: Tally | None = None,
) -> Iterator[bytes]:
    """Return the bytes of an export, piece by piece, as everything stands now.

    Labels carry who answered (several names where several agree), when, how the label was
    resolved, and the columns of their sample; one of these that bears the name of one of ours
    is called ``sample.NAME``. Only in CSV are texts that look like formulas escaped. The rows are
    counted in `tally` as they are taken. A command exports from a database that can only be read
    too, though that is written down nowhere.

    Raises
    ------
    Invalid
        If there is no such export.
    NotFound
        If there is no such project.
    Damaged
        If labels are asked for and a file of the pool is.
    """
    require_may(person)
    _require_known(what, file_format)
    tally = tally or Tally()
    with store.read() as connection:
        project = access.project(connection, person, project_name)
        pool = project_pool(store, connection, project)
    if what == "labels":
        damage.verified(store, project.id, pool, now=now)

    def operation(connection: Connection) -> tuple[Project, Pool]:
        _write_down(connection, person, project, what=what, file_format=file_format, now=now)
        now_there = access.project(connection, person, project_name)
        return now_there, project_pool(store, connection, now_there)

    try:
        project, pool = store.write(operation)
    except ReadOnly as error:
        if not is_machine(person):
            raise
        tally.unrecorded = str(error)
    if what == "labels":
        schema, pages = _labels_schema(project, pool), _labels(store, project, pool)
    else:
        schema, pages = _ours(HISTORY_SCHEMA, project), _history(store, project)
    return FORMATS[file_format](schema, _counted(pages, tally))


def _write_down(
    connection: Connection,
    person: Person,
    project: Project,
    *,
    what: What,
    file_format: Format,
    now: datetime,
) -> None:
    audit.add(
        connection,
        f"{what} exported",
        now=now,
        person_id=person.id,
        project_id=project.id,
        detail=file_format,
    )


def require_may(person: Person) -> None:
    """Refuse whoever may not export.

    Raises
    ------
    NotAllowed
    """
    require(person, "reviewer", "export")


def _require_known(what: str, file_format: str) -> None:
    if what not in ("labels", "history") or file_format not in FORMATS:
        raise Invalid(
            f"cannot export {what!r} as {file_format!r}; choose labels or history, "
            f"and one of {', '.join(FORMATS)}"
        )


def _counted(pages: Iterator[pa.Table], tally: Tally) -> Iterator[pa.Table]:
    for page in pages:
        tally.rows += page.num_rows
        yield page


def _ours(schema: pa.Schema, project: Project) -> pa.Schema:
    """Return a schema in which labels are lists where a sample may have several."""
    if not project.multilabel:
        return schema
    several = pa.field("label", pa.list_(pa.large_string()))
    return schema.set(schema.get_field_index("label"), several)


def _said(project: Project, label: str | None) -> str | tuple[str, ...] | None:
    return project.names_in(label) if project.multilabel and label is not None else label


def _labels_schema(project: Project, pool: Pool) -> pa.Schema:
    taken = [*LABEL_SCHEMA.names]
    for field in pool.schema:
        name = field.name
        while name in taken or (name != field.name and name in pool.columns):
            name = f"sample.{name}"
        taken.append(name)
    types = [*_ours(LABEL_SCHEMA, project).types, *pool.schema.types]
    return pa.schema(list(zip(taken, types, strict=True)))


def _labels(store: Store, project: Project, pool: Pool) -> Iterator[pa.Table]:
    schema = _labels_schema(project, pool)
    pages = exports.answers_by_sample(store, project.id, until_seq=project.last_seq)
    for rows in pages:
        by_key = {key: list(group) for key, group in groupby(rows, lambda row: row.sample_key)}
        chosen, held = resolve(rows, overlap=project.policy.overlap)
        gold = [(item, False) for item in chosen] + [(item, True) for item in held]
        lines = [_line(project, item, by_key[item.sample_key], side) for item, side in gold]
        if not lines:
            continue
        ours = pa.Table.from_pylist(lines, schema=_ours(LABEL_SCHEMA, project))
        samples = pool.take([item.position for item, _ in gold])
        yield pa.Table.from_arrays([*ours.columns, *samples.columns], schema=schema)


def _line(project: Project, gold: Gold, answers: Sequence[Any], holdout: bool) -> dict[str, Any]:
    deciding = next(row for row in answers if row.seq == gold.seq)
    agreeing = [row for row in answers if row.label == gold.label]
    voted = len(agreeing) * 2 > len(answers) > 1 or project.policy.overlap > 1
    names = [deciding.person]
    if deciding.adjudicates:
        resolved = "adjudicated"
    elif voted:
        resolved, names = "majority", [row.person for row in agreeing]
    elif deciding.strategy == SECOND_OPINION:
        resolved = "second opinion"
    else:
        resolved = "first answer"
    return {
        "key": gold.sample_key,
        "label": _said(project, gold.label),
        "person": "; ".join(names),
        "answered_at": deciding.created_at,
        "resolved": resolved,
        "answers": len(answers),
        "holdout": holdout,
    }


def _history(store: Store, project: Project) -> Iterator[pa.Table]:
    after = 0
    while True:
        wanted = events.Filter(after_seq=after, until_seq=project.last_seq)
        with store.read() as connection:
            page = events.listed(connection, project.id, wanted, limit=exports.PAGE)
        if not page:
            return
        lines = [_event(project, item) for item in page]
        yield pa.Table.from_pylist(lines, schema=_ours(HISTORY_SCHEMA, project))
        after = page[-1].seq


def _event(project: Project, item: Annotation) -> dict[str, Any]:
    why = item.why
    return {
        "seq": item.seq,
        "event_id": item.event_id,
        "key": item.sample_key,
        "person": item.person,
        "action": item.action,
        "label": _said(project, item.label),
        "supersedes": item.supersedes,
        "comment": item.comment,
        "elapsed_ms": item.elapsed_ms,
        "client_time": item.client_time,
        "created_at": item.created_at,
        "late": item.late,
        "adjudicates": item.adjudicates,
        "asks_again": item.asks_again,
        "source": item.source,
        "strategy": why.strategy if why else None,
        "utility": why.utility if why else None,
        "rank": why.rank if why else None,
        "version": why.version if why else None,
        "inclusion_probability": why.inclusion_probability if why else None,
        "holdout": why.holdout if why else None,
    }
