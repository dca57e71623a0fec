"""How fast, and in how much memory, a million rows become samples of a pool.

Run it as ``python benchmarks/import_speed.py``; it prints one JSON document. Each format is
imported in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mlvajra_al.records import Column, Recipe
from mlvajra_al.services import importing, projects
from mlvajra_al.services.jobs.ingesting import ingest
from mlvajra_al.services.jobs.telling import Tell
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.store import job_leases, people
from mlvajra_al.store.database import Store

MOST_S, MOST_MB = 60.0, 1_024.0
"""For a million rows of 20 columns from Parquet."""
FORMATS = ("parquet", "csv", "jsonl")
SLICE = 50_000


def write_source(path: Path, rows: int, columns: int) -> None:
    """Write random numbers, a slice at a time."""
    rng = np.random.default_rng(7)
    names = [f"x{number}" for number in range(columns)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with path.open("wb") as file:
        writer = {
            "parquet": lambda: pq.ParquetWriter(file, schema),
            "csv": lambda: pa.csv.CSVWriter(file, schema),
            "jsonl": lambda: None,
        }[path.suffix[1:]]()
        for start in range(0, rows, SLICE):
            values = rng.normal(size=(min(SLICE, rows - start), columns)).round(6)
            if writer is None:
                lines = (json.dumps(dict(zip(names, row, strict=True))) for row in values.tolist())
                file.write(("\n".join(lines) + "\n").encode())
            else:
                writer.write_table(pa.table(list(values.T), schema=schema))
        if writer is not None:
            writer.close()


def measure(source: Path, columns: int) -> dict[str, float]:
    """Import a file into a new workspace, then read some of it; print what it took."""
    before = _peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
        store.migrate()
        now = datetime.now(UTC)
        with store.begin() as connection:
            admin = people.add(connection, "Ada", role="admin", password_hash=None, now=now)
        recipe = Recipe(tuple(Column(f"x{number}", "numeric") for number in range(columns)))
        labels = make_labels(["no", "yes"])
        draft = projects.draft("numbers", labels=labels, recipe=recipe, now=now, seed=7)
        project = projects.create(store, admin, replace(draft))
        importing.start_import(store, admin, "numbers", uri=source, now=now)
        with store.begin() as connection:
            lease = timedelta(hours=1)
            job = job_leases.claim(connection, worker="bench", now=now, lease=lease)
        assert job is not None
        tell = Tell(store, job, worker="bench", clock=lambda: now, lease=lease)
        started, cpu = time.perf_counter(), time.process_time()
        result = ingest(store, job, tell)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        with store.read() as connection:
            pool = project_pool(store, connection, project)
        take = _milliseconds_to_take(pool)
        store.close()
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "rows": result["added"],
        "rows_per_second": round(result["added"] / seconds),
        "source_mb": round(source.stat().st_size / 2**20, 1),
        "peak_mb": round(_peak_mb(), 1),
        "peak_mb_before": round(before, 1),
        "take_10_rows_ms": take,
    }


def _milliseconds_to_take(pool: object) -> float:
    rng = np.random.default_rng(1)
    times = []
    for _ in range(50):
        positions = rng.integers(0, len(pool), 10)  # type: ignore[arg-type]
        started = time.perf_counter()
        pool.take(positions)  # type: ignore[attr-defined]
        times.append(time.perf_counter() - started)
    return round(1e3 * float(np.median(times)), 2)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.source:
        print(json.dumps(measure(given.source, given.columns)))
        return
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.formats:
            source = Path(folder) / f"numbers.{name}"
            write_source(source, given.rows, given.columns)
            command = [sys.executable, __file__, "--source", source, "--columns", given.columns]
            done = subprocess.run(
                list(map(str, command)), check=True, capture_output=True, text=True
            )
            results[name] = json.loads(done.stdout)
            source.unlink()
    print(json.dumps({"rows": given.rows, "columns": given.columns, "formats": results}, indent=2))
    parquet = results.get("parquet", {"seconds": 0.0, "peak_mb": 0.0})
    sys.exit(parquet["seconds"] > MOST_S or parquet["peak_mb"] > MOST_MB)


if __name__ == "__main__":
    main()
