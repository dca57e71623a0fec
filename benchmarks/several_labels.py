"""How many labelled samples the strategies need where a sample may have several labels.

Three sets: digits by four properties (even, large, with a loop, prime), and two made ones, of
which one has rare labels. Each is split 70/30 by seed; a game begins without labels, learns after
each batch of 10, and is measured by micro F1 on the test rows. Noted is after how many samples 95%
and 98% of what the whole pool reaches are reached; whoever never gets there counts with all that
were allowed. Beside `random`, and modAL's `avg_confidence` as it stands.

    nice -n 19 python benchmarks/several_labels.py --seeds 10
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from modAL.multilabel import avg_confidence
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.learning.multilabel import indicators, train_each
from mlvajra_al.learning.strategies import rank

BATCH, MOST = 10, 600
LEVELS = (0.95, 0.98)
MODAL = "modAL avg_confidence"
NAMES = ("auto", "binary_doubt", "mean_doubt", "loss_reduction", "unusual_count", MODAL, "random")
Set = tuple[NDArray[np.float32], list[tuple[str, ...]]]


def _digits() -> Set:
    X, y = datasets.load_digits(return_X_y=True)
    properties = {"even": {0, 2, 4, 6, 8}, "large": {5, 6, 7, 8, 9}}
    properties |= {"loop": {0, 6, 8, 9}, "prime": {2, 3, 5, 7}}
    given = [tuple(name for name, digits in properties.items() if int(one) in digits) for one in y]
    return (X / 16).astype(np.float32), given


def _made(labels: int, each: int, seed: int) -> Set:
    X, Y = datasets.make_multilabel_classification(
        2_500, 40, n_classes=labels, n_labels=each, length=150, random_state=seed
    )
    names = np.array([f"label {number}" for number in range(labels)])
    return StandardScaler().fit_transform(X).astype(np.float32), [
        tuple(names[row == 1]) for row in Y
    ]


SETS: dict[str, Callable[[], Set]] = {
    "digits by properties": _digits,
    "made, 5 labels, 2 each": lambda: _made(5, 2, 0),
    "made, 12 labels, 1 each": lambda: _made(12, 1, 1),
}


def micro(model: Any, X: Any, answers: list[tuple[str, ...]], labels: list[str]) -> float:
    """Return micro F1 of a model on rows whose labels are known."""
    truth, given = indicators(answers, labels), np.zeros((len(answers), len(labels)), dtype=bool)
    places = [labels.index(str(name)) for name in model.classes_]
    given[:, places] = model.predict(X).astype(bool)
    return float(f1_score(truth, given, average="micro", zero_division=0))


def game(name: str, data: Set, seed: int) -> tuple[list[float], float]:
    """Play one strategy once; return micro F1 after each batch, and that of the whole pool."""
    rng = np.random.default_rng(seed)
    X, answers = data
    order = rng.permutation(len(answers))
    cut = round(0.7 * len(order))
    pool, test = order[:cut], order[cut:]
    labels = sorted({label for given in answers for label in given})
    P, said = X[pool], [answers[at] for at in pool]
    T, truth = X[test], [answers[at] for at in test]
    whole = micro(train_each("logistic_regression", P, said, seed=0).model, T, truth, labels)
    known: list[int] = []
    model: Any = None
    reached: list[float] = []
    while len(known) < MOST:
        known += ask(name, model, P, known, [said[at] for at in known], rng)
        try:
            got = [said[at] for at in known]
            model = train_each("logistic_regression", P[known], got, seed=0).model
            reached.append(micro(model, T, truth, labels))
        except NotEnoughLabels:
            reached.append(0.0)
    return reached, whole


def ask(
    name: str, model: Any, P: Any, known: list[int], said: list[Any], rng: np.random.Generator
) -> list[int]:
    """Return which rows a strategy asks for next."""
    left = np.setdiff1d(np.arange(len(P)), known)
    if name == MODAL and model is not None:
        return [int(at) for at in left[avg_confidence(model, P[left], BATCH)[0]]]
    strategy = name if name in ("auto", "random") or model is not None else "random"
    told = indicators(said, model.classes_.tolist()) if model is not None else None
    found = rank(
        model, P, left, strategy="auto" if strategy == MODAL else strategy, batch_size=BATCH,
        n=BATCH, rng=rng, labelled=known if told is not None else None, labels=told,
    )  # fmt: skip
    return [int(at) for at in found.positions]


def games(data: Set, seeds: int) -> Iterator[tuple[str, list[tuple[int, ...]]]]:
    """Play every strategy; yield its name and, per seed, the samples needed to each level."""
    for name in NAMES:
        needed = []
        for seed in range(seeds):
            reached, whole = game(name, data, seed)
            needed.append(tuple(_first(reached, level * whole) for level in LEVELS))
        yield name, needed


def _first(reached: list[float], wanted: float) -> int:
    return next((BATCH * at for at, f1 in enumerate(reached, start=1) if f1 >= wanted), MOST)


def main() -> None:
    """Print the samples each strategy needs, with standard errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        for title, make in SETS.items():
            sys.stdout.write(f"\n{title}, {seeds} seeds: samples to 95% and 98% of micro F1\n")
            for name, needed in games(make(), seeds):
                words = [
                    _with_error([one[place] for one in needed]) for place in range(len(LEVELS))
                ]
                sys.stdout.write(f"  {name:<22}{words[0]:>16}{words[1]:>16}\n")
                sys.stdout.flush()


def _with_error(values: list[int]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.1f} ± {error:.1f}"


if __name__ == "__main__":
    main()
