"""Which samples to ask about: a utility per sample, higher = ask first, and a selector.

To add a strategy, write a utility (probabilities in, one number a sample out) or a selector,
and put both into `STRATEGIES`; the contract tests run over every entry.

References
----------
.. [1] B. Settles, "Active Learning Literature Survey", TR 1648, UW-Madison, 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlvajra_al.errors import Invalid, PoolExhausted
from mlvajra_al.learning import borrowed
from mlvajra_al.learning.committees import (
    consensus_entropy,
    disagreement,
    has_members,
    members,
    opinions,
    vote_entropy,
)
from mlvajra_al.learning.doubts import binary_doubt, loss_reduction, mean_doubt, unusual_count
from mlvajra_al.learning.guessing import try_out
from mlvajra_al.learning.multilabel import is_multilabel
from mlvajra_al.learning.neighbours import heeding
from mlvajra_al.learning.rarity import rare, searching
from mlvajra_al.learning.refitting import expected_error
from mlvajra_al.learning.rows import require_numbers, take
from mlvajra_al.learning.scanning import length, scan
from mlvajra_al.learning.selectors import (
    Choice,
    Known,
    Positions,
    Utilities,
    cold_start,
    dense,
    focused,
    highest,
    ranked,
    spread,
    typical,
)
from mlvajra_al.learning.sharpening import sharpen
from mlvajra_al.learning.stages import choose, choose_of_several
from mlvajra_al.learning.utilities import (
    bare,
    entropy,
    is_quick,
    least_confident,
    margin,
    responder,
)
from mlvajra_al.words import not_installed, strategy_words

Utility = Callable[[NDArray[Any]], NDArray[Any]]
Selector = Callable[[Choice, int, np.random.Generator], Positions]
Needs = Literal["nothing", "features", "model", "labels", "committee"]
"""What a strategy looks at: "labels" and "committee" want the model, and the labels so far."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One utility and one selector, and what they need.

    A strategy is a `query_strategy` of modAL as it is.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from mlvajra_al.learning.learner import IncrementalLearner
    >>> X, y = np.array([[-3.0], [-0.1], [0.2], [4.0]]), np.array(["a", "a", "b", "b"])
    >>> learner = IncrementalLearner(LogisticRegression(), STRATEGIES["margin"],
    ...                              X_training=X, y_training=y, random_state=0)
    >>> positions, rows = learner.query(X, n_instances=2)
    >>> positions.tolist(), rows.tolist()
    ([2, 1], [[0.2], [-0.1]])
    """

    utility: Utility | None
    selector: Selector
    needs: Needs

    def __call__(
        self,
        model: Any,
        X_pool: Any,
        n_instances: int = 1,
        *,
        rng: np.random.Generator | None = None,
    ) -> Positions:
        """Return the positions in the pool that modAL asks for.

        modAL's own learners pass no source of chance; then no batch can be repeated.
        """
        plans = (*STRATEGIES.items(), *MULTILABEL.items())
        name = next(key for key, plan in plans if plan is self)
        chance = np.random.default_rng() if rng is None else rng
        return select_batch(model, X_pool, strategy=name, batch_size=n_instances, rng=chance)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order they should be asked, as successive batches."""

    positions: Positions
    utilities: Utilities
    strategy: str
    reason: str = ""
    """Why the batch is asked by this strategy, in a sentence."""


STRATEGIES: dict[str, Strategy] = {
    "diversified_margin": Strategy(margin, heeding(spread, margin), "model"),
    "focused_margin": Strategy(margin, heeding(focused, margin), "model"),
    "margin": Strategy(margin, highest, "model"),
    "least_confident": Strategy(least_confident, highest, "model"),
    "entropy": Strategy(entropy, highest, "model"),
    "information_density": Strategy(entropy, dense, "model"),
    "ranked_batch": Strategy(least_confident, ranked, "model"),
    "vote_entropy": Strategy(vote_entropy, highest, "committee"),
    "consensus_entropy": Strategy(consensus_entropy, highest, "committee"),
    "disagreement": Strategy(disagreement, highest, "committee"),
    "expected_error": Strategy(margin, expected_error, "labels"),
    "rare_label": Strategy(margin, rare, "labels"),
    "unseen_label": Strategy(margin, searching(heeding(spread, margin)), "model"),
    "typiclust": Strategy(None, typical, "features"),
    "cold_start": Strategy(None, cold_start, "features"),
    "random": Strategy(None, highest, "nothing"),
}

if borrowed.installed():
    STRATEGIES["prob_cover"] = Strategy(None, borrowed.prob_cover, "features")

MULTILABEL: dict[str, Strategy] = {
    "diversified_doubt": Strategy(binary_doubt, heeding(spread, binary_doubt), "model"),
    "focused_doubt": Strategy(binary_doubt, heeding(focused, binary_doubt), "model"),
    "binary_doubt": Strategy(binary_doubt, highest, "model"),
    "mean_doubt": Strategy(mean_doubt, highest, "model"),
    "loss_reduction": Strategy(mean_doubt, loss_reduction, "labels"),
    "unusual_count": Strategy(mean_doubt, unusual_count, "labels"),
    "unseen_label": Strategy(binary_doubt, searching(heeding(spread, binary_doubt)), "model"),
    **{name: STRATEGIES[name] for name in ("typiclust", "cold_start", "random")},
}
"""The strategies of projects where a sample may have several labels."""


def known_for(model: Any) -> dict[str, Strategy]:
    """Return the strategies that understand a model's answers; without a model, all.

    Examples
    --------
    >>> from mlvajra_al.learning.multilabel import OneVsRest
    >>> "margin" in known_for(OneVsRest()), "random" in known_for(OneVsRest())
    (False, True)
    """
    if model is None:
        return MULTILABEL | STRATEGIES
    return MULTILABEL if is_multilabel(model) else STRATEGIES


def needs_model(strategy: str) -> bool:
    """Tell whether a strategy cannot ask before there is a model.

    Examples
    --------
    >>> needs_model("margin"), needs_model("typiclust"), needs_model("auto")
    (True, False, False)
    """
    plan = known_for(None).get(strategy)
    return plan is not None and plan.needs not in ("nothing", "features")


def before_a_model(strategy: str) -> str:
    """Return what asks in the place of a strategy while there is no model.

    Examples
    --------
    >>> before_a_model("margin"), before_a_model("typiclust")
    ('cold_start', 'typiclust')
    """
    return "cold_start" if needs_model(strategy) else strategy


def select_batch(
    model: Any,
    X_pool: Any,
    *,
    strategy: str = "auto",
    batch_size: int = 10,
    rng: np.random.Generator,
    labelled: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    label_set: Sequence[Any] = (),
) -> Positions:
    """Pick the samples of the pool whose labels would teach the model most.

    Parameters
    ----------
    model : classifier with predict_proba or decision_function, or None
        Without a model, `auto` picks a first batch.
    X_pool : ndarray or sparse matrix of shape (n_pool, n_features)
        Or whatever the model's ``predict_proba`` takes.
    strategy : str
        A key of `STRATEGIES`, or "auto".
    batch_size : int
    rng : numpy.random.Generator
        Breaks ties; seed it to reproduce a batch.
    labelled : array_like of int, optional
        Positions in `X_pool` that are not to be picked.
    labels : array_like, optional
        The labels of `labelled`, for strategies that try labels out or fit a committee; a
        modAL learner brings what it was taught.
    label_set : sequence
        All labels there are: `auto` looks for those without an example.

    Returns
    -------
    ndarray of int, shape (batch_size,)
        Positions in `X_pool`, most informative first.

    Raises
    ------
    PoolExhausted
        If `batch_size` exceeds the pool.
    Invalid
        If there is no such strategy, it needs a model or labels and there are none,
        `batch_size` is below 0, `labelled` is a mask, or sparse rows hold NaN or infinity.

    Examples
    --------
    >>> X = np.array([[-3.0], [-0.1], [0.2], [4.0]])
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> select_batch(model, X, strategy="margin", batch_size=2, rng=np.random.default_rng(0),
    ...              labelled=[3]).tolist()
    [2, 1]
    """
    return rank(
        model, X_pool, np.arange(length(X_pool)), strategy=strategy, batch_size=batch_size,
        n=batch_size, rng=rng, labelled=labelled, labels=labels, label_set=label_set,
    ).positions  # fmt: skip


def rank(
    model: Any,
    X: Any,
    candidates: Positions,
    *,
    strategy: str = "auto",
    batch_size: int,
    n: int,
    rng: np.random.Generator,
    labelled: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    label_set: Sequence[Any] = (),
) -> Ranking:
    """Put the best `n` candidates in the order they should be asked, as successive batches.

    Parameters
    ----------
    model, X, rng
        As in `select_batch`, like all that is not described.
    strategy : str
    labelled, labels : array_like, optional
    label_set : sequence
    candidates : ndarray of int
        Positions in `X` that may be asked, but for those that are `labelled`.
    batch_size : int
        Answers until the next retrain: within a batch samples are spread out.
    n : int

    Returns
    -------
    Ranking

    Raises
    ------
    PoolExhausted, Invalid
        As in `select_batch`, of `n` too.

    Examples
    --------
    >>> X = np.array([[-3.0], [-0.1], [0.3], [4.0]])
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    >>> found = rank(model, X, np.array([0, 1, 3]), batch_size=1, n=2, rng=np.random.default_rng(0))
    >>> found.positions.tolist(), found.strategy
    ([1, 0], 'focused_margin')
    """
    _check(X, n, batch_size)
    candidates = _unlabelled(candidates, labelled, length(X))
    known = _known(model, X, labelled, labels)
    plan = _plan(strategy, model, known)
    if n > len(candidates):
        raise PoolExhausted(available=len(candidates), requested=n)
    utilities = _utilities(plan, model, X, candidates, known=known, rng=rng)
    choice = Choice(X, candidates, utilities, max(batch_size, 1), known, model)
    because = f"By {strategy_words(strategy)}, as the project wants it."
    if strategy == "auto":
        strategy, because, choice = _adapted(choice, label_set, rng=rng)
        plan = known_for(model)[strategy]
    places = _picked(plan, choice, n, rng=rng)
    return Ranking(candidates[places], choice.utilities[places], strategy, because)


def _adapted(
    choice: Choice, label_set: Sequence[Any], *, rng: np.random.Generator
) -> tuple[str, str, Choice]:
    """Return what `auto` stands for, a sentence that says why, and the choice as it looks then."""
    model, known = choice.model, choice.known
    name, because = _choose(choice, label_set, rng=rng)
    plan = known_for(model)[name]
    if plan.utility is None and model is not None:
        utilities = _utilities(plan, model, choice.X, choice.candidates, known=known, rng=rng)
        choice = replace(choice, utilities=utilities)
    return name, because, choice


def _choose(
    choice: Choice, label_set: Sequence[Any], *, rng: np.random.Generator
) -> tuple[str, str]:
    model, known, size = choice.model, choice.known, choice.batch_size
    if is_multilabel(model):
        seen = np.asarray(bare(model).classes_).tolist()
        return choose_of_several(
            choice.utilities, batch_size=size, seen=seen, label_set=label_set, answers=len(known)
        )
    doubts = None if model is None else choice.utilities
    trial = None if model is None else try_out(model, known, rng=rng.spawn(1)[0])
    return choose(doubts, batch_size=size, labels=known.labels, label_set=label_set, trial=trial)


def _picked(plan: Strategy, choice: Choice, n: int, *, rng: np.random.Generator) -> Positions:
    """Return the places of what a strategy picks; utilities that decide are made exact before."""
    if plan.utility is not None and plan.needs != "committee" and is_quick(choice.model, choice.X):
        sharpen(plan.utility, choice, n)
    return plan.selector(choice, n, rng)


def _check(X: Any, n: int, batch_size: int) -> None:
    for what, value in (("n", n), ("batch_size", batch_size)):
        if value < 0:
            raise Invalid(f"{what} is {value} but must be 0 or more; say how many to pick")
    require_numbers(X)


def _unlabelled(candidates: ArrayLike, labelled: ArrayLike | None, n: int) -> Positions:
    positions = np.asarray(candidates, dtype=np.intp)
    if labelled is None:
        return positions
    if np.asarray(labelled).dtype == bool:  # read as the positions 0 and 1 otherwise
        raise Invalid("labelled is a mask, but must be positions: pass np.flatnonzero(labelled)")
    taken = np.zeros(n, dtype=bool)
    taken[np.asarray(labelled, dtype=np.intp)] = True
    return positions[~taken[positions]]


def _known(model: Any, X: Any, labelled: ArrayLike | None, labels: ArrayLike | None) -> Known:
    """Return what is labelled; without labels given, what a modAL learner was taught."""
    positions = np.asarray([] if labelled is None else labelled, dtype=np.intp)
    told = None if labels is None else np.asarray(labels)
    if told is not None and len(told) != len(positions):
        raise Invalid(
            f"{len(positions)} samples are labelled but {len(told)} labels came with them; "
            "pass one label for each"
        )
    if told is None and getattr(model, "X_training", None) is not None:
        return Known(model.X_training, np.asarray(model.y_training))
    return Known(take(X, positions), told) if len(positions) else Known()


def _plan(name: str, model: Any, known: Known) -> Strategy:
    """Return a strategy that can ask as things are; of `auto` the one it looks by at first."""
    plans = known_for(model)
    if name == "auto":
        doubtful = "binary_doubt" if is_multilabel(model) else "margin"
        return plans["cold_start" if model is None else doubtful]
    if name in borrowed.NAMES and name not in plans and not borrowed.installed():
        raise Invalid(not_installed(name))
    if name not in plans:
        given = ", ".join(["auto", *plans])
        raise Invalid(f"there is no strategy {name!r} here; choose one of: {given}")
    plan = plans[name]
    if needs_model(name) and model is None:
        raise Invalid(f"strategy {name!r} needs a fitted model; use 'auto' or 'random' before")
    alone = plan.needs == "committee" and has_members(model)
    if plan.needs in ("labels", "committee") and known.labels is None and not alone:
        raise Invalid(
            f"strategy {name!r} fits models of its own; pass the labels so far "
            "(labelled= and labels=) or a learner that was taught them"
        )
    return plan


def _utilities(
    plan: Strategy,
    model: Any,
    X: Any,
    candidates: Positions,
    *,
    known: Known,
    rng: np.random.Generator,
) -> Utilities:
    utility = plan.utility
    if utility is None:
        return rng.random(len(candidates))
    if plan.needs != "committee":
        answer = responder(model, X)
        return scan(lambda rows: utility(answer(rows)), model, X, candidates)
    committee = members(model, known.rows, known.labels, rng=rng)
    return scan(lambda rows: utility(opinions(committee, rows)), committee[0], X, candidates)
