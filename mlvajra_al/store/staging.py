"""Append to a pool: write shards aside, then move them into place, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlvajra_al.errors import BadSource, Conflict
from mlvajra_al.records import Shard
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.checksums import sha256_of
from mlvajra_al.store.hashing import Hashes
from mlvajra_al.store.naming import HASH, Plan, named
from mlvajra_al.store.shards import CONTENT, KEY, SORTED, SORTED_AT, Pool, Positions

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


@dataclass(frozen=True, slots=True)
class Staged:
    """Shard files written to a folder aside, and what was found on the way."""

    folder: Path
    shards: tuple[Shard, ...]
    rows: int
    """Rows read from the source."""
    known: int
    """Rows whose sample was in the pool already."""
    copies: int
    """Rows whose content stood further up in the same source."""
    changed: int
    """Known samples whose content differs now; the first one is kept."""

    @property
    def added(self) -> int:
        """Samples that are new to the pool."""
        return sum(shard.rows for shard in self.shards)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Let one import at a time change a pool; the lock goes when its process does.

    Raises
    ------
    Conflict
        If another import is under way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "another import into this project is under way; wait until it has finished"
            ) from error
        try:
            yield
        finally:
            shutil.rmtree(folder / "staging", ignore_errors=True)


@dataclass(slots=True)
class _Seen:
    """Hashes of this import with their rows, in sorted runs of doubling length."""

    runs: list[tuple[Hashes, Positions]] = field(default_factory=list)

    def find(self, hashes: Hashes) -> Positions:
        """Return the row where each hash was first seen, -1 where it was not."""
        out = np.full(len(hashes), -1, dtype=np.int64)
        for known, rows in self.runs:
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            out = np.where(known[at] == hashes, rows[at], out)
        return out

    def add(self, hashes: Hashes, rows: Positions) -> None:
        """Remember hashes that were not seen before."""
        if not len(hashes):
            return
        self.runs.append((hashes, rows))
        while len(self.runs) > 1 and len(self.runs[-2][0]) <= 2 * len(self.runs[-1][0]):
            (hashes, rows), (more, more_rows) = self.runs.pop(), self.runs.pop()
            hashes, rows = np.concatenate([more, hashes]), np.concatenate([more_rows, rows])
            self.runs.append((hashes, rows))
        hashes, rows = self.runs.pop()
        order = np.argsort(hashes, kind="stable")
        self.runs.append((hashes[order], rows[order]))


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    known: int = 0
    copies: int = 0
    changed: int = 0


def stage(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    existing: Pool,
    plan: Plan,
    at: datetime,
    place: Callable[[int], str],
) -> Staged:
    """Write the samples that are new to files aside; nothing of the pool changes.

    Call it within `exclusive`, which removes what is not committed. `place` says where
    row number n of the source stands.

    Raises
    ------
    BadSource
        If a key is missing, too long, or stands twice in the source.
    """
    aside = folder / "staging"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    writer = ShardWriter(aside, plan, at, len(existing.shards), len(existing))
    seen, counts = _Seen(), _Counts()
    for batch in batches:
        rows = named(batch, plan, counts.rows, place)
        fresh = _new_rows(rows, existing, plan, seen=seen, counts=counts, place=place)
        counts.rows += batch.num_rows
        writer.add(_fitting(rows.take(pa.array(fresh)), existing, plan))
    writer.flush()
    return Staged(
        folder=aside,
        shards=tuple(writer.shards),
        rows=counts.rows,
        known=counts.known,
        copies=counts.copies,
        changed=counts.changed,
    )


def _new_rows(
    rows: pa.RecordBatch,
    existing: Pool,
    plan: Plan,
    *,
    seen: _Seen,
    counts: _Counts,
    place: Callable[[int], str],
) -> Positions:
    """Return the rows of a batch that neither the pool nor this import has yet."""
    keys = rows.column(KEY)
    hashes = rows.column(HASH).to_numpy()
    earlier = _earlier(hashes, seen, counts.rows)
    twice = np.flatnonzero(earlier >= 0)
    if len(twice) and plan.key_column is not None:
        second = int(twice[0])
        raise BadSource(
            plan.source,
            f"the key {keys[second].as_py()!r} stands twice, on {place(int(earlier[second]))} "
            f"and {place(counts.rows + second)}",
            "make the keys unique, or choose another key column or none",
        )
    known = existing.find(keys, hashes)
    fresh = (known < 0) & (earlier < 0)
    there = np.flatnonzero((known >= 0) & (earlier < 0))
    now = rows.column(CONTENT).to_numpy()[there]
    counts.changed += int((existing.content_hashes(known[there]) != now).sum())
    counts.known += len(there)
    counts.copies += len(twice)
    once = np.flatnonzero(earlier < 0)
    seen.add(hashes[once], once + counts.rows)
    return np.flatnonzero(fresh)


def _earlier(hashes: Hashes, seen: _Seen, first: int) -> Positions:
    """Return the row where each hash stood before, in this batch or an earlier one, or -1."""
    _, index, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    before = seen.find(hashes)
    here = index[inverse]
    repeated = here < np.arange(len(hashes))
    return np.where(before >= 0, before, np.where(repeated, here + first, -1))


def _fitting(batch: pa.RecordBatch, existing: Pool, plan: Plan) -> pa.RecordBatch:
    """Refuse rows whose columns are not those of the pool."""
    for item in existing.schema:
        at = batch.schema.get_field_index(item.name)
        if at < 0 or batch.schema.field(at).type != item.type:
            found = "is not there" if at < 0 else f"holds {_words(batch.schema.field(at).type)}"
            raise BadSource(
                plan.source,
                f"column {item.name!r} {found} where the pool has {_words(item.type)}",
                "import data of the same shape, or start another project",
            )
    return batch


def _words(kind: pa.DataType) -> str:
    """Return a type as a person knows it: of images their size."""
    if not pa.types.is_fixed_size_list(kind):
        return str(kind)
    return f"images of {kind.list_size} rows of {kind.value_type.list_size} pixels"


def commit(staged: Staged, folder: Path) -> tuple[Shard, ...]:
    """Move staged files into the pool and return the shards, to be registered at once."""
    for shard in staged.shards:
        name = f"{shard.sha256}.arrow"
        (staged.folder / name).replace(folder / name)
    sync_folder(folder)
    return staged.shards


def sweep(folder: Path, shards: Sequence[Shard]) -> int:
    """Remove files no shard is registered for, left by a crash; call it within `exclusive`."""
    kept = {f"{shard.sha256}.arrow" for shard in shards}
    stray = [path for path in folder.glob("*.arrow") if path.name not in kept]
    for path in stray:
        path.unlink()
    return len(stray)
