"""What a version answers: for rows typed in with reasons, for files and pools streamed out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from mlvajra_al.errors import BadSource, Invalid, NotFound
from mlvajra_al.learning import frames
from mlvajra_al.learning.multilabel import SURE
from mlvajra_al.records import Column, Job, Project, Recipe, SampleExplanation
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.services import predicting as asking
from mlvajra_al.services.export_formats import escaped_column
from mlvajra_al.services.jobs import explaining
from mlvajra_al.services.jobs.scoring import Scorer, scorer
from mlvajra_al.services.jobs.telling import Result, Tell
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.sources import catalogue
from mlvajra_al.store import files, projects
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.shards import Pool
from mlvajra_al.words import plural

BATCH_ROWS = 5_000
KEPT = 20
"""Files of predictions of a project that stay; an older one is made again when asked for."""
TEXT, NUMBER = pa.large_string(), pa.float64()
FIELDS = [("key", TEXT), ("label", TEXT), ("probability", NUMBER), ("version", pa.int32())]
SCHEMA = pa.schema(FIELDS)
SEVERAL = pa.schema(
    [FIELDS[0], ("label", pa.list_(TEXT)), ("probability", pa.list_(NUMBER)), FIELDS[3]]
)
"""Where a sample may have several labels; what is no list in CSV is JSON there."""


def predict(store: Store, job: Job, tell: Tell) -> Result:
    """Answer rows, or write a file of answers for an upload or the pool."""
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        number = asking.chosen(connection, project, job.payload.get("version"))
        rows = job.payload.get("rows")
        if rows is not None:
            ready = explaining.explainer(store, connection, project, number)
            return {"version": number, "predictions": answers(ready, rows)}
        pool = project_pool(store, connection, project)
        ready_scorer = scorer(store.home, connection, project, number)
    upload = job.payload.get("upload")
    if upload is None:
        pool.verify()
        batches = _of_pool(pool, ready_scorer, tell=tell)
    else:
        batches = _of_upload(upload_path(store, str(upload)), project, ready_scorer, tell=tell)
    kind = str(job.payload.get("format", "csv"))
    name = f"predictions-{job.id}-version-{number}.{kind}"
    answered = (_answered(keys, ready_scorer, table, number) for keys, table in batches)
    path = asking.result_folder(store) / name
    written = write_file(path, answered, SEVERAL if ready_scorer.multilabel else SCHEMA)
    tell(1.0, f"Predicted {written:,} {'row' if written == 1 else 'rows'}")
    result = {"file": name, "rows": written, "version": number, "sha256": sha256_of(path)}

    def operation(connection: Connection) -> list[str]:
        tell.settle(connection, result)
        return list(files.outlived(connection, job.project_id, keep=KEPT))

    for outlived in store.write(operation):
        (store.home / outlived).unlink(missing_ok=True)
    return result


def answers(ready: explaining.Explainer, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answer rows typed in, each with its reasons.

    Raises
    ------
    Invalid
        If a row lacks a column, or a value cannot be read as what the column holds.
    """
    table = typed(ready.scorer.recipe, rows)
    return [
        {
            **_said(ready.scorer, explained),
            "probabilities": explained.probabilities,
            "explanation": dump(explained),
        }
        for explained in ready.samples(table, [""] * len(rows))
    ]


def _said(of: Scorer, explained: SampleExplanation) -> dict[str, Any]:
    """Return the label with its probability; lists of both where there may be several."""
    if not of.multilabel:
        return {"label": explained.label, "probability": explained.probabilities[explained.label]}
    names = from_text(explained.label)
    return {"label": names, "probability": [explained.probabilities[name] for name in names]}


def typed(recipe: Recipe, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as the model reads a pool.

    Raises
    ------
    Invalid
        If a row lacks a column, or a value cannot be read as what the column holds.
    """
    columns = frames.inputs(recipe)
    for place, row in enumerate(rows, start=1):
        absent = [column.name for column in columns if column.name not in row]
        if absent:
            raise Invalid(
                f"row {place} has no {', '.join(map(repr, absent))}; give every column the model "
                f"looks at (empty where unknown): {', '.join(c.name for c in columns)}"
            )
    return catalogue.table_of(rows, columns)


def upload_path(store: Store, name: str) -> Path:
    """Return an uploaded file; nothing outside the folder of uploads can be named.

    Raises
    ------
    NotFound
        If it is not there, or no upload.
    """
    folder = (store.home / "uploads").resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise NotFound("uploaded file", Path(name).name)
    return path


Batch = tuple[list[str], pa.Table]


def _of_pool(pool: Pool, ready: Scorer, *, tell: Tell) -> Iterator[Batch]:
    for first in range(0, len(pool), BATCH_ROWS):
        tell(first / len(pool), f"Predicted {first:,} of {plural(len(pool), 'sample')}")
        positions = np.arange(first, min(first + BATCH_ROWS, len(pool)))
        yield pool.keys(positions), pool.take(positions, ready.columns)


def _of_upload(path: Path, project: Project, ready: Scorer, *, tell: Tell) -> Iterator[Batch]:
    found = catalogue.inspect(str(path), preview=0, used={*ready.columns, project.key_column})
    there = {column.name for column in found.columns}
    absent = [name for name in ready.columns if name not in there]
    if absent:
        raise BadSource(
            path.name,
            f"has no column {', '.join(map(repr, absent))} that the model looks at",
            "add it, or choose a file of the same shape as the pool",
        )
    key = project.key_column if project.key_column in there else None
    wanted = list(frames.inputs(ready.recipe))
    if key is not None and key not in ready.columns:
        wanted.append(Column(key, "ignored"))
    done = 0
    schema = replace(found, columns=tuple(wanted), key=key)
    for batch in catalogue.read_batches(str(path), schema=schema, batch_rows=BATCH_ROWS):
        tell(done / found.rows if found.rows else 0.0, f"Predicted {plural(done, 'row')}")
        names = (
            range(done + 1, done + batch.num_rows + 1) if key is None else batch[key].to_pylist()
        )
        done += batch.num_rows
        yield ["" if name is None else str(name) for name in names], pa.Table.from_batches([batch])


def _answered(keys: list[str], ready: Scorer, table: pa.Table, number: int) -> pa.Table:
    probabilities = ready.probabilities(table)
    if ready.multilabel:
        return _answered_with_several(keys, ready, probabilities, number)
    best = probabilities.argmax(axis=1)
    columns = [
        keys,
        [ready.labels[place] for place in best],
        probabilities.max(axis=1) if len(best) else [],
        np.full(len(keys), number),
    ]
    return pa.table(columns, schema=SCHEMA)


def _answered_with_several(
    keys: list[str], ready: Scorer, probabilities: NDArray[np.float64], number: int
) -> pa.Table:
    given = [ready.given(row) for row in probabilities]
    shares = [row[row >= SURE] for row in probabilities]
    return pa.table([keys, given, shares, np.full(len(keys), number)], schema=SEVERAL)


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
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [json.dumps(value, ensure_ascii=False) for value in table[place].to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, TEXT))
    for name in ("key", "label"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, SCHEMA.field(name), escaped_column(table[name]))
    return table
