"""What the columns of a pool hold: the range behind each value of a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.store.shards import Pool

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 100_000


def summarise(pool: Pool) -> dict[str, Any]:
    """Return the pool's size and what lies behind the values of a card.

    ``{"samples": n, "columns": {name: {"min", "max", "missing", "quantiles"}}}`` for numeric
    columns, the five quantiles of at most 100,000 samples spread evenly over the pool; for
    images the darkest and the brightest pixel.
    """
    kinds = pool.kinds
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    images = [name for name, kind in kinds.items() if kind == "image"]
    columns = _ranges(pool, [*numeric, *images])
    for name, quantiles in _quantiles(pool, [name for name in numeric if name in columns]).items():
        columns[name]["quantiles"] = quantiles
    return {"samples": len(pool), "columns": columns}


def _ranges(pool: Pool, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the range of each column that holds anything."""
    found: dict[str, dict[str, Any]] = {}
    missing = dict.fromkeys(names, 0)
    for batch in pool.iter_batches(names, batch_rows=SAMPLE) if names else ():
        for name in names:
            values = batch.column(name)
            missing[name] += values.null_count
            low, high = pc.min_max(_flat(values)).as_py().values()
            if low is not None:
                known = found.setdefault(name, {"min": low, "max": high})
                known["min"], known["max"] = min(known["min"], low), max(known["max"], high)
    return {name: {**known, "missing": missing[name]} for name, known in found.items()}


def _flat(values: pa.Array) -> pa.Array:
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    return values


def _quantiles(pool: Pool, names: list[str]) -> dict[str, list[float]]:
    if not names:
        return {}
    spread = np.linspace(0, len(pool) - 1, min(len(pool), SAMPLE)).astype(np.int64)
    sample = pool.take(spread, names)
    return {name: pc.quantile(sample[name], list(QUANTILES)).to_pylist() for name in names}
