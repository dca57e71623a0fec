"""Projects, their label sets, and the shards of their pools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from unicodedata import normalize

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from mlvajra_al.errors import Conflict, NotFound
from mlvajra_al.records import Label, Policy, Project, Recipe, Shard
from mlvajra_al.records.label_sets import from_text
from mlvajra_al.store.codec import dump, loads
from mlvajra_al.store.ranking import WAITING
from mlvajra_al.store.schema import annotation, audit, job, label, membership, project, shard, slot
from mlvajra_al.store.statements import Prepared, insert_once, prepared

JSON_TEXTS = ("recipe", "policy")
COLUMNS = [
    cast(column, Text).label(column.name) if column.name in JSON_TEXTS else column
    for column in project.c
    if column.name not in ("statistics", "answers_since_retrain")
]
LABEL = (
    label.c.place,
    label.c.name,
    label.c.display,
    label.c.key,
    label.c.color,
    label.c.definition,
)


def _columns(dialect: str) -> list[ColumnElement[Any]]:
    """Return what makes a project, its labels as JSON: one way to the database for both."""
    if dialect == "postgresql":
        labels: ColumnElement[Any] = func.json_agg(func.json_build_array(*LABEL))
    else:
        labels = func.json_group_array(func.json_array(*LABEL))
    query = select(cast(labels, Text)).where(label.c.project_id == project.c.id)
    return [*COLUMNS, query.scalar_subquery().label("labels")]


BY_NAME = Prepared(
    lambda dialect: select(*_columns(dialect)).where(project.c.name == bindparam("name"))
)
ALONE = Prepared(
    lambda dialect: select(
        *_columns(dialect),
        func.pg_advisory_xact_lock(
            cast(project.c.id, Integer), bindparam("person", type_=Integer)
        ).label("alone"),
    ).where(project.c.name == bindparam("name"))
)
BY_ID = Prepared(
    lambda dialect: select(*_columns(dialect)).where(project.c.id == bindparam("project"))
)
SHARDS = prepared(
    select(shard).where(shard.c.project_id == bindparam("project")).order_by(shard.c.number)
)
STATISTICS = prepared(
    select(cast(project.c.statistics, Text).label("statistics")).where(
        project.c.id == bindparam("project")
    )
)
WANTED = (
    select(slot.c.id)
    .where(slot.c.project_id == bindparam("project"), WAITING)
    .order_by(slot.c.holdout, slot.c.rank, slot.c.slot_no)
    .limit(1)
    .scalar_subquery()
)
"""Any sample that waits: in the order of their index, lest PostgreSQL read those that do not."""
STILL_TO_COME = (
    project.c.answers_since_retrain.label("answers"),
    WANTED.is_not(None).label("wanted"),
)


def _numbering(dialect: str) -> ReturningUpdate[Any]:
    """Take numbers, and return what is still to come, and which number was the last before.

    PostgreSQL may wait here for who takes numbers just then. It goes on from theirs, but what is
    wanted it finds as it was before it waited, and so the last number.
    """
    answers = project.c.answers_since_retrain + bindparam("answers")
    earlier = project.alias("earlier")
    last = select(earlier.c.last_seq).where(earlier.c.id == bindparam("project"))
    before = last.scalar_subquery() if dialect == "postgresql" else null()
    return (
        update(project)
        .where(project.c.id == bindparam("project"))
        .values(
            last_seq=project.c.last_seq + bindparam("count"),
            answers_since_retrain=case((answers < 0, 0), else_=answers),
        )
        .returning(project.c.last_seq, *STILL_TO_COME, before.label("before"))
    )


NEXT_SEQ = Prepared(_numbering)
OUTLOOK = prepared(select(*STILL_TO_COME).where(project.c.id == bindparam("project")))


class Outlook(NamedTuple):
    """What is still to come of a project."""

    answers: int
    """Given since the last retrain was asked for."""
    wanted: bool
    """Whether any answer is wanted, in the pool or of the holdout, or asked for just now."""


def _labels(stored: str | None) -> tuple[Label, ...]:
    rows = loads(list, stored or "[]")
    return tuple(Label(*row[1:]) for row in sorted(rows))


def _project(row: Any) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        labels=_labels(row.labels),
        recipe=loads(Recipe, row.recipe),
        policy=loads(Policy, row.policy),
        seed=row.seed,
        key_column=row.key_column,
        group_column=row.group_column,
        gold_column=row.gold_column,
        title_column=row.title_column,
        guidelines=row.guidelines,
        holdout_threshold=row.holdout_threshold,
        champion=row.champion,
        last_seq=row.last_seq,
        created_at=row.created_at,
        archived_at=row.archived_at,
        restricted=row.restricted,
        multilabel=row.multilabel,
    )


def create(connection: Connection, draft: Project) -> Project:
    """Store a new project; `draft.id` is ignored and the stored record returned.

    One of this name of which nothing has come, because its first import failed, becomes it.

    Raises
    ------
    Conflict
        If the name is taken.
    """
    taken = Conflict(f"there is a project {draft.name!r} already; choose another name")
    named = select(project.c.id).where(project.c.name == draft.name).with_for_update()
    before = connection.scalar(named)
    if before is not None and not came_to_nothing(connection, before):
        raise taken
    values = {
        "name": draft.name,
        "recipe": dump(draft.recipe),
        "policy": dump(draft.policy),
        "seed": draft.seed,
        "key_column": draft.key_column,
        "group_column": draft.group_column,
        "gold_column": draft.gold_column,
        "title_column": draft.title_column,
        "guidelines": draft.guidelines,
        "created_at": draft.created_at,
        "multilabel": draft.multilabel,
    }
    if before is not None:
        begun_anew = update(project).where(project.c.id == before)
        connection.execute(begun_anew, values | {"archived_at": None, "restricted": False})
        connection.execute(delete(membership).where(membership.c.project_id == before))
        set_labels(connection, before, draft.labels)
        return get(connection, before)
    statement = insert_once(connection, project).values(values).returning(project.c.id)
    project_id = connection.scalar(statement)
    if project_id is None:  # somebody else took it since we looked
        raise taken
    set_labels(connection, project_id, draft.labels)
    return get(connection, project_id)


def came_to_nothing(connection: Connection, project_id: int) -> bool:
    """Say whether imports into a project have failed, and nothing else ever happened to it."""
    jobs = select(job.c.id).where(job.c.project_id == project_id)
    imports = jobs.where(job.c.kind == "ingest")
    came = [
        jobs.where(job.c.state.not_in(("failed", "cancelled"))),
        select(shard.c.number).where(shard.c.project_id == project_id),
        select(annotation.c.seq).where(annotation.c.project_id == project_id),
    ]
    nothing = [~query.exists() for query in came]
    return bool(connection.scalar(select(and_(imports.exists(), *nothing))))


def drop(connection: Connection, project_id: int) -> None:
    """Remove a project of which nothing came, with its failed imports; the audit trail stays."""
    for mentions in (job, membership, label):
        connection.execute(delete(mentions).where(mentions.c.project_id == project_id))
    told = update(audit).where(audit.c.project_id == project_id)
    connection.execute(told.values(project_id=None))
    connection.execute(delete(project).where(project.c.id == project_id))


def get(connection: Connection, project_id: int) -> Project:
    """Return a project by its id."""
    row = BY_ID.one(connection, project=project_id)
    if row is None:
        raise NotFound("project", project_id)
    return _project(row)


def by_name(connection: Connection, name: str, *, alone: int | None = None) -> Project:
    """Return a project by its name.

    Till the end of the transaction no other is `alone` in it for the same person. Without it two
    of their tabs meet at a constraint and one fails; SQLite has one writer anyway.
    """
    if alone is None or connection.dialect.name != "postgresql":
        row = BY_NAME.one(connection, name=name)
    else:
        row = ALONE.one(connection, name=name, person=alone)
    if row is None:
        composed = normalize("NFC", name)  # as new ones are stored
        if composed == name:
            raise NotFound("project", name)
        return by_name(connection, composed, alone=alone)
    return _project(row)


def held(connection: Connection, name: str) -> Project:
    """Return a project by its name, which nobody else changes until this transaction ends."""
    found = by_name(connection, name)
    row = select(project.c.id).where(project.c.id == found.id)
    connection.execute(row.with_for_update(key_share=True))
    return get(connection, found.id)


def listed(connection: Connection, *, archived: bool = False) -> tuple[Project, ...]:
    """Return all projects in order of creation, archived ones only on request."""
    query = select(*_columns(connection.dialect.name)).order_by(project.c.id)
    if not archived:
        query = query.where(project.c.archived_at.is_(None))
    return tuple(_project(row) for row in connection.execute(query).all())


def set_labels(connection: Connection, project_id: int, labels: Sequence[Label]) -> None:
    """Store the label set in this order; a label that was used in an answer cannot be dropped.

    Raises
    ------
    Conflict
        If a label that annotations mention is missing.
    """
    # Who stores an answer holds this row too, so that none comes in between.
    connection.execute(select(project.c.id).where(project.c.id == project_id).with_for_update())
    used = _used(connection, project_id)
    missing = sorted(used - {item.name for item in labels})
    if missing:
        raise Conflict(
            f"answers use the label {missing[0]!r}, so it cannot be removed; rename it instead"
        )
    kept = [item.name for item in labels if item.name in used]
    connection.execute(
        delete(label).where(label.c.project_id == project_id, label.c.name.not_in(kept))
    )
    for place, name in enumerate(kept):
        # Two labels may swap keys: park the old ones outside the alphabet first.
        parked = {"key": chr(0xE000 + place)}
        connection.execute(
            update(label).where(label.c.project_id == project_id, label.c.name == name), parked
        )
    for place, item in enumerate(labels):
        values = {
            "place": place,
            "display": item.display,
            "key": item.key,
            "color": item.color,
            "definition": item.definition,
        }
        if item.name in kept:
            statement = update(label).where(
                label.c.project_id == project_id, label.c.name == item.name
            )
            connection.execute(statement.values(values))
        else:
            connection.execute(
                insert(label).values(project_id=project_id, name=item.name, **values)
            )


def _used(connection: Connection, project_id: int) -> set[str]:
    """Return the labels that answers give, alone or among others."""
    query = select(annotation.c.label, annotation.c.labels)
    said = connection.execute(query.where(annotation.c.project_id == project_id).distinct()).all()
    alone = {row.label for row in said if row.label is not None}
    return alone.union(*(from_text(row.labels) for row in said if row.labels is not None))


def set_recipe(connection: Connection, project_id: int, recipe: Recipe) -> None:
    """Replace the recipe; the next retrain is a full fit."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(recipe=dump(recipe))
    )


def set_policy(connection: Connection, project_id: int, policy: Policy) -> None:
    """Replace the policy."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(policy=dump(policy))
    )


def set_guidelines(connection: Connection, project_id: int, text: str) -> None:
    """Replace the guidelines (markdown)."""
    connection.execute(update(project).where(project.c.id == project_id).values(guidelines=text))


def set_archived(connection: Connection, project_id: int, at: datetime | None) -> None:
    """Archive a project, or take it out of the archive."""
    connection.execute(update(project).where(project.c.id == project_id).values(archived_at=at))


def set_holdout_threshold(connection: Connection, project_id: int, threshold: float) -> None:
    """Fix the share of the pool that is held out."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(holdout_threshold=threshold)
    )


def set_statistics(connection: Connection, project_id: int, statistics: dict[str, Any]) -> None:
    """Store the pool's summary: per numeric column its range and quantiles."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(statistics=statistics)
    )


def statistics(connection: Connection, project_id: int) -> dict[str, Any]:
    """Return the pool's summary; empty before the first import."""
    row = STATISTICS.one(connection, project=project_id)
    return dict(loads(dict, row.statistics)) if row is not None else {}


def next_seq(
    connection: Connection, project_id: int, *, count: int = 1, answers: int = 0
) -> tuple[int, Outlook]:
    """Take `count` event numbers and return the first; order of numbers is order of commit.

    So many of the events are `answers` of which the next retrain will learn. What is still to come
    then is returned beside it.
    """
    row = NEXT_SEQ.one(connection, project=project_id, count=count, answers=answers)
    if row is None:
        raise NotFound("project", project_id)
    first = int(row.last_seq) - count + 1
    if row.wanted and row.before is not None and row.before != first - 1:
        return first, outlook(connection, project_id)
    return first, Outlook(row.answers, bool(row.wanted))


def outlook(connection: Connection, project_id: int) -> Outlook:
    """Return what is still to come of a project."""
    row = OUTLOOK.one(connection, project=project_id)
    return Outlook(0, wanted=False) if row is None else Outlook(row.answers, bool(row.wanted))


def reset_answers(connection: Connection, project_id: int) -> None:
    """Start counting answers anew: a retrain was asked for."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(answers_since_retrain=0)
    )


def shards(connection: Connection, project_id: int) -> tuple[Shard, ...]:
    """Return the shards of a pool in order."""
    return tuple(
        Shard(
            row.project_id, row.number, row.start, row.rows, row.sha256, row.source, row.created_at
        )
        for row in SHARDS.all(connection, project=project_id)
    )


def add_shards(connection: Connection, added: Sequence[Shard]) -> None:
    """Register shards whose files are in place."""
    for item in added:
        connection.execute(
            insert(shard).values(
                project_id=item.project_id,
                number=item.number,
                start=item.start,
                rows=item.rows,
                sha256=item.sha256,
                source=item.source,
                created_at=item.created_at,
            )
        )
