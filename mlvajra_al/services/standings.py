"""What the games of a simulation say: labels needed, with errors, and which strategy to choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

from mlvajra_al.records import Game, Plan, Run
from mlvajra_al.words import strategy_words

LEVELS = (0.95, 0.98)
"""Shares of the F1 that all labels reach."""
SMALL = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t for few degrees of freedom, where the expansion is not good enough."""
BEATS = 1.2
"""So many times the F1 of guessing all labels must reach, or there is nothing to be compared."""
MANY_SEEDS = 30
"""With so many, strategies that cannot be told apart are as good as each other."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Labels to a level: their mean over seeds with its standard error, and seeds that failed.

    `mean` is None where any failed: of the others alone it would be too good; `error` needs two.
    """

    mean: float | None
    error: float | None
    missed: int
    seeds: int

    @property
    def words(self) -> str:
        """The number as a person reads it."""
        if self.mean is None:
            some = 0 < self.missed < self.seeds
            return f"not reached by {self.missed} of {self.seeds}" if some else "not reached"
        return f"{self.mean:.1f}" if self.error is None else f"{self.mean:.1f} ± {self.error:.1f}"


@dataclass(frozen=True, slots=True)
class Point:
    """Mean F1 of a strategy after so many labels, with the 95% interval of that mean.

    With one seed there is no interval: both ends are the value.
    """

    labels: int
    mean: float
    low: float
    high: float
    seeds: int


def curve(games: Sequence[Game], strategy: str) -> tuple[Point, ...]:
    """Return the learning curve of a strategy.

    A game that ended sooner than others counts on with the F1 it ended with.
    """
    mine = [game for game in games if game.strategy == strategy]
    longest = max(mine, key=lambda game: len(game.labels), default=None)
    if longest is None:
        return ()
    return tuple(
        _point(labels, [game.f1[min(place, len(game.f1) - 1)] for game in mine])
        for place, labels in enumerate(longest.labels)
    )


def _point(labels: int, values: Sequence[float]) -> Point:
    mean, half = fmean(values), 0.0
    if len(values) > 1:
        half = student(len(values) - 1) * stdev(values) / len(values) ** 0.5
    return Point(labels, mean, max(0.0, mean - half), min(1.0, mean + half), len(values))


def student(freedom: int) -> float:
    """Return the 97.5% quantile of Student's t, good to 0.002.

    References
    ----------
    .. [1] M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.7.5, 1964.

    Examples
    --------
    >>> student(4), round(student(19), 2)
    (2.776, 2.09)
    """
    if freedom <= len(SMALL):
        return SMALL[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def ordered(plan: Plan, games: Iterable[Game]) -> list[Game]:
    """Return games by strategy and seed, in the order of the plan."""
    place = {name: number for number, name in enumerate(plan.strategies)}
    return sorted(games, key=lambda game: (place[game.strategy], game.seed))


def level(plan: Plan, games: Sequence[Game]) -> list[Game]:
    """Return the games of seeds that every strategy has played: only these compare fairly."""
    return _of_seeds_played_by(len(plan.strategies), games)


def _of_seeds_played_by(strategies: int, games: Sequence[Game]) -> list[Game]:
    played = Counter(game.seed for game in games)
    return [game for game in games if played[game.seed] == strategies]


def needed(games: Sequence[Game], strategy: str, *, level: float) -> Needed:
    """Return how many labels a strategy needed to a share of what all labels reach."""
    mine = [_reached(game, level) for game in games if game.strategy == strategy]
    known = [labels for labels in mine if labels is not None]
    missed = len(mine) - len(known)
    return Needed(
        mean=fmean(known) if known and not missed else None,
        error=stdev(known) / len(known) ** 0.5 if len(known) > 1 and not missed else None,
        missed=missed,
        seeds=len(mine),
    )


def _reached(game: Game, level: float) -> int | None:
    return game.labels_to_95 if level == LEVELS[0] else game.labels_to_98


def document(games: Sequence[Game], *, guess: float = 0.0) -> dict[str, Any]:
    """Return games as one JSON document: F1 of all labels, and the games of each strategy.

    `guess` is the F1 of guessing.
    """
    by_name: dict[str, Any] = {}
    for game in games:
        entry = {
            "seed": game.seed,
            "full_f1": game.full_f1,
            "labels": list(game.labels),
            "f1": list(game.f1),
            "labels_to_95": game.labels_to_95,
            "labels_to_98": game.labels_to_98,
        }
        by_name.setdefault(game.strategy, {"runs": []})["runs"].append(entry)
    said = advice(games, guess=guess) if games else None
    return {"full_f1": full_f1(games), "strategies": by_name, "advice": said}


def full_f1(games: Sequence[Game]) -> float | None:
    """Return the F1 that all labels reach, on average of the seeds; None without a game."""
    full = {game.seed: game.full_f1 for game in games}
    return fmean(full.values()) if full else None


def guessed(labels: Sequence[tuple[str, int]], samples: int, *, multilabel: bool) -> float:
    """Return the F1 of somebody who guesses and knows how often each label is given.

    Macro F1 is a share for each label whichever way one guesses. Micro F1 is best for who gives
    every sample all labels.

    Examples
    --------
    >>> guessed([("ham", 30), ("spam", 10)], 40, multilabel=False)
    0.5
    >>> round(guessed([("money", 10), ("sport", 10)], 40, multilabel=True), 2)
    0.4
    """
    if not multilabel:
        return 1 / len(labels)
    share = sum(count for _, count in labels) / (samples * len(labels))
    return 2 * share / (1 + share)


def guess_of(run: Run) -> float:
    """Return the F1 of guessing on what a run is played on; 0 before that is known."""
    facts = run.facts
    if facts is None:
        return 0.0
    return guessed(facts.labels, facts.samples, multilabel=run.scenario.multilabel)


def advice(games: Sequence[Game], *, guess: float = 0.0) -> str:
    """Say which strategy to choose, and how sure that is.

    One is called better where the 95% interval of its lead over the same seeds is above 0; of a
    run that was cancelled, over those that all have played. Where all labels hardly reach more than
    a `guess`, 95% of it says nothing.

    Examples
    --------
    >>> games = [Game("margin", s, 0.9, (20,), (0.9,), 20 + s, 20) for s in range(3)]
    >>> games += [Game("random", s, 0.9, (60,), (0.9,), 60 + 3 * s, 60) for s in range(3)]
    >>> advice(games)
    'Choose margin: 21 ± 1 labels to 95%, 42 ± 1 fewer than random (mean of 3 seeds).'
    """
    full = full_f1(games)
    if full is not None and full < BEATS * guess:
        return (
            f"With all labels the model reaches F1 {full:.3f}, hardly more than guessing "
            f"({guess:.3f}), so that nothing can be compared; let it see other columns, choose "
            "another estimator, or check the labels."
        )
    played, games = games, _of_seeds_played_by(len({game.strategy for game in games}), games)
    if played and not games:
        return "No seed was played by every strategy, so that they cannot be compared; play again."
    return _choice(games)


def _choice(games: Sequence[Game]) -> str:
    """Say which strategy to choose, of games of the same seeds each."""
    seeds = {game.seed for game in games}
    cost = _at_least(games)
    reached = Counter(game.strategy for game in games if game.labels_to_95 is not None)
    whole = [name for name in cost if reached[name] == len(seeds)]
    if not whole:
        return "No strategy reached 95% with every seed; allow more labels."
    best, *others = sorted(whole, key=lambda name: (fmean(cost[name].values()), name))
    said = f"{strategy_words(best)}: {_mean(list(cost[best].values()))} labels to 95%"
    over = f"(mean of {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'})"
    if len(cost) < 2:
        return f"{_begin(said)} {over}. Play another strategy to compare."
    ahead = {name: [n - cost[best][seed] for seed, n in cost[name].items()] for name in cost}
    rivals = [*others, *(name for name in cost if name not in whole)]
    level = [name for name in rivals if not _clear(ahead[name])]
    if level:
        return f"{_begin(said)} {over}. {_not_behind(level, len(seeds))}"
    if not others:
        return f"Choose {said} {over}; the others did not reach it with every seed."
    return (
        f"Choose {said}, {_mean(ahead[others[0]])} fewer than {strategy_words(others[0])} {over}."
    )


def _at_least(games: Sequence[Game]) -> dict[str, dict[int, int]]:
    """Return the labels to 95% by strategy and seed; where it was not reached, all that were given.

    It needed more than these, so that number stands for the least.
    """
    cost: dict[str, dict[int, int]] = {}
    for game in games:
        labels = game.labels[-1] if game.labels_to_95 is None else game.labels_to_95
        cost.setdefault(game.strategy, {})[game.seed] = labels
    return cost


def _begin(sentence: str) -> str:
    return f"{sentence[0].upper()}{sentence[1:]}"


def _not_behind(names: Sequence[str], seeds: int) -> str:
    are = "is" if len(names) == 1 else "are"
    more = "" if seeds >= MANY_SEEDS else "; play more seeds to tell them apart"
    return _begin(f"{' and '.join(map(strategy_words, names))} {are} not clearly behind{more}.")


def _clear(ahead: Sequence[int]) -> bool:
    """Tell whether differences over the same seeds are no accident."""
    if len(ahead) < 3:
        return False
    error = stdev(ahead) / len(ahead) ** 0.5
    return bool(fmean(ahead) > student(len(ahead) - 1) * max(error, 1e-9))


def _mean(values: Sequence[int]) -> str:
    if len(values) < 2:
        return f"{fmean(values):.0f}"
    return f"{fmean(values):.0f} ± {stdev(values) / len(values) ** 0.5:.0f}"
