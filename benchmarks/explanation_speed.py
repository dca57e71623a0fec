"""How long one row's explanation takes once warm, for every estimator, on digits (10 labels).

``python benchmarks/explanation_speed.py`` prints JSON. Budget: at most 50 ms a row.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from mlvajra_al.learning import attributions, explanation, training

ESTIMATORS = ("logistic_regression", "sgd", "complement_nb", "random_forest")
LABELLED, ROWS, BUDGET_MS = 300, 30, 50.0


def row_ms(estimator: str) -> float:
    """Return the median time of one row, after the first."""
    digits = load_digits()
    X = (digits.data / 16).astype(np.float32)
    y = digits.target.astype(str)
    names = [f"pixel {place}" for place in range(X.shape[1])]
    model = training.train(estimator, X[:LABELLED], y[:LABELLED], seed=0).model
    mean = explanation.mean_features(X)
    times = []
    for place in range(ROWS + 1):
        row = X[LABELLED + place : LABELLED + place + 1]
        start = time.perf_counter()
        attributions.explain_samples(model, row, names, mean=mean)
        times.append(1000 * (time.perf_counter() - start))
    return median(times[1:])


def main() -> None:
    """Measure every estimator and say which are within the budget."""
    names = (*ESTIMATORS, "hist_gradient_boosting")
    with threadpool_limits(1):  # as the worker does
        measured = {name: round(row_ms(name), 2) for name in names}
    sys.stdout.write(json.dumps({"ms_a_row": measured, "budget_ms": BUDGET_MS}, indent=2) + "\n")
    if max(measured.values()) > BUDGET_MS:
        sys.exit("over budget")


if __name__ == "__main__":
    main()
