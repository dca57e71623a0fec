"""What labelling would have cost: strategies play against the labels of a file, from none on.

This is how a strategy is chosen before anybody is asked for a label. No project and no database
is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.errors import BadSource, Invalid
from mlvajra_al.learning import frames, pipeline, simulation
from mlvajra_al.learning.strategies import STRATEGIES
from mlvajra_al.records import Column, Recipe, Schema
from mlvajra_al.sources.catalogue import read_batches

POOL = 0.7
"""Share of the samples that may be asked about; the others judge."""
LEVELS = (0.95, 0.98)
"""Shares of the F1 that all labels reach."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: each strategy once for each seed, at most so many labels long."""

    strategies: tuple[str, ...] = ("auto", "margin", "random")
    batch_size: int = 10
    seeds: int = 5
    most: int = 500
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy with one seed: macro F1 after so many labels, and when it was good enough."""

    strategy: str
    seed: int
    full_f1: float
    labels: tuple[int, ...]
    f1: tuple[float, ...]
    labels_to_95: int | None
    labels_to_98: int | None


@dataclass(frozen=True, slots=True)
class Game:
    """Samples with their labels, and what makes features of them."""

    samples: pa.Table
    labels: np.ndarray
    recipe: Recipe


def check(plan: Plan) -> None:
    """Refuse a plan that cannot be played.

    Raises
    ------
    Invalid
    """
    known = ("auto", *STRATEGIES)
    for name in plan.strategies:
        if name not in known:
            raise Invalid(f"there is no query strategy {name!r}; choose from {', '.join(known)}")
    if not plan.strategies:
        raise Invalid("there is nothing to play; name at least one strategy")
    for what, value in (("batch", plan.batch_size), ("seeds", plan.seeds), ("most", plan.most)):
        if value < 1:
            raise Invalid(f"{what} is {value} but must be at least 1")


def read(uri: str, recipe: Recipe, *, label: str, schema: Schema) -> Game:
    """Read the samples of a file that have a label.

    Raises
    ------
    Invalid
        If the recipe contains the column of labels.
    BadSource
        If the file cannot be read, or has labels of fewer than two kinds.
    """
    if label in {column.name for column in recipe.columns}:
        raise Invalid(f"the model would see {label!r}, which it is to find; leave it out")
    columns = (*recipe.columns, Column(label, "categorical"))
    batches = read_batches(uri, schema=replace(schema, columns=columns))
    table = pa.Table.from_batches(list(batches))
    table = table.filter(pc.is_valid(table[label]))
    labels = np.array(table[label].cast(pa.string()).to_pylist(), dtype=object)
    found = sorted(set(labels))
    if len(found) < 2:
        said = f"only {found[0]!r}" if found else "no labels"
        remedy = "name a column with two labels or more"
        raise BadSource(uri, f"the column {label!r} holds {said}", remedy)
    return Game(table, labels.astype(str), recipe)


def play(game: Game, plan: Plan, *, told: Callable[[int, int], None]) -> list[Run]:
    """Play a plan; `told` hears how many seeds of how many are over.

    The runs come in the order of strategies and seeds, whatever the number of processes, which
    changes no result.
    """
    seats = joblib.Parallel(n_jobs=plan.processes, return_as="generator_unordered")
    played: list[Run] = []
    for over, runs in enumerate(
        seats(joblib.delayed(_play_seed)(game, plan, seed) for seed in range(plan.seeds)), start=1
    ):
        played += runs
        told(over, plan.seeds)
    place = {name: number for number, name in enumerate(plan.strategies)}
    return sorted(played, key=lambda run: (place[run.strategy], run.seed))


def _play_seed(game: Game, plan: Plan, seed: int) -> list[Run]:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(game.labels))
    n = round(len(order) * POOL)
    asked, judging = (frames.to_frame(game.samples.take(rows), game.recipe)
                      for rows in (order[:n], order[n:]))  # fmt: skip
    preprocessing = pipeline.build_preprocessing(game.recipe).fit(asked)
    parts = simulation.Split(
        pipeline.transform(preprocessing, asked),
        game.labels[order[:n]],
        pipeline.transform(preprocessing, judging),
        game.labels[order[n:]],
    )
    fit = simulation.by_estimator(game.recipe.estimator, seed=seed)
    full = simulation.full_score(parts, fit)
    return [_play_once(parts, fit, plan, run=(name, seed, full)) for name in plan.strategies]


def _play_once(
    parts: simulation.Split, fit: simulation.Fit, plan: Plan, *, run: tuple[str, int, float]
) -> Run:
    name, seed, full = run
    curve = list(_until(
        simulation.rounds(
            parts, simulation.by_strategy(name), fit=fit, batch_size=plan.batch_size,
            rng=np.random.default_rng(seed),
        ),
        plan.most, max(LEVELS) * full,
    ))  # fmt: skip
    reached = [simulation.labels_to(curve, level * full) for level in LEVELS]
    labels = tuple(one.labels for one in curve)
    return Run(name, seed, full, labels, tuple(one.score for one in curve), *reached)


def _until(
    curve: Iterator[simulation.Round], most: int, enough: float
) -> Iterator[simulation.Round]:
    for one in curve:
        yield one
        if one.labels >= most or one.score >= enough:
            return


def document(runs: Sequence[Run]) -> dict[str, Any]:
    """Return runs as one JSON document: F1 of all labels, and the runs of each strategy."""
    by_name: dict[str, Any] = {}
    for run in runs:
        entry = {
            "seed": run.seed,
            "full_f1": run.full_f1,
            "labels": list(run.labels),
            "f1": list(run.f1),
            "labels_to_95": run.labels_to_95,
            "labels_to_98": run.labels_to_98,
        }
        by_name.setdefault(run.strategy, {"runs": []})["runs"].append(entry)
    full = {run.seed: run.full_f1 for run in runs}
    return {
        "full_f1": float(np.mean(list(full.values()))),
        "strategies": by_name,
        "advice": advice(runs),
    }


def advice(runs: Sequence[Run]) -> str:
    """Say which strategy to choose, and how sure that is.

    Examples
    --------
    >>> runs = [Run("margin", s, 0.9, (20,), (0.9,), 20, 20) for s in range(3)]
    >>> runs += [Run("random", s, 0.9, (60 + s,), (0.9,), 60 + s, 60 + s) for s in range(3)]
    >>> advice(runs)
    'margin: 20 labels to 95% on average of 3 seeds, 41 fewer than random (3 of 3 seeds).'
    """
    needed: dict[str, dict[int, int]] = {}
    for run in runs:
        if run.labels_to_95 is not None:
            needed.setdefault(run.strategy, {})[run.seed] = run.labels_to_95
    seeds = {run.seed for run in runs}
    whole = {name: by_seed for name, by_seed in needed.items() if len(by_seed) == len(seeds)}
    if not whole:
        return "No strategy reached 95% with every seed; allow more labels with --most."
    ranked = sorted(whole, key=lambda name: (np.mean(list(whole[name].values())), name))
    best = ranked[0]
    average = np.mean(list(whole[best].values()))
    said = f"{best}: {average:.0f} labels to 95% on average of {len(seeds)} seeds"
    if len(ranked) < 2:
        return f"{said}; the others did not reach it with every seed."
    second = ranked[1]
    fewer = np.mean([whole[second][seed] - whole[best][seed] for seed in seeds])
    wins = sum(whole[best][seed] < whole[second][seed] for seed in seeds)
    if wins < len(seeds):
        return f"{said}; {second} is not clearly behind (better in {wins} of {len(seeds)} seeds)."
    return f"{said}, {fewer:.0f} fewer than {second} ({wins} of {len(seeds)} seeds)."
