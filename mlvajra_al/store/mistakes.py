"""Lists of the holdout samples that a version has wrong: a file each, which a report mentions.

No list is part of its report: what lists versions reads the reports of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, select, update

from mlvajra_al.records import Mistake, Report
from mlvajra_al.store import artefacts
from mlvajra_al.store.schema import report

SCHEMA = pa.schema(
    [
        ("sample_key", pa.large_string()),
        ("position", pa.int64()),
        ("label", pa.large_string()),
        ("answered", pa.large_string()),
        ("probability", pa.float64()),
    ]
)


def write(home: Path, found: Iterable[Mistake]) -> str:
    """Store a list and return its SHA-256."""
    table = pa.Table.from_pylist([asdict(item) for item in found], schema=SCHEMA)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, SCHEMA, options=options) as writer:
        writer.write_table(table)
    return artefacts.put(home, sink.getvalue().to_pybytes())


def read(home: Path, digest: str) -> tuple[Mistake, ...]:
    """Return a list.

    Raises
    ------
    Damaged
        If its file is missing or does not match its checksum.
    """
    with pa.ipc.open_file(pa.BufferReader(artefacts.get(home, digest))) as reader:
        return tuple(Mistake(**row) for row in reader.read_all().to_pylist())


def mention(connection: Connection, of: Report, digest: str) -> None:
    """Let a stored report mention its list; one that it mentions already stays."""
    connection.execute(
        update(report)
        .where(
            report.c.project_id == of.project_id,
            report.c.version == of.version,
            report.c.holdout_seq == of.holdout_seq,
            report.c.mistakes.is_(None),
        )
        .values(mistakes=digest)
    )


def lists(connection: Connection, project_id: int, number: int) -> dict[int, str | None]:
    """Return the lists of a version by the last event its reports know of, the newest last.

    None where a report was made before there were lists.
    """
    query = select(report.c.holdout_seq, report.c.mistakes).where(
        report.c.project_id == project_id, report.c.version == number
    )
    rows = connection.execute(query.order_by(report.c.holdout_seq))
    return {row.holdout_seq: row.mistakes for row in rows}
