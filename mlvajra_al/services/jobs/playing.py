"""Play strategies against an oracle, several games at once; each is the same whoever plays it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import joblib
import numpy as np
from joblib.executor import MemmappingExecutor
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, MlvajraError, NotEnoughLabels
from mlvajra_al.learning import frames, pipeline, simulation
from mlvajra_al.learning.strategies import Ranking
from mlvajra_al.records import Game, Plan
from mlvajra_al.services.jobs import engine
from mlvajra_al.services.jobs.engine import Pulse
from mlvajra_al.services.jobs.oracles import Oracle
from mlvajra_al.services.standings import LEVELS

POOL = 0.7
"""Share of the samples that may be asked about; the others judge."""
LOOK_S = 0.2
LEAST_URGENT = 19


def play(
    oracle: Oracle,
    plan: Plan,
    *,
    done: Iterable[Game] = (),
    took: Callable[[Game], None],
    pulse: Pulse = lambda: None,
    processes: int = 0,
) -> str:
    """Play the games of a plan that are not done yet; `took` gets each as soon as it is over.

    Neither the number of processes nor a cluster changes a game. What `pulse` raises ends the
    playing within a second.

    Parameters
    ----------
    processes : int
        How many to play in; 0 for one a processor. 1 is this process.

    Returns
    -------
    str
        Why this machine played though a cluster was to; mostly empty.

    Raises
    ------
    Invalid
        If a game cannot be played.
    """
    match = _Match(oracle, plan, took, pulse, {(game.strategy, game.seed) for game in done})
    at_once = processes or os.cpu_count() or 1
    here = match.alone if at_once == 1 else partial(match.beside, at_once)
    return engine.run(match.together, here=here, pulse=match.look).note


@dataclass(frozen=True, slots=True)
class _Match:
    """The games of a plan, of which some are over."""

    oracle: Oracle
    plan: Plan
    took: Callable[[Game], None]
    pulse: Pulse
    over: set[tuple[str, int]]
    results: queue.SimpleQueue[Game | str] = field(default_factory=queue.SimpleQueue)

    def left(self) -> list[tuple[str, int]]:
        """Return the games that are not over."""
        return [game for game in self.plan.games if game not in self.over]

    def look(self) -> None:
        """Hand on what has come in."""
        while not self.results.empty():
            result = self.results.get()
            if isinstance(result, str):
                raise Invalid(result)
            if (result.strategy, result.seed) not in self.over:
                self.over.add((result.strategy, result.seed))
                self.took(result)
        self.pulse()

    def alone(self) -> None:
        """Play in this process."""
        for game in self.left():
            self.results.put(_played(self.oracle, self.plan, game, between=self.pulse))
            self.look()

    def beside(self, at_once: int) -> None:
        """Play in processes of this machine."""
        with leashed() as leash:
            try:
                engine.beside(partial(self.together, at_once, leash), pulse=self.look)
            finally:
                _end_players()

    def together(self, at_once: int | None = None, leash: Leash | None = None) -> None:
        """Play in other processes, on the machines that joblib is set to."""
        seats = joblib.Parallel(at_once, return_as="generator_unordered", batch_size=1)
        tasks = (
            joblib.delayed(_played)(self.oracle, self.plan, game, leash=leash)
            for game in self.left()
        )
        for result in seats(tasks):
            self.results.put(result)


def _end_players() -> None:
    """End the processes that play, and let go of the locks and the folder shared with them."""
    pool = get_reusable_executor(reuse=True, kill_workers=True)
    if isinstance(pool, MemmappingExecutor):
        pool.terminate(kill_workers=True)
    pool.shutdown(wait=True, kill_workers=True)


@dataclass(frozen=True, slots=True)
class Leash:
    """What a process that plays hangs on: its parent, and a file that is there while it may."""

    parent: int
    path: str
    niceness: int

    def hold(self) -> None:
        """End this process when the one that began it has gone or wants no more."""
        name = f"leash {self.path}"
        if os.getpid() == self.parent or name in {one.name for one in threading.enumerate()}:
            return
        if self.niceness and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, 0, self.niceness)
        threading.Thread(target=self._watch, name=name, daemon=True).start()

    def _watch(self) -> None:
        while os.getppid() == self.parent and Path(self.path).exists():
            time.sleep(LOOK_S)
        os._exit(0)


@contextmanager
def leashed() -> Iterator[Leash]:
    """Let processes of ours play until the end of this."""
    with NamedTemporaryFile(prefix="mlvajra-play-") as file:
        niceness = LEAST_URGENT if settings().worker_nice else 0
        yield Leash(os.getpid(), file.name, niceness)


def _played(
    oracle: Oracle,
    plan: Plan,
    game: tuple[str, int],
    *,
    leash: Leash | None = None,
    between: Pulse = lambda: None,
) -> Game | str:
    """Play a game; an error of ours comes back as its sentence, which every process can read."""
    if leash is not None:
        leash.hold()
    try:
        return one_game(oracle, plan, game, between=between)
    except MlvajraError as error:
        return str(error)


@lru_cache(maxsize=2)
def dealt(oracle: Oracle, seed: int) -> tuple[simulation.Split, float]:
    """Return what a seed deals to every strategy: features and labels, and the F1 of all labels."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(oracle.labels))
    n = round(len(order) * POOL)
    asked, judging = (frames.to_frame(oracle.samples.take(rows), oracle.recipe)
                      for rows in (order[:n], order[n:]))  # fmt: skip
    preprocessing = pipeline.build_preprocessing(oracle.recipe).fit(asked)
    parts = simulation.Split(
        pipeline.transform(preprocessing, asked),
        oracle.answers[order[:n]],
        pipeline.transform(preprocessing, judging),
        oracle.answers[order[n:]],
    )
    try:
        full = simulation.full_score(parts, _fit(oracle, seed), _score(oracle))
    except NotEnoughLabels as error:
        seen = ", ".join(map(repr, error.seen)) or "without any label"
        raise Invalid(
            f"with seed {seed} all {n} samples that may be asked are {seen}; "
            "bring more samples with other labels"
        ) from error
    if not full > 0:
        raise Invalid(
            f"with seed {seed} a model that was told all {n} answers is right about no label of "
            "the others, so there is nothing to reach; bring more samples, or labels that more "
            "samples have"
        )
    return parts, full


def _fit(oracle: Oracle, seed: int) -> simulation.Fit:
    return simulation.by_estimator(oracle.recipe.estimator, seed=seed, multilabel=oracle.multilabel)


def _score(oracle: Oracle) -> simulation.Score:
    return simulation.micro_f1 if oracle.multilabel else simulation.macro_f1


def one_game(
    oracle: Oracle, plan: Plan, game: tuple[str, int], *, between: Pulse = lambda: None
) -> Game:
    """Play one strategy with one seed; `between` is called after each round."""
    strategy, seed = game
    with threadpool_limits(1), joblib.parallel_config(backend="sequential"):
        parts, full = dealt(oracle, seed)
        curve = list(_until(
            simulation.rounds(
                parts, _at_most(plan.most, simulation.by_strategy(strategy)),
                fit=_fit(oracle, seed), score=_score(oracle),
                batch_size=plan.batch_size, rng=np.random.default_rng(seed),
            ),
            plan.most, max(LEVELS) * full, between=between,
        ))  # fmt: skip
    reached = [simulation.labels_to(curve, level * full) for level in LEVELS]
    labels = tuple(one.labels for one in curve)
    return Game(strategy, seed, full, labels, tuple(one.score for one in curve), *reached)


def _at_most(most: int, ask: simulation.Ask) -> simulation.Ask:
    """Let a strategy ask for no more labels in all, in a last batch that is smaller."""

    def asked(turn: simulation.Turn) -> Ranking:
        size = min(turn.batch_size, most - len(turn.labelled))
        return ask(replace(turn, batch_size=size))

    return asked


def _until(
    curve: Iterator[simulation.Round], most: int, enough: float, *, between: Pulse
) -> Iterator[simulation.Round]:
    for one in curve:
        yield one
        if one.labels >= most or one.score >= enough:
            return
        between()
