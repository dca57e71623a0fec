"""Labels that come with a source become annotations of a person named after their column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from mlvajra_al.errors import NotFound
from mlvajra_al.records import Annotation, Answer, Job, Person, Project
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.services.importing import unknown_labels
from mlvajra_al.services.label_cells import Cells
from mlvajra_al.services.labelling import IMPORT_EVENT
from mlvajra_al.services.people import IMPORTED, NAME_MAX
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, people, projects
from mlvajra_al.store.annotations import Filter
from mlvajra_al.store.database import Connection
from mlvajra_al.store.naming import Plan, keys_of
from mlvajra_al.store.shards import Pool


@dataclass(frozen=True, slots=True)
class Imported:
    """Keys and labels of the rows of a source that have one."""

    source: str
    column: str
    keys: pa.Array
    labels: pa.Array


@dataclass(frozen=True, slots=True)
class Pending:
    """Answers to be stored, and how many labels are known as they are.

    `disputed` counts samples that several rows label differently.
    """

    source: str
    column: str
    answers: tuple[Answer, ...]
    known: int
    disputed: int

    def parts(self, size: int) -> list[Pending]:
        """Cut into parts of `size` answers; at least one, maybe empty."""
        starts = range(0, max(len(self.answers), 1), size)
        return [replace(self, answers=self.answers[at : at + size]) for at in starts]


def collect(
    rows: Iterable[tuple[pa.RecordBatch, pa.Array]],
    column: str,
    *,
    plan: Plan,
    names: Sequence[str],
    place: Callable[[int], str],
    multilabel: bool = False,
) -> Imported:
    """Read the labels of a source, each beside its row; rows that say nothing are left out.

    Where a sample may have several, a row holds a list, or labels with a separator between them.

    Raises
    ------
    BadSource
        If a value is no label of the set: lists the unknown values.
    """
    cells = Cells.of(names, multilabel=multilabel)
    keys, labels, unknown = [], [], dict[str, None]()
    first = 0
    for batch, values in rows:
        said = cells.read_each(values)
        told = said.is_valid()
        keys.append(keys_of(batch, plan, first=first, place=place).filter(told))
        labels.append(said.filter(told))
        for text in said.unique().drop_null().to_pylist():
            given = from_text(text) if multilabel else (text,)
            unknown |= dict.fromkeys(name for name in given if name not in names)
        first += batch.num_rows
    if unknown:
        raise unknown_labels(plan.source, column, list(unknown), names=names)
    return Imported(plan.source, column, pa.concat_arrays(keys), pa.concat_arrays(labels))


def pending(connection: Connection, project: Project, labels: Imported, job: Job) -> Pending:
    """Return what of these labels has not been said yet; a repeated job says the rest."""
    try:
        said = _said(connection, project, people.by_name(connection, _name(labels.column))[0])
    except NotFound:
        said = {}
    chosen, disputed = _chosen(labels)
    every = _answers(chosen, job)
    fresh = []
    for answer in every:
        before = said.get(answer.sample_key)
        if before is None:
            fresh.append(answer)
        elif before[1] != answer.label:
            fresh.append(replace(answer, supersedes=before[0]))
    known = len(every) - len(fresh)
    return Pending(labels.source, labels.column, tuple(fresh), known=known, disputed=disputed)


def record(
    connection: Connection, project: Project, pool: Pool, *, labels: Pending, now: datetime
) -> None:
    """Store these answers and do not ask again what they answer."""
    person = _person(connection, labels.column, now)
    # Do not ask again what the column has answered.
    keys = [answer.sample_key for answer in labels.answers if answer.supersedes is None]
    claims.finish_samples(connection, project.id, keys, person_id=person.id, now=now)
    _append(connection, project, pool, labels=labels, person=person, now=now)


def _name(column: str) -> str:
    return f"{IMPORTED}{column}"[:NAME_MAX]


def _person(connection: Connection, column: str, now: datetime) -> Person:
    """Return the person who stands for a column of labels; nobody can sign in as them."""
    name = _name(column)
    try:
        return people.by_name(connection, name)[0]
    except NotFound:
        person = people.add(connection, name, role="annotator", password_hash=None, now=now)
        people.set_disabled(connection, person.id, now)
        return person


def _said(
    connection: Connection, project: Project, person: Person
) -> dict[str, tuple[str, str | None]]:
    """Return what this column said last: key -> (event, label)."""
    history = events.history(connection, project.id, Filter(person_id=person.id, current=True))
    return {event.sample_key: (event.event_id, event.label) for event in history}


def _chosen(labels: Imported) -> tuple[dict[str, str], int]:
    """Return one label a sample, and how many have others too: the commonest, or the first."""
    said = list(zip(labels.keys.to_pylist(), labels.labels.to_pylist(), strict=True))
    first: dict[str, str] = {}
    votes: dict[str, Counter[str]] = {}
    for key, label in said:
        if first.setdefault(key, label) != label:
            votes[key] = Counter()
    for key, label in said if votes else ():
        if key in votes:
            votes[key][label] += 1
    return first | {key: many.most_common(1)[0][0] for key, many in votes.items()}, len(votes)


def _answers(chosen: Mapping[str, str], job: Job) -> list[Answer]:
    return [
        Answer(f"{IMPORT_EVENT}{job.id}-{number}", key, "answer", label)
        for number, (key, label) in enumerate(chosen.items())
    ]


def _append(
    connection: Connection,
    project: Project,
    pool: Pool,
    *,
    labels: Pending,
    person: Person,
    now: datetime,
) -> None:
    answers = labels.answers
    positions = pool.positions([answer.sample_key for answer in answers])
    held = pool.held_out(positions, project.holdout_threshold)
    # Counted with the answers: were the job to end and be repeated, it would find them known.
    seq, _ = projects.next_seq(connection, project.id, count=len(answers), answers=len(answers))
    rows = [
        Annotation(
            seq=seq + at,
            event_id=answer.event_id,
            project_id=project.id,
            sample_key=answer.sample_key,
            position=position,
            person_id=person.id,
            person=person.name,
            action="answer",
            label=answer.label,
            supersedes=answer.supersedes,
            comment="",
            elapsed_ms=None,
            client_time=None,
            created_at=now,
            late=False,
            adjudicates=False,
            source=labels.source[:200],
            why=None,
        )
        for at, (answer, position) in enumerate(zip(answers, positions.tolist(), strict=True))
    ]
    events.append(connection, rows, holdout=held.tolist(), multilabel=project.multilabel)
