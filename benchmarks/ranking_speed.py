"""How fast a large pool is ranked, beside the least work that can do it and beside modAL.

Everything that is compared is measured in the same run, taking turns, and the best of its turns
counts. The floor is the shortest program that finds the same ten: float32 in chunks of 16,384
rows, two threads, no checks. The bare read is the file read from start to end, by the same two
threads, while no part of it is in memory. `python benchmarks/ranking_speed.py` prints JSON and
fails over budget; `--only dense` and so on run a part; from disk 2.6 GB are written to `--folder`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from modAL.batch import uncertainty_batch_sampling
from modAL.uncertainty import margin_sampling
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.learner import IncrementalLearner
from mlvajra_al.learning.rows import cut
from mlvajra_al.learning.strategies import select_batch

ROWS, COLUMNS, LABELS, TEN = 1_000_000, 64, 10, 10
TEXTS, TERMS, TERMS_A_TEXT = 100_000, 2**18, 80
CHUNK = 16_384
TURNS = 7
KNOWN = 1_000
"""Labels a project has when it asks for a diverse batch, or half of the rows."""
BUDGETS = {"of_floor": 1.5, "of_modal": 1 / 3, "sparse_of_floor": 1.4, "of_bare_read": 1.5}
RANKED = 2_000, 5_000
"""Rows on which modAL's ranked batch ends in seconds; it compares each with each."""
SECONDS = {"diverse 100,000": 0.25, "diverse 1,000,000": 0.8}
MEMORY_MB = 1_024


def model_of(X: Any, *, labels: int = LABELS) -> LogisticRegression:
    """Fit on 1,000 rows, whose answers depend on some of the columns."""
    rng = np.random.default_rng(1)
    rows = X[:1_000]
    y = np.asarray(rows @ rng.normal(size=(X.shape[1], labels)).astype(np.float32)).argmax(axis=1)
    return LogisticRegression(max_iter=200).fit(rows.astype(np.float64), y)


def dense(rows: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((rows, COLUMNS), dtype=np.float32)


def texts() -> sparse.csr_matrix:
    """Return rows like those of TF-IDF: of length one, frequent terms in many of them."""
    rng = np.random.default_rng(0)
    terms = (TERMS * rng.random(TEXTS * TERMS_A_TEXT) ** 3).astype(np.int32)
    ends = np.arange(0, len(terms) + 1, TERMS_A_TEXT)
    X = sparse.csr_matrix((rng.random(len(terms), dtype=np.float32), terms, ends), (TEXTS, TERMS))
    X.sum_duplicates()
    return sparse.csr_matrix(
        sparse.diags_array(1 / sparse.linalg.norm(X, axis=1)) @ X, dtype=np.float32
    )


def chunks(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, CHUNK):
        yield start, min(start + CHUNK, n)


def floor(X: Any, model: LogisticRegression) -> NDArray[np.intp]:
    """Find the ten of the smallest margin, with nothing round it."""
    weights = np.ascontiguousarray(model.coef_.T if sparse.issparse(X) else model.coef_, np.float32)
    intercepts = model.intercept_.astype(np.float32)[:, None]
    margins = np.empty(X.shape[0], dtype=np.float32)

    def score(part: tuple[int, int]) -> None:
        rows = cut(X, *part)
        by_label = (rows @ weights).T if sparse.issparse(X) else weights @ rows.T
        by_label = by_label + intercepts
        p = np.exp(by_label - by_label.max(axis=0))
        best, second = p[0], np.zeros(p.shape[1], dtype=np.float32)
        for one in p[1:]:
            second = np.maximum(second, np.minimum(best, one))
            best = np.maximum(best, one)
        margins[slice(*part)] = (best - second) / p.sum(axis=0)

    with threadpool_limits(1), ThreadPoolExecutor(2) as threads:
        list(threads.map(score, chunks(X.shape[0])))
    ten = np.argpartition(margins, TEN)[:TEN]
    return ten[np.argsort(margins[ten])]


def ours(X: Any, model: LogisticRegression) -> NDArray[np.intp]:
    rng = np.random.default_rng(0)
    return select_batch(model, X, strategy="margin", batch_size=TEN, rng=rng)


def without_labelled(X: Any, model: LogisticRegression) -> NDArray[np.intp]:
    """Find the ten where 1,000 samples, spread over the pool, are labelled."""
    rng, every = np.random.default_rng(0), X.shape[0] // 1_000
    labelled = np.arange(0, X.shape[0], every)
    return select_batch(model, X, strategy="margin", batch_size=TEN, rng=rng, labelled=labelled)


def modal(X: Any, model: LogisticRegression) -> NDArray[np.intp]:
    return np.asarray(margin_sampling(IncrementalLearner(model), X, n_instances=TEN)[0])


CALLS = {"floor": floor, "ours": ours, "without_labelled": without_labelled, "modal": modal}


def best_of(calls: dict[str, Callable[[], Any]], turns: int = TURNS) -> tuple[dict, dict]:
    """Return the shortest time of each, and what each returned, taking turns."""
    seconds: dict[str, float] = dict.fromkeys(calls, float("inf"))
    found = {}
    for _ in range(turns):
        for name, call in calls.items():
            start = time.perf_counter()
            found[name] = call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return {name: round(value, 4) for name, value in seconds.items()}, found


def compare(X: Any, *, budget: str) -> dict[str, Any]:
    """Let floor, modAL and ours find the same ten."""
    model = model_of(X)
    calls = {name: lambda call=call: call(X, model)
             for name, call in CALLS.items()}  # fmt: skip
    seconds, found = best_of(calls)
    same = set(found["ours"].tolist()) == set(found["modal"].tolist())
    of_floor = round(seconds["ours"] / seconds["floor"], 2)
    of_modal = round(seconds["ours"] / seconds["modal"], 2)
    holds = same and of_floor <= BUDGETS[budget]
    if budget == "of_floor":
        holds = holds and of_modal <= BUDGETS["of_modal"]
    return seconds | {"of_floor": of_floor, "of_modal": of_modal, "same_ten": same, "holds": holds}


def as_a_project(X: Any, model: LogisticRegression, strategy: str) -> Callable[[], Any]:
    """Return what picks a batch as a project does, which knows labels and heeds what is near."""
    labelled = np.arange(0, len(X), max(len(X) // KNOWN, 2))
    labels = model.predict(X[labelled])

    def act() -> NDArray[np.intp]:
        return select_batch(
            model,
            X,
            strategy=strategy,
            batch_size=TEN,
            rng=np.random.default_rng(0),
            labelled=labelled,
            labels=labels,
        )

    return act


def diverse(rows: int) -> dict[str, Any]:
    """Pick a diverse batch of a large pool."""
    X = dense(rows)
    model = model_of(X)
    calls = {
        "ours": as_a_project(X, model, "diversified_margin"),
        "ours_ranked": as_a_project(X, model, "ranked_batch"),
        "floor": lambda: floor(X, model),
    }
    seconds, _ = best_of(calls)
    return seconds | {"holds": seconds["ours"] <= SECONDS[f"diverse {rows:,}"]}


def beside_ranked(rows: int) -> dict[str, Any]:
    """Pick a diverse batch of a pool that is small enough for modAL's ranked batch."""
    X = dense(rows)
    model = model_of(X)
    known = np.arange(0, rows, max(rows // KNOWN, 2))
    pool = np.delete(X, known, axis=0)
    learner = IncrementalLearner(model)
    learner.X_training = X[known]
    calls = {
        "ours": as_a_project(X, model, "diversified_margin"),
        "ours_ranked": as_a_project(X, model, "ranked_batch"),
        "modal_ranked": lambda: uncertainty_batch_sampling(learner, pool, n_instances=TEN),
    }
    seconds, _ = best_of(calls, turns=3)
    of_modal = round(seconds["ours"] / seconds["modal_ranked"], 4)
    return seconds | {"of_modal": of_modal, "holds": of_modal < 1}


def from_disk(folder: Path, *, rows: int) -> dict[str, Any]:
    """Rank a file that is not in memory, in a process of its own, so that its memory is known."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "data"
        with path.open("wb") as file:
            rng = np.random.default_rng(0)
            for first, last in chunks(rows):
                rng.standard_normal((last - first, COLUMNS), dtype=np.float32).tofile(file)
            file.flush()
            os.fsync(file.fileno())
        turns = [
            {kind: _alone(kind, path, rows) for kind in ("read", "rank")} for _ in range(TURNS)
        ]
    best = {kind: min(turn[kind]["seconds"] for turn in turns) for kind in ("read", "rank")}
    memory = max(turn["rank"]["peak_mb"] for turn in turns)
    ratio = round(best["rank"] / best["read"], 2)
    holds = ratio <= BUDGETS["of_bare_read"] and memory <= MEMORY_MB
    return best | {"of_bare_read": ratio, "peak_mb": memory, "holds": holds}


def _alone(kind: str, path: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--alone", kind, "--file", str(path), "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def alone(kind: str, path: Path, rows: int) -> dict[str, Any]:
    model = model_of(dense(1_000))
    ours(dense(100), model)  # libraries are loaded
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter()
    if kind == "read":
        _read(path)
    else:
        ours(np.memmap(path, dtype=np.float32, mode="r", shape=(rows, COLUMNS)), model)
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 3), "peak_mb": _peak_mb()}


def _peak_mb() -> int:
    """Return the most memory this process has held; `ru_maxrss` begins with that of its parent."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) // 1_024


def _read(path: Path) -> None:
    step, size = 4 * 2**20, path.stat().st_size

    def some(worker: int) -> None:
        buffer = bytearray(step)
        with path.open("rb", buffering=0) as file:
            for at in range(worker * step, size, 2 * step):
                file.seek(at)
                file.readinto(buffer)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(some, range(2)))


CASES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "dense": lambda given: compare(dense(ROWS), budget="of_floor"),
    "sparse": lambda given: compare(texts(), budget="sparse_of_floor"),
    **{f"diverse {rows:,}": lambda given, rows=rows: beside_ranked(rows) for rows in RANKED},
    "diverse 100,000": lambda given: diverse(100_000),
    "diverse 1,000,000": lambda given: diverse(1_000_000),
    "disk": lambda given: from_disk(given.folder, rows=given.rows),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the file on disk")
    parser.add_argument("--alone", choices=("read", "rank"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        sys.stdout.write(json.dumps(alone(given.alone, given.file, given.rows)))
        return
    found = {}
    for name in given.only or CASES:
        found[name] = CASES[name](given)
        sys.stdout.write(json.dumps({name: found[name]}) + "\n")
        sys.stdout.flush()
    missed = [name for name, result in found.items() if not result["holds"]]
    if missed:
        sys.exit(f"over budget: {', '.join(missed)}")


if __name__ == "__main__":
    main()
