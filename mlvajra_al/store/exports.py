"""Answers sample by sample, in pages, as they stood at one event: for exports of any length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row

from mlvajra_al.store.annotations import standing_answers
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import annotation, person

PAGE = 5_000


def answers_by_sample(
    store: Store, project_id: int, *, until_seq: int, page: int = PAGE
) -> Iterator[list[Row[Any]]]:
    """Yield the answers that count after event `until_seq`, all of a sample in the same list.

    Every page is a transaction of its own, so that a slow reader holds nothing up; since events
    are only ever appended, the pages agree with each other all the same.
    """
    after: str | None = None
    while True:
        with store.read() as connection:
            rows = _answers(connection, project_id, until_seq=until_seq, after=after, limit=page)
        complete = _complete(rows, page)
        if not complete:
            return
        yield complete
        if len(rows) < page:
            return
        after = complete[-1].sample_key


def _answers(
    connection: Connection, project_id: int, *, until_seq: int, after: str | None, limit: int
) -> list[Row[Any]]:
    more = (annotation.c.created_at, person.c.name.label("person"))
    query = (
        standing_answers(project_id, until_seq=until_seq, more=more)
        .join(person, person.c.id == annotation.c.person_id)
        .order_by(annotation.c.sample_key, annotation.c.seq)
        .limit(limit)
    )
    if after is not None:
        query = query.where(annotation.c.sample_key > after)
    return list(connection.execute(query))


def _complete(rows: list[Row[Any]], page: int) -> list[Row[Any]]:
    """Leave out the last sample of a full page: more of its answers may follow."""
    if len(rows) < page:
        return rows
    last = rows[-1].sample_key
    kept = [row for row in rows if row.sample_key != last]
    return kept or rows
