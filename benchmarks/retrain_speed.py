"""What ten more labels cost: continuing from the version before, beside a full fit.

100,000 labelled rows of 64 numbers with ten labels, and 10,000 labelled texts (TF-IDF of 2^18
columns, two labels). The ten are like all others, or contradict what is known (each has the label
that the version before thinks least likely), or are ten more of a rare label that 500 have, so
that the balance of labels moves every border. Where the model must move, steps say how far it was.
Both fits take turns in the same run; medians of CPU time count. ``python
benchmarks/retrain_speed.py`` prints JSON per kind of data and estimator. Budget, of logistic
regression, the default: at most 0.06 / 0.97 and 0.15 / 0.95 of a full fit as scikit-learn does it,
which is what was measured of it before this product was built, and no probability farther than
0.005 from that of a full fit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from mlvajra_al.learning.pipeline import build_estimator
from mlvajra_al.learning.training import train
from mlvajra_al.records import EstimatorName

ROWS, COLUMNS, LABELS = 100_000, 64, 10
TEXTS, TERMS, WORDS = 10_000, 2**18, 80
MORE, TURNS = 10, 5
ESTIMATORS: tuple[EstimatorName, ...] = ("logistic_regression", "sgd", "complement_nb")
BUDGETS = {"dense": 0.06 / 0.97, "text": 0.15 / 0.95}
APART = 0.005
RARE = 500
CASES = {
    "dense": ("alike", "contradicting", "rare"),
    "text": ("alike", "contradicting"),
}


def dense() -> tuple[Any, Any]:
    """Return numbers of which a tenth of the labels is noise; none is negative."""
    rng = np.random.default_rng(0)
    X = rng.random((ROWS + MORE, COLUMNS), dtype=np.float32)
    y = (X @ rng.normal(size=(COLUMNS, LABELS)).astype(np.float32)).argmax(axis=1)
    noise = rng.random(len(y)) < 0.1
    y[noise] = rng.integers(0, LABELS, noise.sum())
    return X, y.astype(str)


def text() -> tuple[Any, Any]:
    """Return rows like those of TF-IDF, whose label some of the frequent terms give away."""
    rng = np.random.default_rng(0)
    n = TEXTS + MORE
    terms = (TERMS * rng.random(n * WORDS) ** 4).astype(np.int32)
    values = np.full(len(terms), WORDS**-0.5, dtype=np.float32)
    X = sparse.csr_matrix((values, terms, np.arange(0, len(terms) + 1, WORDS)), shape=(n, TERMS))
    X.sum_duplicates()
    told = np.asarray(X[:, :2_000] @ rng.normal(size=2_000)).ravel()
    return X, np.where(told + rng.normal(scale=0.05, size=n) > 0, "ham", "spam")


def seconds(act: Callable[[], Any]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def told(case: str, X: Any, y: Any) -> tuple[Any, Any]:
    """Return all rows with the labels of a case, of which the last ten are new."""
    if case == "rare":
        of_it = np.flatnonzero(y == y[0])
        kept = np.ones(len(y), dtype=bool)
        kept[of_it[RARE + MORE :]] = False
        X, y = X[kept], y[kept]
        order = np.argsort(np.cumsum(y == y[0]) * (y == y[0]) > RARE, kind="stable")
        X, y = X[order], y[order]
    if case == "contradicting":
        before = train("logistic_regression", X[:-MORE], y[:-MORE], seed=0).model
        least = before.predict_proba(X[-MORE:]).argmin(axis=1)
        y = np.concatenate([y[:-MORE], before.classes_[least]])
    return X, y


def compare(kind: str, case: str, estimator: EstimatorName) -> dict[str, Any]:
    """Learn ten labels more in three ways, turn by turn."""
    X, y = told(case, *{"dense": dense, "text": text}[kind]())
    known = np.arange(len(y)) >= len(y) - MORE
    before = train(estimator, X[:-MORE], y[:-MORE], seed=0).model
    took: dict[str, list[float]] = {"continued": [], "full": [], "scikit-learn": []}
    model = build_estimator(estimator, seed=0)
    for _ in range(TURNS):
        took["continued"].append(
            seconds(lambda: train(estimator, X, y, seed=0, previous=before, new=known))
        )
        took["full"].append(seconds(lambda: train(estimator, X, y, seed=0)))
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            took["scikit-learn"].append(seconds(lambda: model.fit(X, y)))
    medians = {name: statistics.median(values) for name, values in took.items()}
    continued = train(estimator, X, y, seed=0, previous=before, new=known).model
    whole = train(estimator, X, y, seed=0).model
    asked = [one.predict_proba(X[:5_000]) for one in (continued, whole, before)]
    gap, moved = (float(np.abs(asked[0] - other).max()) for other in asked[1:])
    ratio = medians["continued"] / medians["scikit-learn"]
    within = ratio <= BUDGETS[kind] and gap <= APART
    return {
        "data": kind,
        "ten": case,
        "estimator": estimator,
        **{name: round(value, 4) for name, value in medians.items()},
        "ratio": round(ratio, 3),
        "steps": int(np.max(getattr(continued, "n_iter_", 0))),
        "largest change of a probability": float(f"{moved:.2g}"),
        "largest difference of a probability to a full fit": float(f"{gap:.2g}"),
        "holds": estimator != "logistic_regression" or within,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="dense,text")
    parser.add_argument("--estimators", default=",".join(ESTIMATORS))
    asked = parser.parse_args()
    found = []
    for kind in asked.data.split(","):
        for estimator in asked.estimators.split(","):
            for case in CASES[kind]:
                found.append(compare(kind, case, estimator))
                print(json.dumps(found[-1]), flush=True)
    sys.exit(not all(one["holds"] for one in found))


if __name__ == "__main__":
    main()
