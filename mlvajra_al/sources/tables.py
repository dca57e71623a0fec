"""Arrow tables in memory, so that demos and tests go the same way as files."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.rows import Request, Rows, check_names, pick

NAME = "table"


def read(table: pa.Table, request: Request) -> Iterator[Rows]:
    """Yield the rows of a table."""
    check_names(NAME, table.column_names, "it")
    if table.num_rows == 0:
        raise BadSource(NAME, "has columns but no rows", "choose a table with rows")
    wanted = pick(NAME, table.column_names, request)
    first = 0
    for batch in table.select(wanted).to_batches(max_chunksize=request.batch_rows):
        if batch.num_rows:
            yield Rows(batch, first)
            first += batch.num_rows


def count(table: pa.Table) -> int:
    """Return the number of rows."""
    return int(table.num_rows)
