"""What the next labels bring and how good a model is, where a sample may have several labels."""

from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.learning import estimating, forecasting
from mlvajra_al.learning.estimating import Told, estimate_f1, estimate_micro_f1
from mlvajra_al.learning.evaluation import evaluate
from mlvajra_al.learning.forecasting import Judged, forecast, missing

WRONG = (60, 30, 20, 15, 12)


def _judged(each: int) -> Judged:
    """Versions that know more and more, of whose samples each has the same answer `each` times."""
    truth = np.arange(200) % 3 == 0
    answers = [np.where(np.arange(200) < wrong, ~truth, truth) for wrong in WRONG]
    many = [np.repeat(one.astype(np.intp), each) for one in (truth, *answers)]
    return Judged((20, 40, 60, 80, 100), np.array(many[1:]), many[0], each=each)


def test_a_label_that_is_there_twice_promises_what_it_does_alone() -> None:
    one = forecast(_judged(1), ["no", "yes"], rng=np.random.default_rng(0))
    twice = forecast(_judged(2), ["a", "b"], rng=np.random.default_rng(0))
    assert (one.metric, twice.metric) == ("F1 (yes)", "micro F1")
    assert twice.gain == pytest.approx(one.gain)
    assert twice.margin == pytest.approx(one.margin)
    assert twice.middle == pytest.approx(one.middle)


@pytest.mark.parametrize(("differing", "margin"), [(0.02, 0.028), (0.3, 0.055), (0.0, 0.0)])
def test_versions_that_answer_a_small_holdout_alike_may_still_be_apart(
    differing: float, margin: float
) -> None:
    truth = np.arange(25) % 2
    alike = Judged((20, 30, 40, 50), np.tile(truth, (4, 1)), truth)
    rng = np.random.default_rng(0)
    found = forecast(alike, ["ham", "spam"], differing=differing, rng=rng)
    assert found.gain == pytest.approx(0.0, abs=0.001)
    assert found.margin == pytest.approx(margin, abs=0.005)


def test_of_many_judges_whole_samples_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "MOST_JUDGES", 150)
    found = forecast(_judged(3), ["a", "b", "c"], rng=np.random.default_rng(0))
    assert found.metric == "micro F1" and 0 < found.gain < 0.1


def test_so_many_samples_are_needed_not_so_many_answers() -> None:
    few = np.zeros(30, dtype=np.intp)
    judged = Judged((20, 40, 60, 80), np.zeros((4, 30), dtype=np.intp), few, each=3)
    assert missing(judged, ["a", "b", "c"]) == "the holdout needs 10 more samples"
    assert missing(_judged(2), ["a", "b"]) == ""


@pytest.mark.parametrize(("hams", "name"), [(3, "ham"), (30, "spam"), (16, "spam")])
def test_the_estimate_is_of_the_label_that_the_report_measures(hams: int, name: str) -> None:
    labels = ["ham", "spam"]
    truth = np.repeat([0, 1], [hams, 16])
    unsure = np.full((len(truth), 2), 0.5)
    many_hams = np.array([[0.9, 0.1]] * 80 + [[0.2, 0.8]] * 20)
    rng = np.random.default_rng(0)
    report = evaluate(np.array(labels)[truth], unsure, labels, rng=rng)
    estimate = estimate_f1(many_hams, labels, known=Told(unsure, truth), rng=rng)
    assert report.headline.name == f"F1 ({name})"
    assert estimate.name == f"estimated {report.headline.name}"


def test_estimates_of_copies_of_a_label_are_those_of_the_label() -> None:
    rng = np.random.default_rng(3)
    yes = rng.beta(0.4, 0.8, size=300)
    known = rng.beta(0.4, 0.8, size=80)
    truth = (rng.random(80) < known).astype(np.intp)
    told = Told(np.stack([1 - known, known], axis=1), truth)
    one = estimate_f1(np.stack([1 - yes, yes], axis=1), ["no", "yes"], known=told,
                      rng=np.random.default_rng(0))  # fmt: skip
    alone = estimate_micro_f1(yes[:, None], known=Told(known[:, None], truth[:, None]),
                              rng=np.random.default_rng(0))  # fmt: skip
    copied = estimate_micro_f1(np.repeat(yes[:, None], 4, axis=1), rng=np.random.default_rng(0))
    blind = estimate_micro_f1(yes[:, None], rng=np.random.default_rng(0))
    assert (one.name, alone.name) == ("estimated F1 (yes)", "estimated micro F1")
    assert alone.value == pytest.approx(one.value, abs=0.05)
    assert alone.low == pytest.approx(one.low, abs=0.05)
    assert copied.value == pytest.approx(blind.value) and copied.n == 300


def test_a_label_that_nobody_has_given_yet_does_not_drag_the_estimate_down() -> None:
    sure = np.eye(3)[np.arange(300) % 3] * 0.94 + 0.02
    told = Told(sure[:60], np.arange(60) % 3)
    with_never = Told(np.insert(sure[:60], 1, 0.0, axis=1), np.array([0, 2, 3])[told.truth])
    one = estimate_f1(sure, ["a", "b", "c"], known=told, rng=np.random.default_rng(0))
    other = estimate_f1(
        np.insert(sure, 1, 0.0, axis=1),
        ["a", "never", "b", "c"],
        known=with_never,
        rng=np.random.default_rng(0),
    )
    assert (one.name, other.name) == ("estimated macro F1",) * 2
    assert (other.value, other.low) == (pytest.approx(one.value), pytest.approx(one.low))
    assert one.value > 0.95


def test_samples_that_are_known_tell_a_model_that_is_too_sure() -> None:
    rng = np.random.default_rng(1)
    said = rng.choice([0.02, 0.98], size=(400, 5))
    truth = np.where(rng.random((400, 5)) < 0.75, said > 0.5, said < 0.5).astype(np.intp)
    told = Told(said[:100], truth[:100])
    blind, wise = (estimate_micro_f1(said, known=known, rng=rng) for known in (None, told))
    right = 2 * ((said > 0.5) & (truth == 1)).sum() / ((said > 0.5).sum() + truth.sum())
    assert blind.value > 0.9
    assert wise.low < right < wise.high


def test_without_samples_nothing_is_estimated() -> None:
    found = estimate_micro_f1(np.empty((0, 3)), rng=np.random.default_rng(0))
    assert found.value is None and "no samples" in found.note
    assert estimating.NOTE not in found.note


@pytest.mark.parametrize("labels", [["ham", "spam"], ["ham", "spam", "eggs"]])
def test_a_forecast_tells_what_it_was_read_off(labels: list[str]) -> None:
    truth = np.arange(120) % len(labels)
    wrong = np.arange(120) < np.array([40, 20, 12, 6])[:, None]
    answers = np.where(wrong, (truth + 1) % len(labels), truth)
    judged = Judged((20, 40, 60, 80), answers, truth)
    found = forecast(judged, labels, rng=np.random.default_rng(0))
    assert (found.behind, found.judges) == ((20, 40, 60, 80), 120)
    names = np.array(labels)
    for reached, given in zip(found.reached, answers, strict=True):
        report = evaluate(names[truth], np.eye(len(labels))[given], labels,
                          rng=np.random.default_rng(0))  # fmt: skip
        assert reached == pytest.approx(report.headline.value)
        assert report.headline.name == found.metric
