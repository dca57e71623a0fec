"""Parquet: read by row groups, only the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.locations import Location
from mlvajra_al.sources.rows import Request, Rows, check_names, pick


def read(location: Location, request: Request) -> Iterator[Rows]:
    """Yield the rows of a Parquet file, typed as it says."""
    with _opened(location) as file:
        names = list(file.schema_arrow.names)
        check_names(location.name, names, "the schema")
        if file.metadata.num_rows == 0:
            raise BadSource(location.name, "has columns but no rows", "choose a file with rows")
        wanted = pick(location.name, names, request)
        first = 0
        for batch in file.iter_batches(request.batch_rows, columns=wanted):
            if batch.num_rows:
                yield Rows(batch.select(wanted), first)
                first += batch.num_rows
        if first != file.metadata.num_rows:
            found = f"holds {first:,} rows where its footer declares {file.metadata.num_rows:,}"
            raise _damaged(location, found)


def count(location: Location) -> int:
    """Return the rows the footer declares."""
    with _opened(location) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _opened(location: Location) -> Iterator[pq.ParquetFile]:
    with location.open() as raw:
        try:
            with pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise _damaged(location, (str(error).splitlines() or ["?"])[0].rstrip(".")) from error


def _damaged(location: Location, found: str) -> BadSource:
    return BadSource(
        location.name, f"is damaged or cut short ({found})", "download or write it again"
    )
