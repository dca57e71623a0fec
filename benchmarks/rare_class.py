"""How many labels until a rare class is found, when one sample in a hundred belongs to it.

Sets are thinned until the rare class is 1% of the pool; the test rows keep the same share. Noted
is after how many labels the first, fifth and tenth rare sample was asked, and when F1 of the rare
class reached 95% of what all labels reach; whoever never gets there counts with all that were
allowed. Compared by seed with modAL's margin, by Wilcoxon's signed-rank test.

    nice -n 19 python benchmarks/rare_class.py --seeds 20
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from labels_needed import DATA, Data, asker, fit
from numpy.typing import NDArray
from scipy import stats
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.rows import take
from mlvajra_al.learning.simulation import Ask, Split, Turn

FOUND = (1, 5, 10)
SHARE = 0.01


def _thinned(data: Data, rare: Any) -> Data:
    """Keep so many of a class that it is one in a hundred; the others become one label."""
    is_rare = data.y == rare
    keep = round(SHARE * np.count_nonzero(~is_rare) / (1 - SHARE))
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(is_rare))[:keep]
    rows = np.sort(np.concatenate([np.flatnonzero(~is_rare), drawn]))
    return Data(take(data.X, rows), np.where(is_rare[rows], 1, 0), 10, C=data.C)


def _made(seed: int, **settings: Any) -> Data:
    X, y = datasets.make_classification(
        6_000, 20, n_informative=6, weights=[0.9], flip_y=0.0, random_state=seed, **settings
    )
    return Data(StandardScaler().fit_transform(X).astype(np.float32), y, 10)


def _island() -> Data:
    rng = np.random.default_rng(8)
    X = np.vstack([rng.normal(size=(4_000, 8)), rng.normal(2.5, 0.5, size=(400, 8))])
    return Data(X.astype(np.float32), np.repeat([0, 1], [4_000, 400]), 10)


SETS: dict[str, Callable[[], Data]] = {
    "digit 8": lambda: _thinned(DATA["digits"](), 8),
    "digit 1": lambda: _thinned(DATA["digits"](), 1),
    "spam": lambda: _thinned(DATA["spam"](), "spam"),
    "made of two clusters": lambda: _thinned(_made(3), 1),
    "made of one cluster": lambda: _thinned(_made(5, n_clusters_per_class=1), 1),
    "island": lambda: _thinned(_island(), 1),
}


def halves(data: Data, rng: np.random.Generator) -> Split:
    """Split so that pool and test have the same share of the rare class: 70% and 30%."""
    inside = np.zeros(len(data.y), dtype=bool)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(data.y == label))
        inside[rows[: round(0.7 * len(rows))]] = True
    pool, test = np.flatnonzero(inside), np.flatnonzero(~inside)
    return Split(take(data.X, pool), data.y[pool], take(data.X, test), data.y[test])


def _f1(model: Any, parts: Split) -> float:
    return float(f1_score(parts.y_test, model.predict(parts.X_test), zero_division=0))


def play(data: Data, ask: Ask, *, seed: int, most: int) -> dict[str, int]:
    """Return after how many labels each aim was reached."""
    rng = np.random.default_rng(seed)
    parts = halves(data, rng)
    full = _f1(fit(parts.X_pool, parts.y_pool, C=data.C), parts)
    aims = [*(f"rare {n}" for n in FOUND), "95% of F1"]
    reached: dict[str, int] = {}
    labelled: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    model = None
    while len(labelled) < most and len(reached) < len(aims):
        y = parts.y_pool[labelled]
        asked = ask(Turn(model, parts.X_pool, labelled, y, data.batch, rng))
        labelled = np.concatenate([labelled, asked.positions])
        y = parts.y_pool[labelled]
        places = np.flatnonzero(y == 1)
        for n in FOUND:
            if len(places) >= n:
                reached.setdefault(f"rare {n}", int(places[n - 1]) + 1)
        try:
            model = fit(take(parts.X_pool, labelled), y, C=data.C)
        except NotEnoughLabels:
            continue
        if _f1(model, parts) >= 0.95 * full:
            reached.setdefault("95% of F1", len(labelled))
    return {aim: reached.get(aim, most) for aim in aims}


def compare(name: str, strategies: list[str], *, seeds: int, most: int) -> dict[str, Any]:
    """Play every strategy on one set; p tells whether it took more labels than margin did."""
    data = SETS[name]()
    runs = {s: [play(data, asker(s), seed=i, most=most) for i in range(seeds)] for s in strategies}
    out: dict[str, Any] = {"set": name, "rare": int(data.y.sum()), "rows": len(data.y)}
    for strategy, played in runs.items():
        out[strategy] = {a: round(statistics.fmean(r[a] for r in played), 1) for a in played[0]}
    if {"auto", "modal margin"} <= runs.keys():
        out["p_sooner"] = {aim: _p(runs, aim) for aim in runs["auto"][0]}
        out["holds"] = out["p_sooner"]["rare 1"] <= 0.05
    return out


def _p(runs: dict[str, list[dict[str, int]]], aim: str) -> float:
    pairs = zip(runs["auto"], runs["modal margin"], strict=True)
    gaps = [ours[aim] - reference[aim] for ours, reference in pairs]
    return round(float(stats.wilcoxon(gaps, alternative="less").pvalue), 4) if any(gaps) else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--strategies", default="random,modal margin,auto")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--most", type=int, default=400, help="labels at which to give up")
    given = parser.parse_args()
    play_ = partial(
        compare, strategies=given.strategies.split(","), seeds=given.seeds, most=given.most
    )
    missed = False
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in given.sets.split(","):
            found = play_(name)
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
            missed |= not found.get("holds", True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
