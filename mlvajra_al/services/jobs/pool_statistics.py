"""What the columns of a pool hold: the range behind each value of a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from mlvajra_al.store.shards import Pool

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 100_000


def summarise(pool: Pool) -> dict[str, Any]:
    """Return the pool's size and, per numeric column, range, quantiles and missing values.

    ``{"samples": n, "columns": {name: {"min", "max", "quantiles": [5 of them], "missing"}}}``;
    quantiles are of at most 100,000 samples spread evenly over the pool.
    """
    numeric = [name for name, kind in pool.kinds.items() if kind == "numeric"]
    return {"samples": len(pool), "columns": _ranges(pool, numeric) if numeric else {}}


def _ranges(pool: Pool, names: list[str]) -> dict[str, dict[str, Any]]:
    lows = dict.fromkeys(names, np.inf)
    highs = dict.fromkeys(names, -np.inf)
    missing = dict.fromkeys(names, 0)
    for batch in pool.iter_batches(names, batch_rows=SAMPLE):
        for name in names:
            values = batch.column(name)
            missing[name] += values.null_count
            if values.null_count < len(values):
                found = pc.min_max(values)
                lows[name] = min(lows[name], found["min"].as_py())
                highs[name] = max(highs[name], found["max"].as_py())
    spread = np.linspace(0, len(pool) - 1, min(len(pool), SAMPLE)).astype(np.int64)
    sample = pool.take(spread, names)
    return {
        name: {
            "min": lows[name],
            "max": highs[name],
            "quantiles": pc.quantile(sample[name], list(QUANTILES)).to_pylist(),
            "missing": missing[name],
        }
        for name in names
        if np.isfinite(lows[name])
    }
