"""Who knows the true labels of a simulation: a file, a column of the pool, or what people said."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlvajra_al.errors import BadSource
from mlvajra_al.learning import frames
from mlvajra_al.learning.simulation import sets
from mlvajra_al.records import Column, Facts, Project, Recipe, Scenario, Schema
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.services import importing
from mlvajra_al.services.jobs import machine
from mlvajra_al.services.label_cells import Cells, Spellings
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.projects import require_hidden
from mlvajra_al.services.resolving import gold
from mlvajra_al.sources.catalogue import inspect, name_of, read_batches
from mlvajra_al.store import projects
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Store

MOST_SAMPLES = 20_000
"""Of more, so many are drawn at random: strategies differ in the first hundreds of labels."""
FEWEST_SAMPLES = 20
MOST_LABELS = 200
BATCH_ROWS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Samples whose labels are known, and what makes features of them."""

    samples: pa.Table
    labels: NDArray[np.str_]
    """A label each or, where there may be several, a set of labels as text."""
    recipe: Recipe
    drawn_from: int
    fingerprint: str
    multilabel: bool = False

    def __eq__(self, other: object) -> bool:
        """Compare content, so that a process that gets it again knows it."""
        return isinstance(other, Oracle) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.fingerprint)

    @property
    def answers(self) -> NDArray[Any]:
        """A label each or, where there may be several, a tuple of labels."""
        return sets(map(from_text, self.labels)) if self.multilabel else self.labels

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Each label with its number of samples."""
        return tuple(sorted(_counted(self.labels, self.multilabel).items()))

    @property
    def facts(self) -> Facts:
        """What is played on, and with what."""
        return Facts(
            samples=len(self.labels),
            drawn_from=self.drawn_from,
            labels=self.counts,
            fingerprint=self.fingerprint,
            libraries=machine.libraries(),
            cpu=machine.cpu(),
        )


def consult(store: Store, project_id: int, scenario: Scenario) -> Oracle:
    """Return who knows the truth of a scenario.

    Raises
    ------
    BadSource
        If it knows too little, or its file cannot be read.
    """
    with store.read() as connection:
        project = projects.get(connection, project_id)
    if scenario.truth == "file":
        uri, label = str(scenario.uri), str(scenario.label)
        used = [label, *(column.name for column in frames.inputs(scenario.recipe))]
        schema = inspect(uri, preview=0, used=used)
        importing.require_columns(name_of(uri), [column.name for column in schema.columns], used)
        return of_file(
            uri, scenario.recipe, label=label, schema=schema, names=_names(project),
            multilabel=scenario.multilabel,
        )  # fmt: skip
    with store.read() as connection:
        pool = project_pool(store, connection, project)
        said = gold(connection, project)[0] if scenario.truth == "answers" else []
    pool.verify()
    inputs = [column.name for column in frames.inputs(scenario.recipe)]
    wanted = [*inputs, str(scenario.label)] if scenario.truth == "pool" else inputs
    importing.require_columns(project.name, pool.columns, wanted)
    if scenario.truth == "answers":
        said = sorted(said, key=lambda item: item.position)
        table = pool.take([item.position for item in said], inputs)
        labels = pa.array([item.label for item in said], pa.large_string())
        return _oracle(
            table, labels, scenario.recipe, name=project.name, of="what people answered",
            multilabel=scenario.multilabel,
        )  # fmt: skip
    return _of_pool(project, pool, scenario)


def _names(project: Project) -> list[str]:
    return [label.name for label in project.labels]


def _of_pool(project: Project, pool: Any, scenario: Scenario) -> Oracle:
    label = str(scenario.label)
    inputs = [column.name for column in frames.inputs(scenario.recipe)]
    table, drawn_from = _drawn(pool.iter_batches([*inputs, label], batch_rows=BATCH_ROWS), label)
    labels = _said(table[label], _names(project), multilabel=scenario.multilabel)
    return _oracle(
        table.select(inputs), labels, scenario.recipe,
        name=project.name, of=f"the column {label!r}", drawn_from=drawn_from,
        multilabel=scenario.multilabel,
    )  # fmt: skip


def of_file(
    uri: str,
    recipe: Recipe,
    *,
    label: str,
    schema: Schema,
    names: Sequence[str] = (),
    multilabel: bool = False,
) -> Oracle:
    """Read the samples of a file that have a label; of very many, some drawn at random.

    Parameters
    ----------
    names : sequence of str
        Labels that are known: the file may spell them with other capitals, and where a sample
        may have several, a value that is one is not cut.

    Raises
    ------
    Invalid
        If the recipe contains the column of labels.
    BadSource
        If the file cannot be read, or has labels of fewer than two kinds.
    """
    require_hidden(label, [column.name for column in frames.inputs(recipe)])
    columns = (*frames.inputs(recipe), Column(label, "categorical"))
    batches = read_batches(uri, schema=replace(schema, columns=columns), batch_rows=BATCH_ROWS)
    table, drawn_from = _drawn(batches, label)
    labels = _said(table[label], names, multilabel=multilabel)
    return _oracle(
        table.drop_columns([label]), labels, recipe,
        name=name_of(uri), of=f"the column {label!r}", drawn_from=drawn_from,
        multilabel=multilabel,
    )  # fmt: skip


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _labelled(labels: Any) -> Any:
    words = pc.utf8_trim_whitespace(pc.cast(labels, pa.large_string()))
    return pc.fill_null(pc.not_equal(words, ""), False)


def _drawn(batches: Iterator[pa.RecordBatch], label: str) -> tuple[pa.Table, int]:
    """Return at most so many labelled rows, in order, each as likely as the next; and how many.

    Every row draws a number, and those with the smallest stay: memory holds a few batches.
    """
    rng, seen = _rng(), 0
    parts: list[pa.Table] = []
    draws = np.empty(0)
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(_labelled(rows[label]))
        seen += rows.num_rows
        parts.append(rows)
        draws = np.concatenate([draws, rng.random(rows.num_rows)])
        if len(draws) > MOST_SAMPLES:
            stay = np.sort(np.argpartition(draws, MOST_SAMPLES)[:MOST_SAMPLES])
            parts, draws = [pa.concat_tables(parts).take(stay)], draws[stay]
    return pa.concat_tables(parts), seen


def _oracle(
    table: pa.Table,
    labels: Any,
    recipe: Recipe,
    *,
    name: str,
    of: str,
    drawn_from: int | None = None,
    multilabel: bool = False,
) -> Oracle:
    if labels.null_count:  # cells that look like something and say nothing
        drawn_from = drawn_from and drawn_from - labels.null_count
        table, labels = table.filter(pc.is_valid(labels)), labels.drop_null()
    words = np.array(pc.cast(labels, pa.large_string()).to_pylist(), dtype=object).astype(str)
    _require_enough(words, _counted(words, multilabel), name=name, of=of)
    fingerprint = _fingerprint(table, words, recipe)
    return Oracle(table, words, recipe, drawn_from or len(words), fingerprint, multilabel)


def _said(cells: Any, names: Sequence[str], *, multilabel: bool) -> pa.Array:
    """Return what the cells of a column say, as labels or as texts of sets.

    They may spell a label in several ways: as the project does, it is the project's; among
    themselves, what most of them say.
    """
    words = pc.cast(cells, pa.large_string()).combine_chunks()
    as_spelt, spelt = Cells.of(names, multilabel=multilabel), Spellings()
    for found in pc.value_counts(words.drop_null()).to_pylist():
        for name in as_spelt.read(found["values"]) or ():
            spelt.count(name, found["counts"])
    return Cells.of([*names, *spelt.commonest()], multilabel=multilabel).read_each(words)


def _counted(labels: NDArray[np.str_], multilabel: bool) -> Counter[str]:
    if multilabel:
        return Counter(name for text in labels for name in from_text(text))
    return Counter(labels.tolist())


def _require_enough(labels: NDArray[np.str_], found: Counter[str], *, name: str, of: str) -> None:
    if len(found) < 2:
        said = f"only {next(iter(found))!r}" if found else "no labels"
        raise BadSource(name, f"{of} holds {said}", "choose one with two labels or more")
    if len(labels) < FEWEST_SAMPLES:
        raise BadSource(
            name,
            f"{of} labels {len(labels)} samples",
            f"at least {FEWEST_SAMPLES} are needed to learn from some and judge by others",
        )
    if len(found) > min(MOST_LABELS, len(labels) // 2):
        raise BadSource(
            name,
            f"{of} holds {len(found):,} different labels of {len(labels):,} samples",
            f"choose one that names kinds, not samples, at most {MOST_LABELS}",
        )


def _fingerprint(table: pa.Table, labels: NDArray[np.str_], recipe: Recipe) -> str:
    digest = hashlib.sha256(repr(dump(recipe)).encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.combine_chunks().to_batches():
            writer.write_batch(batch)
    digest.update(sink.getvalue())
    digest.update("\x1f".join(labels).encode())
    return digest.hexdigest()
