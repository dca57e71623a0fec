"""What a version answers: for rows typed in with reasons, for files and pools streamed out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from mlvajra_al.errors import BadSource, Damaged, Invalid
from mlvajra_al.learning import frames
from mlvajra_al.learning.multilabel import SURE
from mlvajra_al.records import Column, Job, Project, Recipe, SampleExplanation, Schema
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.services import predicting as asking
from mlvajra_al.services import resolving
from mlvajra_al.services.jobs import explaining
from mlvajra_al.services.jobs.scoring import Scorer, scorer
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.sources import catalogue
from mlvajra_al.sources.formulas import escaped_column
from mlvajra_al.sources.rows import meant
from mlvajra_al.store import files, predictions, projects
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import KEY, Pool
from mlvajra_al.words import no_column, plural

BATCH_ROWS = 5_000
KEPT = 20
"""Files of predictions of a project that stay; an older one is made again when asked for."""
TYPED_KEPT = 50
"""Predictions of typed rows of a project of which rows and answers stay."""
TEXT, NUMBER = pa.large_string(), pa.float64()
FIELDS = [("key", TEXT), ("label", TEXT), ("probability", NUMBER), ("version", pa.int32())]
SCHEMA = pa.schema(FIELDS)
SEVERAL = pa.schema(
    [FIELDS[0], ("label", pa.list_(TEXT)), ("probability", pa.list_(NUMBER)), FIELDS[3]]
)
"""Where a sample may have several labels; what is no list in CSV is JSON there."""
OF_WHICH = "p:"
"""What the columns of all probabilities begin with, before the label."""


def predict(store: Store, job: Job, tell: Tell) -> Result:
    """Answer rows, or write a file of answers for an upload or the pool."""
    return _of_file(store, job, tell) if "rows" not in job.payload else _of_rows(store, job, tell)


def _of_rows(store: Store, job: Job, tell: Tell) -> Result:
    """Answer rows typed in, and forget what old predictions answered."""
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        number = asking.chosen(connection, project, job.payload.get("version"))
        ready = (
            explaining.explainer(store, connection, project, number)
            if job.payload.get("explain", True)
            else scorer(store.home, connection, project, number)
        )
        pool = project_pool(store, connection, project)
    said = answers(ready, job.payload["rows"], pool)
    result = {"version": number, "predictions": said}
    words = f"{plural(len(said), 'prediction')} of version {number}."

    def operation(connection: Connection) -> Result:
        tell.settle(connection, result, message=words)
        predictions.forget(connection, job.project_id, keep=TYPED_KEPT)
        return result

    return store.write(operation)


def _of_file(store: Store, job: Job, tell: Tell) -> Result:
    """Write a file of answers for an upload or the pool, and remove what is too old."""
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        number = asking.chosen(connection, project, job.payload.get("version"))
        pool = project_pool(store, connection, project)
        ready = scorer(store.home, connection, project, number)
        uri = job.payload.get("uri")
        known = _known(connection, project, pool) if uri is None else None
    schema = _schema(ready, known, every=bool(job.payload.get("probabilities")))
    about: Result = {"version": number}
    if known is not None:
        pool.verify()
        batches = _of_pool(pool, ready, known, tell=tell)
    else:
        upload = _upload(Path(str(uri)), project, read_as(ready.recipe, pool))
        about |= {"lacks_key": upload.lacks_key} if upload.lacks_key else {}
        batches = _of_upload(upload, tell=tell)
    answered = (_answered(batch, ready, number, schema=schema) for batch in batches)
    return _written(store, job, answered, schema=schema, about=about, tell=tell)


def _written(
    store: Store,
    job: Job,
    answered: Iterable[pa.Table],
    *,
    schema: pa.Schema,
    about: Result,
    tell: Tell,
) -> Result:
    """Write a file of answers, and remove those that are kept no longer."""
    kind = str(job.payload.get("format", "csv"))
    name = f"predictions-{job.id}-version-{about['version']}.{kind}"
    path = asking.result_folder(store) / name
    written = write_file(path, answered, schema)
    tell(1.0, f"Predicted {written:,} {'row' if written == 1 else 'rows'}")
    result = {"file": name, "rows": written, "sha256": sha256_of(path)} | about

    def operation(connection: Connection) -> list[str]:
        tell.settle(connection, result)
        return list(files.outlived(connection, job.project_id, keep=KEPT))

    for outlived in store.write(operation):
        (store.home / outlived).unlink(missing_ok=True)
    return result


def read_as(recipe: Recipe, pool: Pool) -> tuple[Column, ...]:
    """Return what the model looks at as it is to be read: as samples of the pool were.

    A recipe may take what the pool has as numbers, dates, yes and no or texts for something else,
    as codes for categories. The model knows such a value as it stands in the pool.
    """
    try:
        held = {column.name: column for column in pool.held}
    except Damaged:  # all of the pool, which a model does without
        held = {}
    return tuple(_read_as(column, held.get(column.name)) for column in frames.inputs(recipe))


def _read_as(asked: Column, held: Column | None) -> Column:
    if held is None or held.kind == asked.kind:
        return asked
    kept = held.kind in ("numeric", "boolean", "date") or asked.kind == "categorical"
    return held if kept else asked


def answers(
    ready: explaining.Explainer | Scorer, rows: Sequence[Mapping[str, Any]], pool: Pool
) -> list[dict[str, Any]]:
    """Answer rows typed in, each with its reasons where an explainer does: that takes longer.

    Raises
    ------
    Invalid
        If a row lacks a column, or a value cannot be read as what the column holds.
    """
    if isinstance(ready, Scorer):
        found = ready.probabilities(typed(read_as(ready.recipe, pool), rows))
        return [_said(ready, ready.said(row), explaining.named(ready.labels, row)) for row in found]
    reasons = ready.samples(typed(read_as(ready.scorer.recipe, pool), rows), [""] * len(rows))
    return [_said(ready.scorer, of.label, of.probabilities, reasons=of) for of in reasons]


def _said(
    of: Scorer,
    label: str,
    probabilities: Mapping[str, float],
    *,
    reasons: SampleExplanation | None = None,
) -> dict[str, Any]:
    """Return the label with its probability; lists of both where there may be several."""
    given = from_text(label) if of.multilabel else [label]
    sure = [probabilities[name] for name in given]
    return {
        "label": given if of.multilabel else label,
        "probability": sure if of.multilabel else sure[0],
        "probabilities": probabilities,
        "explanation": None if reasons is None else dump(reasons),
    }


def typed(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as the model reads a pool.

    Raises
    ------
    Invalid
        If a row lacks a column, or a value cannot be read as what the column holds.
    """
    for place, row in enumerate(rows, start=1):
        absent = [column.name for column in columns if column.name not in row]
        if absent:
            raise Invalid(
                f"row {place} has no {', '.join(map(repr, absent))}; give every column the model "
                f"looks at (empty where unknown): {', '.join(c.name for c in columns)}"
            )
    return catalogue.table_of(rows, columns)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the samples of a pool."""

    holdout: NDArray[np.bool_]
    gold: Mapping[int, Any]
    """By position where there is a label; lists where a sample may have several."""

    def columns(self, first: int, last: int) -> dict[str, Any]:
        """Return what is known of samples that follow one another."""
        gold = [self.gold.get(position) for position in range(first, last)]
        return {"holdout": self.holdout[first:last], "gold": gold}


def _known(connection: Connection, project: Project, pool: Pool) -> Known:
    several = project.multilabel
    gold = {
        item.position: list(project.names_in(item.label)) if several else item.label
        for item in chain(*resolving.gold(connection, project))
    }
    return Known(pool.holdout(project.holdout_threshold), gold)


def _schema(ready: Scorer, known: Known | None, *, every: bool) -> pa.Schema:
    schema = SEVERAL if ready.multilabel else SCHEMA
    if known is not None:
        schema = schema.append(pa.field("holdout", pa.bool_()))
        schema = schema.append(pa.field("gold", schema.field("label").type))
    for label in ready.labels if every else ():
        schema = schema.append(pa.field(f"{OF_WHICH}{label}", NUMBER))
    return schema


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows to answer, with what is known of them."""

    keys: pa.Array | list[str]
    rows: pa.Table
    known: Mapping[str, Any] = field(default_factory=dict)
    """Further columns."""


def _of_pool(pool: Pool, ready: Scorer, known: Known, *, tell: Tell) -> Iterator[Batch]:
    done = 0
    for batch in pool.iter_batches([KEY, *ready.columns], batch_rows=BATCH_ROWS):
        tell(done / len(pool), f"Predicted {done:,} of {plural(len(pool), 'sample')}")
        rows = pa.Table.from_batches([batch.select(ready.columns)])
        yield Batch(batch.column(KEY), rows, known.columns(done, done + batch.num_rows))
        done += batch.num_rows


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to answer; where the project has a column that names samples, this may lack it."""

    path: Path
    schema: Schema
    lacks_key: str | None


def _upload(path: Path, project: Project, columns: Sequence[Column]) -> Upload:
    names = [column.name for column in columns]
    found = catalogue.inspect(str(path), preview=0, used={*names, project.key_column})
    there = [column.name for column in found.columns]
    absent = [name for name in names if name not in there]
    all_seen = found.rows is not None or not catalogue.SOURCES[found.format].sparse
    if absent and all_seen:
        it = "it" if len(absent) == 1 else "them"
        raise BadSource(
            path.name,
            f"has {no_column(absent)} that the model looks at",
            f"{meant(absent, there)}add {it}, or choose a file of the same shape as the pool",
        )
    key = project.key_column if project.key_column in there else None
    wanted = tuple(columns)
    if key is not None and key not in names:
        wanted += (Column(key, "ignored"),)
    lacks_key = project.key_column if key is None else None
    return Upload(path, replace(found, columns=wanted, key=key), lacks_key)


def _of_upload(upload: Upload, *, tell: Tell) -> Iterator[Batch]:
    done, key, rows = 0, upload.schema.key, upload.schema.rows
    # A row that is left out would give each after it the number, and the answer, of another.
    batches = catalogue.read_batches(
        str(upload.path), schema=upload.schema, batch_rows=BATCH_ROWS, blank=True
    )
    for batch in batches:
        tell(done / rows if rows else 0.0, f"Predicted {plural(done, 'row')}")
        names = (
            range(done + 1, done + batch.num_rows + 1) if key is None else batch[key].to_pylist()
        )
        done += batch.num_rows
        keys = ["" if name is None else str(name) for name in names]
        yield Batch(keys, pa.Table.from_batches([batch]))


def _answered(batch: Batch, ready: Scorer, number: int, *, schema: pa.Schema) -> pa.Table:
    probabilities = ready.probabilities(batch.rows)
    labels: list[Any]
    if ready.multilabel:
        labels = [ready.given(row) for row in probabilities]
        shares = [row[row >= SURE] for row in probabilities]
    else:
        labels = [ready.labels[place] for place in probabilities.argmax(axis=1)]
        shares = list(probabilities.max(axis=1))
    columns: dict[str, Any] = {
        "key": batch.keys,
        "label": labels,
        "probability": shares,
        "version": np.full(len(batch.keys), number),
    }
    columns |= batch.known
    columns |= {
        f"{OF_WHICH}{label}": probabilities[:, place] for place, label in enumerate(ready.labels)
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def write_file(path: Path, tables: Iterable[pa.Table], schema: pa.Schema = SCHEMA) -> int:
    """Stream tables into a CSV or Parquet file, there completely or not at all; return the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    rows = 0
    try:
        with partial.open("wb") as file:
            with _writer(path.suffix, file, schema) as writer:
                for table in tables:
                    writer.write_table(_plain(table) if path.suffix == ".csv" else table)
                    rows += table.num_rows
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return rows


def _writer(suffix: str, file: Any, schema: pa.Schema) -> Any:
    if suffix == ".parquet":
        return parquet.ParquetWriter(file, schema)
    in_text = [(f.name, TEXT if pa.types.is_list(f.type) else f.type) for f in schema]
    return csv.CSVWriter(file, pa.schema(in_text))


def _plain(table: pa.Table) -> pa.Table:
    """Keep a spreadsheet from running what a key or a label says; write lists as JSON."""
    for place, column in enumerate(table.schema):
        if pa.types.is_list(column.type):
            texts = [
                None if value is None else json.dumps(value, ensure_ascii=False)
                for value in table[place].to_pylist()
            ]
            table = table.set_column(place, column.name, pa.array(texts, TEXT))
    for name in ("key", "label", "gold"):
        if name not in table.schema.names:
            continue
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, escaped_column(table[name]))
    return table
