"""Which of two versions is better, and how often chance alone may say so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from mlvajra_al.learning.comparison import COMPARISONS, ERROR, allowed, compare, spending
from mlvajra_al.learning.metrics import macro_f1
from mlvajra_al.records import Verdict

HAM_SPAM = ["ham", "spam"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def guesses(confusion_of: np.ndarray) -> np.ndarray:
    return np.where(np.arange(2) == confusion_of[:, None], 0.9, 0.1)


def answered(both: int, old: int, new: int, neither: int) -> tuple[np.ndarray, ...]:
    """Return labels and the answers of models right on so many: both, only one, none."""
    n = both + old + new + neither
    truth = np.arange(n) % 2
    right_old = np.repeat([True, True, False, False], [both, old, new, neither])
    right_new = np.repeat([True, False, True, False], [both, old, new, neither])
    return (
        np.array(HAM_SPAM)[truth],
        guesses(np.where(right_old, truth, 1 - truth)),
        guesses(np.where(right_new, truth, 1 - truth)),
    )


def judged(
    y: np.ndarray, old: np.ndarray, new: np.ndarray, *, alpha: float | None = 0.001
) -> Verdict:
    return compare(y, old, new, HAM_SPAM, rng=rng(), alpha=alpha, champion=3, challenger=5)


def compared(
    both: int, old: int, new: int, neither: int, *, alpha: float | None = 0.001
) -> Verdict:
    """Compare models that are right on this many samples: both, only one, none."""
    return judged(*answered(both, old, new, neither), alpha=alpha)


def test_a_clearly_better_challenger_is_promoted_in_plain_words() -> None:
    verdict = compared(80, 0, 14, 6)
    assert verdict.better and verdict.p_value == pytest.approx(0.5**14)
    assert verdict.advice.startswith("promote version 5: version 5 is right on 14 samples")
    assert verdict.difference.low > 0
    assert verdict.challenger_value > verdict.champion_value


def test_a_worse_challenger_is_not_promoted() -> None:
    verdict = compared(80, 14, 0, 6)
    assert not verdict.better
    assert verdict.advice.startswith("keep version 3")
    assert verdict.difference.high < 0


def test_one_that_is_right_more_often_by_giving_a_rare_label_up_is_behind_not_too_close() -> None:
    y = np.array(["ham"] * 570 + ["spam"] * 30)
    finds_some = np.repeat([0, 1, 0], [500, 95, 5])
    verdict = judged(y, guesses(finds_some), guesses(np.zeros(600, dtype=int)))
    assert not verdict.better and verdict.p_value < 0.001 and verdict.difference.high < 0
    assert verdict.advice == (
        "keep version 3: version 5 is right on 70 samples where version 3 is wrong, and wrong on "
        "25 where it is right, but its F1 (spam) is lower"
    )


def test_equals_are_too_close_to_say() -> None:
    verdict = compared(90, 3, 4, 3)
    assert not verdict.better and "too close to say" in verdict.advice
    assert verdict.difference.low < 0 < verdict.difference.high


def test_identical_answers_differ_by_nothing() -> None:
    verdict = compared(95, 0, 0, 5)
    assert verdict.p_value == 1.0 and verdict.difference.value == 0.0
    assert not verdict.better


def test_too_few_samples_are_too_few_to_compare() -> None:
    verdict = compared(10, 0, 4, 1)
    assert verdict.advice == "too few to say: 5 more samples needed"
    assert verdict.p_value is None and not verdict.better and verdict.difference.value is None
    empty = compare([], np.empty((0, 2)), np.empty((0, 2)), HAM_SPAM, rng=rng(), alpha=0.05,
                    champion=1, challenger=2)  # fmt: skip
    assert empty.n == 0 and empty.difference.value is None


def test_many_labels_are_compared_too() -> None:
    labels = [str(i) for i in range(10)]
    truth = np.arange(300) % 10
    worse = np.where(np.arange(300) < 60, (truth + 1) % 10, truth)
    verdict = compare(truth.astype(str), np.eye(10)[worse], np.eye(10)[truth], labels, rng=rng(),
                      alpha=0.001, champion=1, challenger=2)  # fmt: skip
    assert verdict.metric == "macro F1" and verdict.better
    assert verdict.difference.low > 0.1


@pytest.mark.parametrize("k", [5, 6, 12])
def test_that_two_agree_on_a_few_samples_of_many_labels_does_not_prove_that_they_always_do(
    k: int,
) -> None:
    labels = [f"{place:02}" for place in range(k)]
    truth = np.arange(10 * k) % k
    answers = np.eye(k)[np.where(np.arange(10 * k) % 7, truth, 0)]
    found = compare(np.array(labels)[truth], answers, answers, labels, rng=rng(), alpha=0.001,
                    champion=1, challenger=2)  # fmt: skip
    low, high = found.difference.low, found.difference.high
    assert low is not None and high is not None and low < -0.2 / k**1.5 and high > 0.2 / k**1.5


def promotes(compared_each_time: int, *, projects: int = 300, retrains: int = 60) -> float:
    """Return the share of projects in which one of two equal models is promoted by chance.

    The two disagree on every tenth holdout sample; the holdout grows by 8 labels a retrain, and
    the versions are compared so many times a retrain, each time on other labels.
    """
    generator, found = rng(11), 0
    looks = retrains * compared_each_time
    n = 1 + np.arange(looks) * 8 // compared_each_time
    for _ in range(projects):
        flips = generator.random(n[-1] + 1) < 0.1
        wins = np.cumsum(flips & (generator.random(len(flips)) < 0.5))
        total = np.cumsum(flips)
        p = binom.sf(wins[n] - 1, total[n], 0.5)
        found += bool((p <= np.array([spending(k) for k in range(1, looks + 1)])).any())
    return found / projects


@pytest.mark.parametrize("compared_each_time", [1, 3, 10])
def test_however_often_one_looks_an_equal_challenger_is_promoted_in_at_most_5_projects_of_100(
    compared_each_time: int,
) -> None:
    assert promotes(compared_each_time) <= ERROR


def test_five_percent_at_each_look_would_promote_it_in_more_than_ten_projects_of_100(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "spending", lambda _: ERROR)
    assert promotes(1) > 0.1


def test_all_comparisons_together_may_spend_five_percent() -> None:
    assert sum(spending(k) for k in range(200)) == pytest.approx(ERROR)
    assert spending(0) == spending(COMPARISONS + 1) == 0
    assert spending(COMPARISONS) > 0


def test_when_all_is_spent_the_numbers_are_told_and_a_person_decides() -> None:
    verdict = compared(80, 0, 14, 6, alpha=spending(COMPARISONS + 1))
    assert not verdict.better
    assert verdict.advice == (
        "version 5 is ahead here (p below 0.001): version 5 is right on 14 samples where version 3 "
        "is wrong, and wrong on 0 where it is right; you decide: after 50 comparisons of this "
        "project nothing is left of the 5% chance of a false promotion that they share"
    )


def test_equals_are_too_close_to_say_when_all_is_spent_too() -> None:
    advice = compared(90, 3, 4, 3, alpha=spending(COMPARISONS + 1)).advice
    assert advice.startswith("too close to say: ") and "you decide: after 50 comparisons" in advice


def test_a_lead_below_the_proof_of_many_retrains_is_told_as_one() -> None:
    verdict = compared(22, 0, 8, 0)
    assert not verdict.better
    assert verdict.advice == (
        "version 5 is ahead here, but below the proof that a project with many retrains asks for "
        "(p = 0.004, needed 0.001); more answers about held out samples may bring it: version 5 is "
        "right on 8 samples where version 3 is wrong, and wrong on 0 where it is right"
    )


def test_against_a_champion_that_nobody_chose_plain_proof_is_enough() -> None:
    verdict = compared(22, 0, 8, 0, alpha=allowed(0, chosen=False))
    assert verdict.better and verdict.alpha == ERROR
    assert verdict.advice.startswith("promote version 5: ")
    assert not compared(22, 1, 4, 3, alpha=allowed(0, chosen=False)).better, "p = 0.19"


def falsely_replaced(*, projects: int = 400, looks: int = 60) -> tuple[float, float]:
    """Return in what share of projects a first, and in which a chosen champion falls by chance.

    The first version is champion until an equal one is called better and promoted; from then on
    it is a chosen one that others, just as good, are compared with.
    """
    generator, first, chosen = rng(12), 0, 0
    for _ in range(projects):
        counted, was_chosen, lost = 0, False, False
        for look in range(looks):
            n = 25 + 8 * look
            wins, losses = generator.multinomial(n, [0.05, 0.05, 0.9])[:2]
            counted += was_chosen
            better = binom.sf(wins - 1, wins + losses, 0.5) <= allowed(counted, chosen=was_chosen)
            lost |= better and was_chosen
            was_chosen |= better
        first, chosen = first + was_chosen, chosen + lost
    return first / projects, chosen / projects


def test_a_chosen_champion_falls_to_an_equal_in_at_most_5_projects_of_100_after_a_first_one() -> (
    None
):
    first, chosen = falsely_replaced()
    assert first > 0.1, "nobody chose the first champion, and nothing protects it"
    assert chosen <= ERROR


cells = st.integers(min_value=0, max_value=60)


@given(both=st.integers(10, 200), old=cells, new=cells, neither=cells)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_test_is_mcnemars_and_the_verdict_follows_from_it(
    both: int, old: int, new: int, neither: int
) -> None:
    verdict = compared(both, old, new, neither, alpha=0.01)
    assert (verdict.only_champion_right, verdict.only_challenger_right) == (old, new)
    assert verdict.n == both + old + new + neither
    if verdict.p_value is None:
        assert verdict.n < 20 and verdict.advice.startswith("too few to say")
        return
    if old + new:
        expected = binomtest(new, old + new, 0.5, alternative="greater").pvalue
        assert verdict.p_value == pytest.approx(expected)
    value = verdict.difference.value
    assert value == pytest.approx(verdict.challenger_value - verdict.champion_value)
    assert verdict.difference.low <= value <= verdict.difference.high
    assert verdict.better == (verdict.p_value <= 0.01 and value >= 0)


@given(both=st.integers(20, 200), old=cells, new=cells)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_changing_sides_turns_the_difference_round(both: int, old: int, new: int) -> None:
    y, first, second = answered(both, old, new, 5)
    one, other = judged(y, first, second), judged(y, second, first)
    assert one.difference.value == pytest.approx(-other.difference.value, abs=1e-12)
    assert one.only_champion_right == other.only_challenger_right == old
    assert not (one.better and other.better)


def test_a_label_that_nobody_has_given_yet_holds_up_no_comparison() -> None:
    truth = ["a"] * 60 + ["b"] * 50
    old, new = (np.eye(2)[[0] * 60 + [0] * wrong + [1] * (50 - wrong)] for wrong in (30, 2))
    labels, more = ["a", "b"], ["a", "never", "b", "nor this"]
    wide = [np.insert(p, [1, 2], 0.0, axis=1) for p in (old, new)]
    about = {"alpha": 0.001, "champion": 1, "challenger": 2}
    alone = compare(truth, old, new, labels, rng=np.random.default_rng(0), **about)
    found = compare(truth, *wide, more, rng=np.random.default_rng(0), **about)
    assert (found.metric, found.better, found.p_value) == ("macro F1", True, alone.p_value)
    values = [float(macro_f1(np.array([[60, 0], [wrong, 50 - wrong]]))) for wrong in (30, 2)]
    assert [found.champion_value, found.challenger_value] == pytest.approx(values)
    knows = [np.insert(p, [1, 2], 0.01, axis=1) for p in (old, new)]
    same = compare(truth, *knows, more, rng=np.random.default_rng(0), **about)
    assert same == found and "never, nor this do not count" in found.difference.note


def test_who_answers_with_a_label_that_no_sample_has_is_the_worse() -> None:
    truth, names = ["a"] * 30 + ["b"] * 30, ["a", "b", "c"]
    old, new = (np.eye(3)[[0] * 30 + [1] * (30 - n) + [2] * n] for n in (12, 0))
    about = {"alpha": 0.001, "champion": 1, "challenger": 2}
    found = compare(truth, old, new, names, rng=np.random.default_rng(0), **about)
    assert found.better and found.challenger_value == 1
    assert found.champion_value == pytest.approx((1 + 36 / 48) / 2)


def with_a_rare_label(wins: int, losses: int, *, alpha: float | None) -> Verdict:
    """Compare two models on 44 samples, of which one label has two."""
    labels = ["a", "b", "rare"]
    truth = np.array([0] * 21 + [1] * 21 + [2] * 2)
    old, new = truth.copy(), truth.copy()
    old[:wins], new[wins : wins + losses] = 1, 1
    return compare(np.array(labels)[truth], np.eye(3)[old], np.eye(3)[new], labels, rng=rng(),
                   alpha=alpha, champion=1, challenger=11)  # fmt: skip


def test_a_rare_label_keeps_f1_from_being_said_but_not_who_is_right_more_often() -> None:
    found = with_a_rare_label(8, 1, alpha=allowed(0, chosen=False))
    assert found.p_value == pytest.approx(10 / 2**9) and found.better
    assert found.advice.startswith("promote version 11: version 11 is right on 8 samples")
    assert (found.metric, found.champion_value) == ("accuracy", pytest.approx(36 / 44))
    assert found.difference.value == pytest.approx(7 / 44)
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.lacks == "macro F1: too few to say: 3 more of rare needed"
    strict = with_a_rare_label(8, 1, alpha=0.001)
    assert not strict.better and "is ahead here" in strict.advice


def test_what_can_be_measured_lacks_nothing() -> None:
    assert compared(80, 0, 14, 6).lacks == compared(10, 0, 4, 1).lacks == ""


@pytest.mark.parametrize(("wins", "losses"), [(14, 1), (1, 14), (4, 4)])
def test_of_two_versions_neither_of_which_is_the_champion_only_what_was_found_is_said(
    wins: int, losses: int
) -> None:
    found = compared(60, losses, wins, 5, alpha=None)
    expected = binomtest(wins, wins + losses, 0.5).pvalue
    assert found.neutral and not found.better
    assert found.p_value == pytest.approx(expected), "either might have been ahead"
    assert "promote" not in found.advice and "keep" not in found.advice
    chance = "below 0.001" if expected < 0.001 else f"{expected:.3f}"
    assert found.advice.endswith(f"; the chance of such a lead by luck alone is {chance}")


def test_too_few_samples_are_too_few_to_compare_for_others_than_the_champion_too() -> None:
    assert compared(10, 0, 4, 1, alpha=None).advice == "too few to say: 5 more samples needed"
