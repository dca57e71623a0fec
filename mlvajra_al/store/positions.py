"""Which sample stands where, as rows say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from mlvajra_al.store.schema import annotation, slot

PAGE = 50_000
Named = tuple[NDArray[np.object_], NDArray[np.int64]]


def mentioned(connection: Connection, project_id: int) -> Iterator[Named]:
    """Yield keys and positions that annotations and the ranking of a project mention."""
    for table in (annotation, slot):
        query = select(table.c.sample_key, table.c.position).where(table.c.project_id == project_id)
        with connection.execution_options(yield_per=PAGE).execute(query) as found:
            for part in found.partitions():
                yield _columns(list(part))


def _columns(rows: list[Any]) -> Named:
    keys = np.array([row.sample_key for row in rows], dtype=object)
    return keys, np.array([row.position for row in rows], dtype=np.int64)
