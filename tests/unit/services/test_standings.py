"""What games say in words and numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from mlvajra_al.records import Game, Plan
from mlvajra_al.services import standings


def a_game(strategy: str, seed: int, to_95: int | None, *, full: float = 0.9) -> Game:
    return Game(strategy, seed, full, (10, to_95 or 90), (0.5, 0.9), to_95, None)


def games(needed: dict[str, list[int | None]]) -> list[Game]:
    return [
        a_game(name, seed, to_95)
        for name, reached in needed.items()
        for seed, to_95 in enumerate(reached)
    ]


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        (
            {"margin": [20, 30, 25], "random": [70, 60, 68]},
            "Choose margin: 25 ± 3 labels to 95%, 41 ± 6 fewer than random (mean of 3 seeds).",
        ),
        (
            {"margin": [20, 70, 30], "random": [70, 60, 65]},
            "Margin: 40 ± 15 labels to 95% (mean of 3 seeds). Random is not clearly behind; "
            "play more seeds to tell them apart.",
        ),
        (
            {"margin": [20, 22, 21], "auto": [21, 21, 22], "random": [70, 60, 65]},
            "Margin: 21 ± 1 labels to 95% (mean of 3 seeds). Auto is not clearly behind; "
            "play more seeds to tell them apart.",
        ),
        (
            {"margin": [20, 30, 25], "random": [70, None, None]},
            "Choose margin: 25 ± 3 labels to 95% (mean of 3 seeds); "
            "the others did not reach it with every seed.",
        ),
        (
            {"margin": [40, 60], "random": [40, None]},
            "Margin: 50 ± 10 labels to 95% (mean of 2 seeds). Random is not clearly behind; "
            "play more seeds to tell them apart.",
        ),
        (
            {"margin": [80, 80, 80], "auto": [20, 20, None], "random": [90, 90, 90]},
            "Margin: 80 ± 0 labels to 95% (mean of 3 seeds). Auto is not clearly behind; "
            "play more seeds to tell them apart.",
        ),
        (
            {"margin": [20, None], "random": [None, None]},
            "No strategy reached 95% with every seed; allow more labels.",
        ),
        (
            {"margin": [20], "random": [70]},
            "Margin: 20 labels to 95% (mean of 1 seed). Random is not clearly behind; "
            "play more seeds to tell them apart.",
        ),
        (
            {"margin": [20, 20, 20], "random": [30, 30, 30]},
            "Choose margin: 20 ± 0 labels to 95%, 10 ± 0 fewer than random (mean of 3 seeds).",
        ),
        (
            {"margin": [20, 20], "auto": [20, 20], "random": [20, 20]},
            "Auto: 20 ± 0 labels to 95% (mean of 2 seeds). Margin and random are not clearly "
            "behind; play more seeds to tell them apart.",
        ),
        (
            {"random": [20, 40, 30]},
            "Random: 30 ± 6 labels to 95% (mean of 3 seeds). Play another strategy to compare.",
        ),
        ({}, "No strategy reached 95% with every seed; allow more labels."),
    ],
)
def test_the_advice_says_how_sure_it_is(needed: dict[str, list[int | None]], said: str) -> None:
    assert standings.advice(games(needed)) == said


def test_a_strategy_that_was_cancelled_before_its_last_seed_is_compared_over_those_it_played() -> (
    None
):
    said = "Choose margin: 25 ± 3 labels to 95%, 41 ± 6 fewer than random (mean of 3 seeds)."
    both = {"margin": [20, 30, 25], "random": [70, 60, 68]}
    for further in both:
        played = games({name: [*those, *[21][: name == further]] for name, those in both.items()})
        assert standings.advice(played) == said, f"{further} has played a seed more"


def test_strategies_that_were_cancelled_before_they_shared_a_seed_are_not_compared() -> None:
    apart = [a_game("margin", 0, 20), a_game("random", 1, 70)]
    assert standings.advice(apart).startswith("No seed was played by every strategy")


def test_what_all_labels_hardly_teach_is_not_compared() -> None:
    poor = [replace(game, full_f1=0.217) for game in games({"vote_entropy": [10], "random": [10]})]
    guess = standings.guessed([(name, 40) for name in "abcde"], 200, multilabel=False)
    assert standings.advice(poor, guess=guess).startswith(
        "With all labels the model reaches F1 0.217, hardly more than guessing (0.200), so that"
    )
    assert standings.document(poor, guess=guess)["advice"] == standings.advice(poor, guess=guess)


def test_a_lead_of_few_seeds_must_be_as_large_as_its_interval() -> None:
    few = games({"vote_entropy": [20, 30, 25], "random": [30, 48, 26]})
    assert standings.advice(few).startswith("Vote entropy: 25 ± 3 labels to 95% (mean of 3 seeds)")
    assert "Random is not clearly behind" in standings.advice(few)


def test_with_many_seeds_no_more_are_asked_for() -> None:
    level = games({"margin": list(range(20, 50)), "random": list(range(49, 19, -1))})
    assert standings.advice(level).endswith("Random is not clearly behind.")


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        ([20, 30, 40], "30.0 ± 5.8"),
        ([20, 30, None], "not reached by 1 of 3"),
        ([20, None], "not reached by 1 of 2"),
        ([20], "20.0"),
        ([None, None], "not reached"),
        ([], "not reached"),
    ],
)
def test_labels_needed_come_with_their_error(reached: list[int | None], words: str) -> None:
    found = standings.needed(games({"margin": reached}), "margin", level=0.95)
    assert found.words == words


def test_the_second_level_counts_for_itself() -> None:
    found = standings.needed(games({"margin": [20]}), "margin", level=0.98)
    assert (found.mean, found.missed) == (None, 1)


def test_the_f1_of_all_labels_counts_each_seed_once() -> None:
    two = [
        a_game(name, seed, 20, full=full) for name in "ab" for seed, full in ((0, 0.8), (1, 1.0))
    ]
    assert standings.full_f1(two) == pytest.approx(0.9)
    assert standings.full_f1([]) is None


def test_games_are_put_in_the_order_of_the_plan() -> None:
    plan = Plan(("random", "auto"), seeds=2)
    mixed = [a_game("auto", 1, 1), a_game("random", 1, 1), a_game("auto", 0, 1)]
    assert [(game.strategy, game.seed) for game in standings.ordered(plan, mixed)] == [
        ("random", 1), ("auto", 0), ("auto", 1),
    ]  # fmt: skip


def test_the_document_has_a_list_of_runs_for_each_strategy() -> None:
    found = standings.document(games({"margin": [20, None], "random": [30, 40]}))
    assert {name: len(of["runs"]) for name, of in found["strategies"].items()} == {
        "margin": 2,
        "random": 2,
    }
    assert found["full_f1"] == pytest.approx(0.9)
    assert found["strategies"]["margin"]["runs"][1]["labels_to_95"] is None


def test_a_curve_has_the_mean_of_the_seeds_and_its_interval() -> None:
    low = Game("margin", 0, 0.9, (10, 20), (0.5, 0.7), None, None)
    high = Game("margin", 1, 0.9, (10, 20), (0.5, 0.9), 20, None)
    first, second = standings.curve([low, high, a_game("random", 0, 20)], "margin")
    assert (first.labels, first.mean, first.low, first.high) == (10, 0.5, 0.5, 0.5)
    assert (second.labels, second.mean, second.seeds) == (20, pytest.approx(0.8), 2)
    assert (second.low, second.high) == (0.0, 1.0), "two seeds tell little"


def test_a_game_that_ended_sooner_counts_on_with_its_last_f1() -> None:
    soon = Game("margin", 0, 0.9, (10,), (0.9,), 10, 10)
    late = Game("margin", 1, 0.9, (10, 20), (0.5, 0.7), None, None)
    assert [point.mean for point in standings.curve([soon, late], "margin")] == [
        pytest.approx(0.7),
        pytest.approx(0.8),
    ]


def test_one_seed_has_no_interval_and_no_game_no_curve() -> None:
    [point, _] = standings.curve([a_game("margin", 0, 20)], "margin")
    assert point.low == point.mean == point.high == 0.5
    assert standings.curve([], "margin") == ()


@pytest.mark.parametrize("freedom", [1, 2, 5, 9, 10, 19, 49])
def test_students_quantile_agrees_with_scipy(freedom: int) -> None:
    assert standings.student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=0.002)


def test_only_seeds_that_all_have_played_are_compared() -> None:
    plan = Plan(("margin", "random"), seeds=2)
    played = [a_game("margin", 0, 1), a_game("random", 0, 1), a_game("margin", 1, 1)]
    assert standings.level(plan, played) == played[:2]
    assert standings.level(plan, []) == []
