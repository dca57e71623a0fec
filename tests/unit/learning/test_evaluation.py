"""What is said about a model, how sure we are, and when we say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.evaluation import aligned, evaluate, posterior
from mlvajra_al.learning.metrics import f1, macro_f1
from mlvajra_al.records import Evaluation

HAM_SPAM = ["ham", "spam"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def evaluated(confusion: list[list[int]], labels: list[str]) -> Evaluation:
    """Evaluate a model that made exactly this confusion."""
    truth, proba = [], []
    for i, row in enumerate(confusion):
        for j, count in enumerate(row):
            truth += [labels[i]] * count
            proba += [np.where(np.arange(len(labels)) == j, 0.9, 0.1 / (len(labels) - 1))] * count
    return evaluate(truth, np.array(proba).reshape(-1, len(labels)), labels, rng=rng())


def test_the_headline_is_f1_of_the_rarer_label() -> None:
    headline = evaluated([[60, 4], [2, 14]], HAM_SPAM).headline
    assert headline.name == "F1 (spam)"
    assert headline.value == pytest.approx(28 / 34)
    assert evaluated([[10, 4], [2, 64]], HAM_SPAM).headline.name == "F1 (ham)"


def test_the_headline_of_three_labels_is_macro_f1() -> None:
    headline = evaluated([[20, 1, 0], [2, 18, 0], [0, 1, 15]], ["a", "b", "c"]).headline
    assert headline.name == "macro F1"
    assert headline.low < headline.value < headline.high


def test_below_twenty_samples_nothing_is_said_but_how_many_are_missing() -> None:
    evaluation = evaluated([[7, 0], [0, 6]], HAM_SPAM)
    assert evaluation.headline.value is None
    assert evaluation.headline.note == "too few to say: 7 more samples needed"
    assert all(measure.value is None for measure in evaluation.measures)
    assert evaluation.precision_recall == () and evaluation.confusion == ((7, 0), (0, 6))


def test_below_five_of_a_label_only_what_does_not_need_it_is_said() -> None:
    evaluation = evaluated([[40, 1], [0, 2]], HAM_SPAM)
    assert evaluation.headline.note == "too few to say: 3 more of spam needed"
    ham, spam = evaluation.per_label
    assert ham.f1.value is not None and spam.f1.value is None
    accuracy = next(m for m in evaluation.measures if m.name == "accuracy")
    assert accuracy.value == pytest.approx(42 / 43)


def test_a_label_that_nobody_has_given_yet_takes_nothing_from_the_others() -> None:
    sure = np.eye(3)[[0] * 20 + [1] * 15 + [2] * 18] * 0.9 + 0.05
    truth = ["a"] * 20 + ["b"] * 14 + ["a"] + ["c"] * 18
    known = evaluate(truth, sure, ["a", "b", "c"], rng=rng())
    more = evaluate(truth, np.insert(sure, 2, 0.0, axis=1), ["a", "b", "never", "c"], rng=rng())
    assert more.headline.value == pytest.approx(known.headline.value)
    assert (more.headline.low, more.headline.high) == (known.headline.low, known.headline.high)
    assert more.per_label[2].f1.note == "too few to say: 5 more of never needed"
    learned = np.insert(sure, 2, 0.01, axis=1)
    knows = evaluate(truth, learned, ["a", "b", "never", "c"], rng=rng())
    assert knows.headline == more.headline
    assert knows.headline.note == (
        "95% posterior interval; never does not count, no held out sample has it so far"
    )


def test_an_answer_with_a_label_that_no_sample_has_is_paid_for() -> None:
    truth, names = ["a"] * 20 + ["b"] * 15, ["a", "b", "c"]
    right = evaluate(truth, np.eye(3)[[0] * 20 + [1] * 15], names, rng=rng()).headline
    wrong = evaluate(truth, np.eye(3)[[0] * 20 + [1] * 12 + [2] * 3], names, rng=rng()).headline
    assert (right.value, wrong.value) == (1, pytest.approx((1 + 24 / 27) / 2))
    assert wrong.low < wrong.value < wrong.high


def test_a_label_with_an_example_waits_for_more() -> None:
    truth = ["a"] * 20 + ["b"] * 15 + ["c"]
    found = evaluate(truth, np.eye(3)[[0] * 20 + [1] * 16], ["a", "b", "c"], rng=rng())
    assert found.headline.note == "too few to say: 4 more of c needed"
    assert {m.name for m in found.measures if m.value is not None} == {
        "accuracy", "log loss", "Brier score",
    }  # fmt: skip


def test_with_one_label_seen_no_mean_over_labels_is_said() -> None:
    found = evaluate(["a"] * 30, np.eye(3)[[0] * 30], ["a", "b", "c"], rng=rng())
    assert found.headline.note == "too few to say: 5 more of b, 5 more of c needed"


def test_a_label_that_is_never_predicted_has_no_precision() -> None:
    spam = evaluated([[40, 0], [8, 0]], HAM_SPAM).per_label[1]
    assert spam.precision.value is None
    assert spam.precision.note == "spam was never predicted"
    assert spam.recall.value == 0 and spam.f1.value == 0


def test_an_empty_holdout_is_reported_not_crashed_on() -> None:
    evaluation = evaluate([], np.empty((0, 2)), HAM_SPAM, rng=rng())
    assert evaluation.n == 0
    assert evaluation.headline.note == "too few to say: 20 more samples needed"


def test_probability_measures_have_intervals_from_200_samples_on() -> None:
    few = evaluated([[80, 5], [5, 40]], HAM_SPAM)
    many = evaluated([[180, 5], [5, 40]], HAM_SPAM)
    loss_few = next(m for m in few.measures if m.name == "log loss")
    loss_many = next(m for m in many.measures if m.name == "log loss")
    assert loss_few.low is None and "70 more" in loss_few.note
    assert loss_many.low < loss_many.value < loss_many.high


def test_curves_are_drawn_per_label_and_stay_small() -> None:
    truth = rng(1).random(5000) < 0.3
    p = np.clip(truth * 0.4 + rng(2).random(5000) * 0.6, 0, 1)
    names = np.where(truth, "spam", "ham")
    evaluation = evaluate(names, np.stack([1 - p, p], axis=1), HAM_SPAM, rng=rng())
    curve = evaluation.precision_recall[1]
    assert curve.label == "spam" and len(curve.x) == len(curve.y) <= 200
    assert curve.x[-1] == 1.0 and list(curve.x) == sorted(curve.x)
    calibration = evaluation.calibration[1]
    assert sum(calibration.counts) == 5000
    assert all(0 <= y <= 1 for y in calibration.y)


def test_the_same_generator_gives_the_same_report() -> None:
    assert evaluated([[60, 4], [2, 14]], HAM_SPAM) == evaluated([[60, 4], [2, 14]], HAM_SPAM)


def test_a_label_outside_the_set_is_refused() -> None:
    with pytest.raises(Invalid, match="not in the label set: eggs"):
        evaluate(["eggs"], [[0.5, 0.5]], HAM_SPAM, rng=rng())
    with pytest.raises(Invalid, match="align them"):
        evaluate(["ham"], [[0.2, 0.3, 0.5]], HAM_SPAM, rng=rng())


def test_alignment_drops_labels_that_were_removed() -> None:
    out = aligned([[0.1, 0.2, 0.7]], ["a", "b", "gone"], ["b", "new", "a"])
    assert out.tolist() == [[0.2, 0.0, 0.1]]


@pytest.mark.parametrize("n", [20, 40, 80, 200])
def test_intervals_of_f1_cover_what_they_promise(n: int) -> None:
    """A spam-like model of true F1 0.96; a percentile bootstrap covers 46% at 20 samples."""
    shares = np.array([[0.70, 0.008], [0.016, 0.276]])
    true = float(f1(shares)[1])
    generator, covered = rng(n), 0
    for _ in range(200):
        table = generator.multinomial(n, shares.ravel()).reshape(2, 2)
        drawn = f1(posterior(table, 0.5, rng=generator, draws=400))[:, 1]
        low, high = np.quantile(drawn, (0.025, 0.975))
        value = f1(table)[1]
        covered += min(low, value) <= true <= max(high, value)
    assert covered >= 180


def test_intervals_of_macro_f1_cover_with_ten_labels() -> None:
    shares = np.full((10, 10), 0.1 * 0.08 / 9)
    np.fill_diagonal(shares, 0.1 * 0.92)
    true = float(macro_f1(shares))
    generator, covered = rng(3), 0
    for _ in range(100):
        table = generator.multinomial(200, shares.ravel()).reshape(10, 10)
        drawn = macro_f1(posterior(table, 2 / 100, rng=generator, draws=300))
        low, high = np.quantile(drawn, (0.025, 0.975))
        covered += low <= true <= high
    assert covered >= 88
