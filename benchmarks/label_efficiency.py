"""Play an oracle against query strategies from zero labels and print how well each learns.

The loop is the product's own: preprocessing fitted without labels on the pool less its
holdout, a cold start, batches ranked by the newest model, incremental training after each and
a full fit after every tenth. F1 is measured on everything unanswered.

    python benchmarks/label_efficiency.py --dataset spam --answers 200 --seeds 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.pipeline import build_estimator, build_preprocessing, transform
from mlvajra_al.learning.strategies import STRATEGIES, rank
from mlvajra_al.learning.training import train
from mlvajra_al.records import Column, EstimatorName, Recipe

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Data:
    """Samples, their true labels, and the label whose F1 counts, if one does."""

    frame: pd.DataFrame
    recipe: Recipe
    y: NDArray[Any]
    positive: str | None

    def features(self, fitted_on: NDArray[Any]) -> Any:
        """Return everyone's features by preprocessing fitted on some samples."""
        preprocessing = build_preprocessing(self.recipe).fit(self.frame.iloc[fitted_on])
        return transform(preprocessing, self.frame)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the simulated project asks."""

    strategy: str
    answers: int
    every: int
    holdout_share: float
    holdout_rate: float
    full_every: int
    estimator: EstimatorName


@dataclass(frozen=True, slots=True)
class Run:
    """One simulated project: answers in the training set and F1 after each training."""

    seed: int
    labels: list[int]
    f1: list[float]
    seconds: float


def load(name: str, estimator: EstimatorName) -> Data:
    """Return a demo project's data."""
    table, y, columns, positive = _table(name)
    recipe = Recipe(columns, estimator)
    return Data(to_frame(table, recipe), recipe, y, positive)


def _table(name: str) -> tuple[pa.Table, NDArray[Any], tuple[Column, ...], str | None]:
    if name == "spam":
        table = pq.read_table(ROOT / "data" / "spam_assassin.parquet")
        columns = (Column("subject", "text"), Column("body", "text"))
        return table, np.array(table["label"].to_pylist()), columns, "spam"
    if name == "tumours":
        data = load_breast_cancer()
        names = [str(n) for n in data.feature_names]
        table = pa.table({n: data.data[:, i] for i, n in enumerate(names)})
        y = np.asarray(data.target_names)[data.target].astype(str)
        return table, y, tuple(Column(n, "numeric") for n in names), None
    data = load_digits()
    table = pa.table({"pixels": data.images.tolist()})
    return table, data.target.astype(str), (Column("pixels", "image"),), None


def _f1(data: Data, truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    if data.positive is None:
        return float(f1_score(truth, predicted, average="macro"))
    return float(f1_score(truth, predicted, pos_label=data.positive))


def simulate(data: Data, plan: Plan, seed: int) -> Run:
    """Answer batch after batch from the true labels."""
    rng = np.random.default_rng(seed)
    n = len(data.y)
    held = rng.random(n) < plan.holdout_share
    pool = np.flatnonzero(~held)
    X = data.features(pool)
    batch = round(plan.every * (1 - plan.holdout_rate))
    asked_held = rng.permutation(np.flatnonzero(held))
    labelled, model, seen = np.empty(0, dtype=np.intp), None, 0
    run = Run(seed, [], [], 0.0)
    started = time.perf_counter()
    for number in range(1, plan.answers // plan.every + 1):
        strategy = plan.strategy if model is not None else "auto"
        if plan.strategy == "random":
            strategy = "random"
        ranking = rank(
            model, X, pool, strategy=strategy, batch_size=batch, n=batch, rng=rng,
            labelled=labelled,
        )  # fmt: skip
        labelled = np.concatenate([labelled, ranking.positions])
        try:
            trained = train(
                plan.estimator, X[labelled], data.y[labelled], seed=seed,
                previous=None if number % plan.full_every == 0 else model,
                new=np.arange(len(labelled)) >= seen,
            )  # fmt: skip
        except NotEnoughLabels:
            continue
        model, seen = trained.model, len(labelled)
        unanswered = np.ones(n, dtype=bool)
        unanswered[labelled] = False
        unanswered[asked_held[: number * (plan.every - batch)]] = False
        run.labels.append(len(labelled))
        predicted = model.predict(X[np.flatnonzero(unanswered)])
        run.f1.append(round(_f1(data, data.y[unanswered], predicted), 4))
    return Run(seed, run.labels, run.f1, round(time.perf_counter() - started, 2))


def full_f1(data: Data, estimator: EstimatorName) -> float:
    """Return F1 with all labels, by three-fold cross-validation."""
    model = clone(build_estimator(estimator, seed=0))
    X = data.features(np.arange(len(data.y)))
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return _f1(data, data.y, cross_val_predict(model, X, data.y, cv=folds))


def summarise(runs: list[Run], full: float) -> dict[str, Any]:
    """Return medians over seeds beside the runs themselves."""
    to_95 = [labels_to(run, 0.95 * full) for run in runs]
    return {
        "median_f1": round(statistics.median(run.f1[-1] for run in runs), 4),
        "median_labels_to_95": statistics.median(to_95),
        "mean_labels_to_95": statistics.fmean(to_95),
        "runs": [asdict(run) for run in runs],
    }


def labels_to(run: Run, wanted: float) -> int:
    """Return after how many training labels F1 first reached a value, or all of them."""
    reached = (n for n, f1 in zip(run.labels, run.f1, strict=True) if f1 >= wanted)
    return next(reached, run.labels[-1])


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, simulate, print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=["spam", "tumours", "digits"], default="spam")
    parser.add_argument("--strategies", default="auto", help="comma separated, of: auto, "
                        + ", ".join(STRATEGIES))  # fmt: skip
    parser.add_argument("--estimator", choices=get_args(EstimatorName), default=None)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--every", type=int, default=20, help="answers between trainings")
    parser.add_argument("--holdout-share", type=float, default=0.2)
    parser.add_argument("--holdout-rate", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args(arguments)
    estimator = cast(EstimatorName, given.estimator or "logistic_regression")
    data = load(given.dataset, estimator)
    full = full_f1(data, estimator)
    strategies = {}
    for name in given.strategies.split(","):
        plan = Plan(
            name, given.answers, given.every, given.holdout_share, given.holdout_rate, 10, estimator
        )
        strategies[name] = summarise([simulate(data, plan, s) for s in range(given.seeds)], full)
    document = {"dataset": given.dataset, "full_f1": round(full, 4), "strategies": strategies}
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
