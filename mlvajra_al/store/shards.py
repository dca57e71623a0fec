"""Pools: append-only Arrow IPC files in the workspace, memory-mapped, one batch each.

A shard holds the source's columns and, per sample, our own: its key, the hashes that
decide holdout and asking order, and the hashes of all keys in order, for look-up. It is
named by its SHA-256, so that a crashed import repeated gives the same files again.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlvajra_al.errors import MISSING, UNLIKE, Damaged
from mlvajra_al.records import Column, ColumnKind, Shard
from mlvajra_al.records.notations import Notation
from mlvajra_al.store.checksums import Stamp, is_known_whole, require_whole, stamp_of
from mlvajra_al.store.hashing import Hashes, hash_keys

OURS = "mlvajra."
KEY, DRAW, ORDER, CONTENT = OURS + "key", OURS + "draw", OURS + "order", OURS + "content"
SORTED, SORTED_AT = OURS + "sorted", OURS + "sorted_at"
CONTENT_COLUMNS = b"mlvajra.content_columns"

FEW = 64
"""So few rows are cut out one by one: faster than gathering them column by column."""
TOUCHED = 100
"""After so many rows shards are mapped anew: each row brings some sixteen pages of each of its
columns into memory, which a process with a mapped file keeps."""

Positions = NDArray[np.int64]


class Pool:
    """All samples of a project, by position; memory-mapped, so that opening it is cheap.

    A shard is mapped when its samples are first asked for: one that is damaged spoils no other.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        self.folder, self.shards = folder, tuple(shards)
        self._mapped: dict[int, pa.RecordBatch] = {}
        self._readable: dict[int, Stamp | None] = {}
        self._touched = 0
        self._spoiled: dict[int, tuple[Stamp | None, Damaged]] = {}
        self._held: dict[float, Positions] = {}
        self._different: dict[float, int] = {}
        self._starts = np.array([shard.start for shard in self.shards], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of samples."""
        return sum(shard.rows for shard in self.shards)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the source and their types; empty for an empty pool."""
        if not self.shards:
            return pa.schema([])
        return pa.schema([item for item in self._whole_schema() if not _is_ours(item.name)])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the source's columns."""
        return tuple(self.schema.names)

    @property
    def content(self) -> tuple[str, ...] | None:
        """The columns whose hash names or draws a sample, fixed by the first import."""
        if not self.shards:
            return None
        return tuple(_content_columns(self._whole_schema()))

    @property
    def held(self) -> tuple[Column, ...]:
        """The columns of the source, as they were imported."""
        return tuple(_held(item) for item in self.schema)

    def path(self, shard: Shard) -> Path:
        """Return the file of a shard."""
        return self.folder / f"{shard.sha256}.arrow"

    def key(self, position: int) -> str:
        """Return the key of one sample."""
        return self.keys([position])[0]

    def keys(self, positions: Sequence[int] | Positions) -> list[str]:
        """Return the keys of samples, in the order asked for."""
        out: list[str] = self._take(positions, [KEY]).column(0).to_pylist()
        return out

    def positions(self, keys: Sequence[str]) -> Positions:
        """Return where samples are, -1 for keys that are not in the pool."""
        return self.find(pa.array(keys, pa.large_string()), hash_keys(keys))

    def take(
        self, positions: Sequence[int] | Positions, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return samples in the order asked for."""
        return self._take(positions, list(self.columns if columns is None else columns))

    def rows(self, positions: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return a few samples as plain values, in the order asked for.

        A person waits for them, and making a table of them would take ten times as long.
        """
        found = []
        for position in positions:
            number = self._home(position)
            batch, row = self._batch(number), position - self.shards[number].start
            found.append({name: batch.column(name)[row].as_py() for name in columns})
        self._touch(len(found))
        return found

    def holdout(self, threshold: float) -> NDArray[np.bool_]:
        """Tell for each sample whether it is held out."""
        held = np.zeros(len(self), dtype=bool)
        held[self.holdout_order(threshold)] = True
        return held

    def held_out(self, positions: Sequence[int] | Positions, threshold: float) -> NDArray[np.bool_]:
        """Tell for some samples whether they are held out; of no others the draws are read."""
        draws = self._take(positions, [DRAW]).column(0)
        return held_out(np.asarray(draws, dtype=np.uint64), threshold)

    def holdout_order(self, threshold: float) -> Positions:
        """Return the positions of the held-out samples in the order they are asked.

        Looked for once: few are held out of many, and every card that is handed out may ask.
        """
        if threshold not in self._held:
            self._held[threshold] = self._holdout_order(threshold)
        return self._held[threshold]

    def different_held_out(self, threshold: float) -> int:
        """Return how many of the held-out samples differ from each other; looked for once."""
        if threshold not in self._different:
            held = self.content_hashes(self.holdout_order(threshold))
            self._different[threshold] = len(np.unique(held))
        return self._different[threshold]

    def iter_batches(
        self,
        columns: Sequence[str] | None = None,
        *,
        batch_rows: int = 50_000,
        start: int = 0,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the pool in order of position from `start` on, with one shard in memory at a time.

        `KEY` may be among the columns.
        """
        names = list(self.columns if columns is None else columns)
        for number, shard in enumerate(self.shards):
            if shard.start + shard.rows <= start:
                continue
            batch = self._anew(number)
            for first in range(max(0, start - shard.start), batch.num_rows, batch_rows):
                yield batch.select(names).slice(first, batch_rows)

    def unreadable(self) -> dict[Shard, Damaged]:
        """Return the shards whose files are gone, cut short or were found to differ, and why.

        None can show a sample of theirs. No file is read for this that was before, unless it was
        changed since.
        """
        self._look_again()
        faults = ((shard, self._fault(number)) for number, shard in enumerate(self.shards))
        return {shard: error for shard, error in faults if error is not None}

    def is_checked(self, positions: Sequence[int] | Positions) -> bool:
        """Say whether the files of samples were found whole and are unchanged since."""
        homes = (self.shards[number] for number in self._homes(positions))
        return all(is_known_whole(self.path(shard), shard.sha256) for shard in homes)

    def verify(self, positions: Sequence[int] | Positions | None = None) -> None:
        """Compare the files of all samples, or of some, with the SHA-256 recorded.

        A process reads each file once for this, and again when it is changed.

        Raises
        ------
        Damaged
            At the first file that is gone or differs.
        """
        every = range(len(self.shards))
        for number in every if positions is None else self._homes(positions):
            shard = self.shards[number]
            try:
                require_whole(self.path(shard), shard.sha256)
            except Damaged as error:
                self._spoiled[number] = stamp_of(self.path(shard)), error
                raise

    def content_hashes(self, positions: Positions) -> Hashes:
        """Return the hashes of what samples contain."""
        return np.asarray(self._take(positions, [CONTENT]).column(0), dtype=np.uint64)

    def find(self, keys: pa.Array, hashes: Hashes) -> Positions:
        """Return where samples are, given their keys and the hashes of these."""
        out = np.full(len(hashes), -1, dtype=np.int64)
        order = np.argsort(hashes)
        wanted = hashes[order]  # in order, so that what is searched next lies near by
        for number, start in enumerate(self._starts):
            batch = self._batch(number)
            known = _numpy(batch, SORTED)
            at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            found = np.flatnonzero(known[at] == wanted)
            asked, rows = order[found], _numpy(batch, SORTED_AT)[at[found]]
            same = pc.equal(batch.column(KEY).take(pa.array(rows)), keys.take(pa.array(asked)))
            same = same.to_numpy(zero_copy_only=False).astype(bool)
            out[asked[same]] = rows[same] + start
        return out

    def _homes(self, positions: Sequence[int] | Positions) -> list[int]:
        """Return the numbers of the shards that samples are in."""
        wanted = np.asarray(positions, dtype=np.int64)
        home = np.searchsorted(self._starts, wanted, side="right") - 1
        return [int(number) for number in np.unique(home)]

    def _look_again(self) -> None:
        """Take a spoiled shard for readable again once its file is another one."""
        for number, (stamp, _) in [*self._spoiled.items()]:
            if stamp_of(self.path(self.shards[number])) != stamp:
                self._spoiled.pop(number, None)
                self._mapped.pop(number, None)

    def _batch(self, number: int) -> pa.RecordBatch:
        batch = self._mapped.get(number)
        if batch is None:
            path = self.path(self.shards[number])
            stamp = stamp_of(path)
            batch = self._mapped[number] = _map(path)
            self._readable[number] = stamp
        return batch

    def _anew(self, number: int) -> pa.RecordBatch:
        """Map a shard for this once: the pages that much reading of it maps go with it."""
        return _map(self.path(self.shards[number]))

    def _touch(self, rows: int) -> None:
        """Let go of what is mapped when it may have become much."""
        self._touched += rows
        if self._touched > TOUCHED:
            self._mapped, self._touched = {}, 0

    def _fault(self, number: int) -> Damaged | None:
        """Return what is wrong with a shard, as far as can be told without reading it."""
        if (spoiled := self._spoiled.get(number)) is not None:
            return spoiled[1]
        stamp = stamp_of(self.path(self.shards[number]))
        if stamp is not None and self._readable.get(number) == stamp:
            return None
        self._mapped.pop(number, None)
        try:
            self._batch(number)
        except Damaged as error:
            return error
        return None

    def _whole_schema(self) -> pa.Schema:
        """Return the columns with our own among them: those of any shard that can be read."""
        readable = (n for n in range(len(self.shards)) if self._fault(n) is None)
        return self._batch(next(readable, 0)).schema

    def _home(self, position: int) -> int:
        """Return the number of the shard that a sample is in."""
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} of a pool of {len(self)}")
        return bisect_right(self.shards, position, key=lambda shard: shard.start) - 1

    def _take(self, positions: Sequence[int] | Positions, columns: list[str]) -> pa.Table:
        wanted = np.asarray(positions, dtype=np.int64)
        beyond = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(beyond):
            raise IndexError(f"position {beyond[0]} of a pool of {len(self)}")
        home = np.searchsorted(self._starts, wanted, side="right") - 1
        rows = wanted - self._starts[home] if len(wanted) else wanted
        homes = np.unique(home)
        if not len(homes):
            return _empty(self._whole_schema() if self.shards else None, columns)
        if len(wanted) <= FEW:
            kept = {number: self._batch(number).select(columns) for number in homes}
            self._touch(len(wanted))
            pairs = zip(home, rows, strict=True)
            return pa.Table.from_batches([kept[number].slice(row, 1) for number, row in pairs])
        places = [np.flatnonzero(home == number) for number in homes]
        parts = [
            self._anew(number).select(columns).take(pa.array(rows[here]))
            for number, here in zip(homes, places, strict=True)
        ]
        table = pa.Table.from_batches(parts)
        return table if len(parts) == 1 else table.take(np.argsort(np.concatenate(places)))

    def _holdout_order(self, threshold: float) -> Positions:
        held, order = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint64)]
        for number, shard in enumerate(self.shards):
            batch = self._anew(number)
            rows = np.flatnonzero(held_out(_numpy(batch, DRAW), threshold))
            held.append(rows + shard.start)
            order.append(_numpy(batch, ORDER)[rows])
        found: Positions = np.concatenate(held)[np.argsort(np.concatenate(order), kind="stable")]
        found.setflags(write=False)
        return found


def _empty(schema: pa.Schema | None, columns: Sequence[str]) -> pa.Table:
    """Return no rows of these columns; of a pool without shards their types are unknown."""
    if schema is None:
        schema = pa.schema([(name, pa.large_string()) for name in columns])
    return pa.schema([schema.field(name) for name in columns]).empty_table()


def _map(path: Path) -> pa.RecordBatch:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowInvalid) as error:
        raise Damaged(str(path), what=UNLIKE if path.exists() else MISSING) from error


def _numpy(batch: pa.RecordBatch, name: str) -> Hashes:
    out: Hashes = batch.column(name).to_numpy(zero_copy_only=True)
    return out


def _is_ours(name: str) -> bool:
    return name.startswith(OURS)


def _held(item: pa.Field) -> Column:
    said = item.metadata or {}
    kind = cast(ColumnKind, said.get(b"kind", b"ignored").decode())
    return Column(item.name, kind, cast(Notation, said.get(b"written", b"plain").decode()))


def _content_columns(schema: pa.Schema) -> list[str]:
    names: list[str] = json.loads((schema.metadata or {}).get(CONTENT_COLUMNS, b"[]"))
    return names


def held_out(draws: Hashes, threshold: float) -> NDArray[np.bool_]:
    """Tell which draws fall below a share of all."""
    share: NDArray[np.bool_] = (draws >> np.uint64(11)) * 2.0**-53 < threshold
    return share


def pool_folder(home: Path, project_id: int) -> Path:
    """Return where a project's shards lie in a workspace."""
    return home / "shards" / str(project_id)


@lru_cache(maxsize=64)
def open_pool(home: Path, project_id: int, shards: tuple[Shard, ...]) -> Pool:
    """Open a project's pool; the same shards are mapped once per process."""
    return Pool(pool_folder(home, project_id), shards)
