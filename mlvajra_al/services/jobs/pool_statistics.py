"""What the columns of a pool hold: the range behind each value of a card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.store.shards import Pool

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 100_000


@dataclass(slots=True)
class _Seen:
    """What one pass over a column has found so far."""

    low: float | None = None
    high: float | None = None
    missing: int = 0
    sample: list[pa.Array] = field(default_factory=list)

    def add(self, values: pa.Array, every: slice) -> None:
        """Take another part of the column into account."""
        self.missing += values.null_count
        low, high = pc.min_max(_flat(values)).as_py().values()
        if low is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if pa.types.is_floating(values.type):
            at = np.arange(every.start, len(values), every.step)
            self.sample.append(values.take(pa.array(at)))

    def summary(self) -> dict[str, Any]:
        """Return it as stored."""
        out: dict[str, Any] = {"min": self.low, "max": self.high, "missing": self.missing}
        if self.sample:
            sample = pa.chunked_array(self.sample)
            out["quantiles"] = pc.quantile(sample, list(QUANTILES)).to_pylist()
        return out


def summarise(pool: Pool) -> dict[str, Any]:
    """Return the pool's size and what lies behind the values of a card.

    ``{"samples": n, "columns": {name: {"min", "max", "missing", "quantiles"}}}`` for numeric
    columns, the five quantiles of at most 100,000 samples spread evenly over the pool; for
    images the darkest and the brightest pixel. One pass, one shard in memory at a time.
    """
    names = [column.name for column in pool.held if column.kind in ("numeric", "image")]
    found = {name: _Seen() for name in names}
    step, done = -(-max(len(pool), 1) // SAMPLE), 0
    for batch in pool.iter_batches(names) if names else ():
        every = slice(-done % step, None, step)
        for name in names:
            found[name].add(batch.column(name), every)
        done += batch.num_rows
    columns = {name: seen.summary() for name, seen in found.items() if seen.low is not None}
    return {"samples": len(pool), "columns": columns}


def _flat(values: pa.Array) -> pa.Array:
    while pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    return values
