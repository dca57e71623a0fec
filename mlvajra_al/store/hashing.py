"""Hashes that name samples and draw them: the same for the same content, anywhere, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def hash_keys(keys: Iterable[str]) -> Hashes:
    """Return 64 bits of BLAKE2b of each key."""
    digests = b"".join(blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64, copy=False)


def hash_content(batch: pa.RecordBatch, columns: Sequence[str]) -> list[bytes]:
    """Return 128 bits of BLAKE2b of each row's `columns`, in this order."""
    fixed: list[NDArray[np.uint8]] = []
    texts: list[pa.Array] = []
    for name in columns:
        _add_field(batch.column(name), fixed, texts)
    parts = [_as_binary(np.concatenate(fixed, axis=1)), *texts] if fixed else texts
    empty = pa.scalar(b"", pa.large_binary())
    rows = pc.binary_join_element_wise(*parts, empty) if len(parts) > 1 else parts[0]
    return [blake2b(row, digest_size=16).digest() for row in rows.to_pylist()]


def _add_field(values: pa.Array, fixed: list[NDArray[np.uint8]], texts: list[pa.Array]) -> None:
    """Add a column's bytes; of a text, also its length, so that fields cannot run together."""
    if pa.types.is_large_string(values.type):
        raw = values.cast(pa.large_binary())
        lengths = pc.binary_length(raw).fill_null(-1).cast(pa.int64())
        fixed.append(_bytes_of(lengths.to_numpy(zero_copy_only=False)))
        texts.append(raw.fill_null(b""))
    elif pa.types.is_fixed_size_list(values.type):
        fixed.append(_bytes_of(_pixels(values)))
    else:
        number = values.cast(pa.int64()) if not pa.types.is_floating(values.type) else values
        there = values.is_valid().to_numpy(zero_copy_only=False)
        plain = number.fill_null(0).to_numpy(zero_copy_only=False) + 0  # -0.0 becomes 0.0
        fixed += [_bytes_of(there), _bytes_of(plain)]


def _pixels(images: pa.Array) -> NDArray[np.float32]:
    """Return a row of numbers per image; NaN, which no image has, where there is none."""
    size, flat = 1, images
    while pa.types.is_fixed_size_list(flat.type):
        size, flat = size * flat.type.list_size, flat.flatten()
    out = np.full((len(images), size), np.nan, dtype=np.float32)
    out[images.is_valid().to_numpy(zero_copy_only=False)] = flat.to_numpy().reshape(-1, size)
    return out


def _bytes_of(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    plain = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
    return plain.view(np.uint8).reshape(len(values), -1)


def _as_binary(rows: NDArray[np.uint8]) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(rows))
    kind = pa.binary(rows.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, buffer]).cast(
        pa.large_binary()
    )


def mix(hashes: Hashes, seed: int) -> Hashes:
    """Return other hashes, a different set for each seed (splitmix64)."""
    with np.errstate(over="ignore"):
        out = hashes + hash_keys([f"seed {seed}"])[0]
        out = (out ^ (out >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        out = (out ^ (out >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: Hashes = out ^ (out >> np.uint64(31))
    return mixed
