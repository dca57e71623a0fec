"""Data in, the asking side: look at a file, save an upload, queue its import."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow.compute as pc

from mlvajra_al.errors import BadSource, Invalid, TooLarge
from mlvajra_al.records import Column, Job, Person, Project, Schema
from mlvajra_al.services import access
from mlvajra_al.services.label_cells import Cells, Spellings
from mlvajra_al.services.people import require
from mlvajra_al.sources import catalogue, locations
from mlvajra_al.sources.values import MISSING
from mlvajra_al.store import audit, jobs, uploads
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.words import no_column


def readable() -> tuple[str, ...]:
    """Return the endings of files that are read; packed ones end in one more."""
    return (*(f".{ending}" for ending in locations.ENDINGS), ".gz")


def require_readable(name: str) -> None:
    """Refuse a file by its name, before anything of it is read.

    Raises
    ------
    BadSource
        If its ending is none of those we read.
    """
    locations.require_ending(name)


MB = 2**20
MOST_NAMES = 300
"""Labels of a file are counted up to here; no project may have so many."""
SHOWN = 5
MOST_COLUMNS = 20
"""So many columns are named to choose from."""


@dataclass(frozen=True, slots=True)
class FoundLabels:
    """The labels that a column of a file names, by name; `more` where there were too many.

    `missing` are values that are read as empty.
    """

    names: tuple[str, ...]
    missing: tuple[str, ...] = ()
    more: bool = False


def inspect_upload(
    uri: str | Path, *, preview: int = 20, used: Collection[str | None] | None = None
) -> Schema:
    """Say what a file holds, from its first rows as they are written; nothing is imported.

    Nested objects are refused in the columns that will be `used`, by default in all.

    Raises
    ------
    BadSource
        If it cannot be read as it is.
    """
    schema = catalogue.inspect(str(uri), preview=0, used=used)
    if preview < 1:
        return schema
    columns = tuple(c if c.kind == "image" else Column(c.name, "ignored") for c in schema.columns)
    written = replace(schema, columns=columns)
    rows = next(catalogue.read_batches(str(uri), schema=written, batch_rows=preview))
    return replace(schema, preview=tuple(rows.slice(0, preview).to_pylist()))


def labels_in(uri: str | Path, column: str, *, multilabel: bool) -> FoundLabels:
    """Return the labels that a column names, from the first row to the last.

    Of spellings that differ in capitals and blanks only, the commonest stands for all.

    Raises
    ------
    BadSource
        If the file cannot be read to its end.
    """
    cells = Cells.of((), multilabel=multilabel)
    spelt = Spellings()
    missing: set[str] = set()
    for value, rows in _counted(uri, column):
        said = cells.read(value)
        if said is None and value in MISSING:
            missing.add(value)
        for name in said or ():
            spelt.count(name, rows)
        if len(spelt) > MOST_NAMES:
            break
    names = spelt.commonest()
    return FoundLabels(
        tuple(names[:MOST_NAMES]), tuple(sorted(missing)), more=len(names) > MOST_NAMES
    )


def _counted(uri: str | Path, column: str) -> Iterator[tuple[str, int]]:
    """Yield what the rows of a column say and how many do, batch by batch; blanks say nothing."""
    wanted = Schema((Column(column, "ignored"),), key=None, rows=None, preview=(), format="")
    for batch in catalogue.read_batches(str(uri), schema=wanted):
        for found in pc.value_counts(pc.utf8_trim_whitespace(batch.column(column))).to_pylist():
            if found["values"]:
                yield found["values"], found["counts"]


def require_labels(uri: str | Path, column: str, *, names: Sequence[str], multilabel: bool) -> None:
    """Refuse a file whose column holds what is no label, before anything is made for it.

    Raises
    ------
    BadSource
        Names the values.
    """
    cells = Cells.of(names, multilabel=multilabel)
    unknown: dict[str, None] = {}
    for value in catalogue.distinct(str(uri), column):
        unknown |= dict.fromkeys(name for name in cells.read(value) or () if name not in names)
        if len(unknown) > MOST_NAMES:
            break
    if unknown:
        raise unknown_labels(catalogue.name_of(str(uri)), column, list(unknown), names=names)


def require_no_input(project: Project, labels_from: str | None) -> None:
    """Refuse labels from a column that the model would see, or those who are asked.

    Raises
    ------
    Invalid
    """
    inputs = [column.name for column in project.recipe.columns if column.kind != "ignored"]
    if labels_from in inputs:
        raise Invalid(
            f"{labels_from!r} is an input of the model, so it cannot hold the labels; choose "
            "another column"
        )
    if labels_from is not None and labels_from == project.title_column:
        raise Invalid(
            f"{labels_from!r} is the title of cards, so it cannot hold the labels; choose another "
            "column"
        )


def require_columns(source: str, there: Sequence[str], names: Iterable[str | None]) -> None:
    """Refuse a file or pool in which columns are missing that somebody has named.

    Raises
    ------
    BadSource
    """
    absent = [name for name in names if name is not None and name not in there]
    if absent:
        is_ = "is" if len(absent) == 1 else "are"
        shown = ", ".join(there[:MOST_COLUMNS]) + (", …" if len(there) > MOST_COLUMNS else "")
        raise BadSource(source, f"there {is_} {no_column(absent)}", f"choose from {shown}")


def unknown_labels(
    source: str, column: str, unknown: Sequence[str], *, names: Sequence[str]
) -> BadSource:
    """Return the error for values of a column that are no labels."""
    shown = ", ".join(repr(value[:40]) for value in unknown[:SHOWN])
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    are, them = ("is no label", "it") if len(unknown) == 1 else ("are not labels", "them")
    return BadSource(
        source,
        f"column {column!r} holds {shown}{more}, which {are} of this project",
        f"add {them} to the label set, or correct {them}; the labels are {', '.join(names)}",
    )


def require_importer(person: Person) -> None:
    """Refuse who may not bring data in, before a byte of it is taken.

    Raises
    ------
    NotAllowed
        If the person is no admin.
    """
    require(person, "admin", "import data")


async def save_upload(
    store: Store, person: Person, chunks: AsyncIterator[bytes], *, name: str, limit_mb: int
) -> Path:
    """Stream an upload into the workspace and return its path; a broken one leaves nothing.

    Raises
    ------
    NotAllowed
        If the person is no admin.
    TooLarge
        As soon as there is more than the limit.
    """
    require_importer(person)
    path = uploads.fresh(store.home, name)
    try:
        await _save(path, chunks, limit_mb=limit_mb)
    except BaseException:  # a cancelled request too
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return path


async def _save(path: Path, chunks: AsyncIterator[bytes], *, limit_mb: int) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_mb * MB:
                raise TooLarge(limit_mb)
            await asyncio.to_thread(file.write, chunk)


def copy_upload(store: Store, source: Path) -> str:
    """Copy a file to where workers take uploads from, and return its id there.

    Raises
    ------
    BadSource
        If there is none.
    """
    if not source.is_file():
        raise BadSource(str(source), "there is no such file", "check the path")
    path = uploads.fresh(store.home, source.name)
    shutil.copyfile(source, path)
    return uploads.id_of(path)


def uploaded(store: Store, upload_id: str) -> Path:
    """Return an uploaded file, by the id its upload was answered with.

    Raises
    ------
    NotFound
        If it is gone, or the id is none of ours.
    """
    return uploads.named(store.home, upload_id)


def uploaded_for(store: Store, job: Job) -> str | None:
    """Return the id of the uploaded file that a job was to read; None if it is here no more."""
    path = Path(str(job.payload.get("uri", "")))
    return uploads.id_of(path) if path.is_file() and _is_upload(store, path) else None


def _is_upload(store: Store, path: Path) -> bool:
    return path.is_relative_to(uploads.folder(store.home))


def start_import(
    store: Store,
    person: Person,
    project_name: str,
    *,
    uri: str | Path,
    labels_from: str | None = None,
    now: datetime,
) -> Job:
    """Queue the import of a file into a project's pool.

    With `labels_from` the values of that column become answers of the person
    "import: COLUMN". Columns are read as the project's recipe says.

    Raises
    ------
    BadSource
        If the file cannot be opened, or is not what its ending says.
    Invalid
        If the model would see the labels, or the cards show them.
    Conflict
        If the project is archived.
    """
    require_importer(person)
    catalogue.format_of(str(uri))
    payload = {"uri": str(uri), "labels_from": labels_from}
    dedupe = "ingest " + sha256(str(uri).encode()).hexdigest()[:64]

    def operation(connection: Connection) -> Job:
        project = access.open_project(connection, person, project_name)
        require_no_input(project, labels_from)
        job, is_new = jobs.enqueue_once(
            connection,
            project.id,
            "ingest",
            payload=payload,
            now=now,
            dedupe=dedupe,
            person_id=person.id,
        )
        if is_new:  # no double click
            audit.add(
                connection,
                "import started",
                now=now,
                person_id=person.id,
                project_id=project.id,
                detail=_as_known(store, uri),
            )
        return job

    return store.write(operation)


def _as_known(store: Store, uri: str | Path) -> str:
    """Return how a person knows a source: an upload by its name, as its folder is ours."""
    return catalogue.name_of(str(uri)) if _is_upload(store, Path(uri)) else str(uri)
