"""Is what a project gets by default ever worse than drawing samples at random?

Sets of different kinds, also such as deceive a model: wrong labels, XOR, one in a hundred,
copies, outliers, constant columns, curves and rings a linear model cannot follow, short texts. The
last seven were looked at only once `auto` was as it is. Both play
from zero labels on the same splits; what is compared is the mean macro-F1 over the curve, paired
by seed, by Wilcoxon's signed-rank test, one-sided at 5%, by Holm over all sets.

    nice -n 19 python benchmarks/never_worse.py --seeds 20
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from labels_needed import DATA, Data, asker, fit
from scipy import sparse, stats
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.simulation import Ask, rounds, split

ROUNDS = 15
LEVEL = 0.05


def _even(X: Any, y: Any, batch: int = 10) -> Data:
    return Data(StandardScaler().fit_transform(X).astype(np.float32), np.asarray(y), batch)


def _made(seed: int, **settings: Any) -> Data:
    return _even(*datasets.make_classification(1_500, 20, random_state=seed, **settings))


def _xor() -> Data:
    X = np.random.default_rng(0).normal(size=(1_000, 4))
    return _even(X, (X[:, 0] > 0) ^ (X[:, 1] > 0))


def _copies() -> Data:
    data = _made(31, n_informative=6, n_classes=3)
    few = np.random.default_rng(1).integers(0, 60, size=900)
    return Data(np.vstack([data.X[600:], data.X[few]]), np.append(data.y[600:], data.y[few]), 10)


def _outliers() -> Data:
    data = _made(41, n_informative=5)
    rng = np.random.default_rng(2)
    far = rng.choice(len(data.y), 75, replace=False)
    data.X[far] = rng.normal(size=(75, 20)) * 10
    data.y[far] = rng.integers(0, 2, size=75)
    return data


def _constant() -> Data:
    data = _made(51, n_informative=5, n_classes=4, n_clusters_per_class=1)
    return Data(np.hstack([data.X, np.ones((1_500, 30), dtype=np.float32)]), data.y, 10)


def _short_texts() -> Data:
    rng = np.random.default_rng(3)
    common, y = rng.dirichlet(np.full(2_000, 0.05)), rng.integers(0, 6, size=1_500)
    topics = rng.dirichlet(np.full(2_000, 0.02), size=6)
    counts = [rng.multinomial(3 + rng.poisson(5), (common + topics[label]) / 2) for label in y]
    weights = TfidfTransformer(sublinear_tf=True).fit_transform(sparse.csr_matrix(np.array(counts)))
    return Data(sparse.csr_matrix(weights, dtype=np.float32), y, 10, C=10.0)


def _mixed() -> Data:
    rng = np.random.default_rng(4)
    data = _made(61, n_informative=4, n_classes=3, n_clusters_per_class=1)
    hint = np.where(rng.random(1_500) < 0.5, data.y * 3, rng.integers(0, 9, size=1_500))
    columns = [data.X[:, :6], np.eye(9)[hint], np.eye(20)[rng.integers(0, 20, size=1_500)]]
    return Data(np.hstack(columns).astype(np.float32), data.y, 10)


def _rings(columns: int, labels: int, *, rows: int = 1_000, seed: int = 0) -> Data:
    made = {"n_features": columns, "n_classes": labels, "random_state": seed}
    return _even(*datasets.make_gaussian_quantiles(n_samples=rows, **made))


def _spiral() -> Data:
    rng = np.random.default_rng(9)
    along, y = np.sqrt(rng.random(1_000)) * 3 * np.pi, rng.integers(0, 2, 1_000)
    X = np.stack([along * np.cos(along), along * np.sin(along)], axis=1)
    return _even(X * np.where(y, 1, -1)[:, None] + rng.normal(size=(1_000, 2)) * 0.4, y)


def _board() -> Data:
    X = np.random.default_rng(10).random((1_200, 2)) * 4
    return _even(X, X.astype(int).sum(axis=1) % 2)


def _product() -> Data:
    X = np.random.default_rng(12).normal(size=(1_200, 5))
    return _even(X, np.digitize(X[:, 0] * X[:, 1] + X[:, 2], [-0.7, 0.7]))


SETS: dict[str, Callable[[], Data]] = {
    **DATA,
    "20% wrong labels": lambda: _made(11, n_informative=6, flip_y=0.4),
    "xor": _xor,
    "one in a hundred": lambda: _made(21, n_informative=6, weights=[0.99], flip_y=0.0),
    "copies": _copies,
    "outliers": _outliers,
    "constant columns": _constant,
    "circles": lambda: _even(*datasets.make_circles(1_000, noise=0.1, factor=0.5, random_state=0)),
    "short texts": _short_texts,
    "numbers and categories": _mixed,
    "noise only": lambda: _even(
        np.random.default_rng(5).normal(size=(800, 10)),
        np.random.default_rng(6).integers(0, 2, size=800),
    ),
    "swiss roll": lambda: _even(
        (roll := datasets.make_swiss_roll(1_200, noise=0.5, random_state=0))[0], roll[1] // 3.5
    ),
    "rings": lambda: _rings(2, 3),
    "shells": lambda: _rings(6, 3),
    "a ball in a shell": lambda: _rings(6, 2),
    "many labels": lambda: _made(71, n_informative=12, n_classes=12, n_clusters_per_class=1),
    "hastie": lambda: _even(*datasets.make_hastie_10_2(1_200, random_state=1)),
    "shells in ten columns": lambda: _rings(10, 4, rows=1_200, seed=3),
    "five shells": lambda: _rings(3, 5, rows=1_200, seed=5),
    "spiral": _spiral,
    "board": _board,
    "product": _product,
    "three columns of twenty": lambda: _made(91, n_informative=3, n_redundant=0, class_sep=0.5),
}


def area(data: Data, ask: Ask, *, seed: int) -> float:
    """Return mean macro-F1 over the first rounds."""
    rng = np.random.default_rng(seed)
    parts = split(data.X, data.y, pool=data.pool, rng=rng)
    curve = rounds(parts, ask, fit=lambda X, y: fit(X, y, C=data.C), batch_size=data.batch, rng=rng)
    return statistics.fmean(one.score for one in islice(curve, ROUNDS))


def holm(p: dict[str, float]) -> dict[str, float]:
    """Return p-values adjusted for having looked at several sets."""
    out, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        highest = max(highest, min(1.0, (len(p) - rank) * p[name]))
        out[name] = round(highest, 4)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--strategy", default="auto")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    p = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in given.sets.split(","):
            data = SETS[name]()
            ours, drawn = (
                [area(data, asker(s), seed=i) for i in range(given.seeds)]
                for s in (given.strategy, "random")
            )
            gaps = np.subtract(ours, drawn)
            test = stats.wilcoxon(gaps, alternative="less") if np.any(gaps) else None
            p[name] = 1.0 if test is None else float(test.pvalue)
            told = {"set": name, "f1": round(statistics.fmean(ours), 4)}
            told |= {"random": round(statistics.fmean(drawn), 4), "p_worse": round(p[name], 4)}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
    adjusted = holm(p)
    worse = [name for name, value in adjusted.items() if value < LEVEL]
    sys.stdout.write(json.dumps({"sets": len(p), "holm": adjusted, "worse": worse}) + "\n")
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
