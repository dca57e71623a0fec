"""What a source's rows are called in a pool, and the draws that decide about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.errors import BadSource
from mlvajra_al.store.hashing import Hashes, hash_content, hash_keys, mix
from mlvajra_al.store.shards import CONTENT, CONTENT_COLUMNS, DRAW, KEY, ORDER, OURS

HASH = OURS + "hash"
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """How the samples of one import are named and drawn.

    `content` are the columns that make a sample what it is; without a key column their
    hash names it, and without a group it decides on which side of the holdout a sample
    falls, so that copies fall on the same side.
    """

    project_id: int
    source: str
    seed: int
    content: tuple[str, ...]
    key_column: str | None = None
    group_column: str | None = None
    max_rows: int = 100_000


def keys_of(
    batch: pa.RecordBatch, plan: Plan, *, first: int, place: Callable[[int], str]
) -> pa.Array:
    """Return the key of each row, the first of which is row number `first` of the source."""
    if plan.key_column is not None:
        return _checked_keys(batch.column(plan.key_column), plan, first, place)
    return _content_keys(hash_content(batch, plan.content))


def named(
    batch: pa.RecordBatch, plan: Plan, first: int, place: Callable[[int], str]
) -> pa.RecordBatch:
    """Add key, draw, order and content hash to each row."""
    digests = hash_content(batch, plan.content)
    content = np.frombuffer(b"".join(digests), dtype="<u8")[::2].astype(np.uint64)
    if plan.key_column is None:
        keys = _content_keys(digests)
    else:
        keys = _checked_keys(batch.column(plan.key_column), plan, first, place)
    draws = content
    if plan.group_column is not None:
        draws = _by_group(batch.column(plan.group_column), content)
    hashes = hash_keys(keys.to_pylist())
    ours = (mix(draws, plan.seed), mix(hashes, plan.seed + 1), content, hashes)
    fields = [pa.field(name, pa.uint64()) for name in (DRAW, ORDER, CONTENT, HASH)]
    schema = pa.schema(
        [*batch.schema, pa.field(KEY, pa.large_string()), *fields],
        metadata={CONTENT_COLUMNS: json.dumps(plan.content)},
    )
    return pa.record_batch([*batch.columns, keys, *map(pa.array, ours)], schema=schema)


def _content_keys(digests: Sequence[bytes]) -> pa.Array:
    return pa.array([digest.hex() for digest in digests], pa.large_string())


def _checked_keys(keys: pa.Array, plan: Plan, first: int, place: Callable[[int], str]) -> pa.Array:
    keys = keys.cast(pa.large_string())
    if keys.null_count:
        at = place(first + int(pc.index(keys.is_null(), pa.scalar(True)).as_py()))
        raise BadSource(
            plan.source,
            f"{at} has no key in column {plan.key_column!r}",
            "fill it in, or choose another key column or none",
        )
    long = pc.greater(pc.utf8_length(keys), LONGEST_KEY)
    if pc.any(long).as_py():
        at = place(first + int(pc.index(long, pa.scalar(True)).as_py()))
        raise BadSource(
            plan.source,
            f"{at} has a key of more than {LONGEST_KEY} characters",
            "choose a shorter key column or none",
        )
    cut = pc.match_substring(keys, "\0")  # SQLite would keep it, PostgreSQL refuses it
    if pc.any(cut).as_py():
        at = place(first + int(pc.index(cut, pa.scalar(True)).as_py()))
        raise BadSource(
            plan.source,
            f"{at} has a NUL in its key in column {plan.key_column!r}",
            "remove it, or choose another key column or none",
        )
    return keys


def _by_group(groups: pa.Array, content: Hashes) -> Hashes:
    """Return what decides the side of each row: its group, or its content where it has none."""
    encoded = groups.cast(pa.large_string()).fill_null("").dictionary_encode()
    names = encoded.dictionary.to_pylist()
    none = np.array([not name for name in names], dtype=bool)
    places = encoded.indices.to_numpy(zero_copy_only=False)
    drawn: Hashes = np.where(none[places], content, hash_keys(names)[places])
    return drawn
