"""Write new rows of a pool into shard files, each under the name of its SHA-256."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlvajra_al.records import Shard
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.naming import HASH, Plan
from mlvajra_al.store.shards import SORTED, SORTED_AT

SHARD_BYTES = 64 * 2**20


@dataclass(slots=True)
class ShardWriter:
    """Gathers new rows and writes a shard when there are enough of them."""

    folder: Path
    plan: Plan
    at: datetime
    number: int
    start: int
    pending: list[pa.RecordBatch] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take new rows, cutting where a shard is full."""
        while batch.num_rows:
            room = self.plan.max_rows - sum(part.num_rows for part in self.pending)
            self.pending.append(batch.slice(0, room))
            batch = batch.slice(room)
            full = sum(part.num_rows for part in self.pending) >= self.plan.max_rows
            if full or sum(part.nbytes for part in self.pending) >= SHARD_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write what is pending as one shard."""
        if not self.pending:
            return
        table = pa.Table.from_batches(self.pending).combine_chunks()
        batch = _with_lookup(table.to_batches()[0])
        digest = _write(self.folder, batch)
        shard = Shard(
            project_id=self.plan.project_id,
            number=self.number,
            start=self.start,
            rows=batch.num_rows,
            sha256=digest,
            source=self.plan.source,
            created_at=self.at,
        )
        self.shards.append(shard)
        self.number, self.start = self.number + 1, self.start + batch.num_rows
        self.pending.clear()


def _with_lookup(batch: pa.RecordBatch) -> pa.RecordBatch:
    hashes = batch.column(HASH).to_numpy()
    order = np.argsort(hashes, kind="stable")
    kept = batch.drop_columns([HASH])
    schema = kept.schema.append(pa.field(SORTED, pa.uint64())).append(
        pa.field(SORTED_AT, pa.int64())
    )
    arrays = [*kept.columns, pa.array(hashes[order]), pa.array(order.astype(np.int64))]
    return pa.record_batch(arrays, schema=schema)


def _write(folder: Path, batch: pa.RecordBatch) -> str:
    """Write a shard under the name of its SHA-256 and return that."""
    partial = folder / "partial"
    with partial.open("wb") as file:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())
    digest = sha256_of(partial)
    partial.rename(folder / f"{digest}.arrow")
    return digest
