"""The advice when to stop: what it takes, and what it says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mlvajra_al.learning.stopping import Past, Signs, advise, earlier
from mlvajra_al.records import Forecast, Measure, Rest, Stability

ESTIMATED = Measure("estimated F1 (spam)", 0.9, 0.8, 0.95, 100)
SIGNS = Signs(
    version=4,
    label_counts={"ham": 40, "spam": 40},
    left=900,
    stability=Stability(3, 0.992, 0.004, 500),
    estimated=ESTIMATED,
    forecast=None,
    missing="the holdout needs 3 more of spam",
)


def stability(kappa: float, number: int) -> Stability:
    return Stability(number, kappa, 0.004, 500)


def past(kappa: float) -> list[Past]:
    return [Past(1, 20), Past(2, 40, stability(kappa, 1)), Past(3, 60, stability(kappa, 2))]


def with_kappa(kappa: float, **more: object) -> Signs:
    return replace(SIGNS, stability=stability(kappa, 3), **more)  # type: ignore[arg-type]


def a_forecast(gain: float, margin: float) -> Forecast:
    return Forecast("F1 (spam)", 50, gain, margin, gain - margin, (), (), (), ())


@pytest.mark.parametrize(
    ("kappa", "forecast", "action"),
    [
        (0.991, None, "stop"),
        (0.989, None, "go_on"),
        (0.989, a_forecast(0.002, 0.010), "stop"),
        (0.989, a_forecast(0.002, 0.020), "go_on"),
        (0.985, a_forecast(0.000, 0.001), "go_on"),
        (0.991, a_forecast(0.002, 0.100), "stop"),
        (0.999, a_forecast(0.030, 0.010), "go_on"),
    ],
)
def test_stable_answers_are_enough_and_nearly_stable_ones_where_nothing_is_to_be_gained(
    kappa: float, forecast: Forecast | None, action: str
) -> None:
    assert advise(with_kappa(kappa, forecast=forecast), past(kappa)).action == action


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (
            a_forecast(0.028, 0.115),
            "Labels 80 to 130 may raise F1 (spam) by 0.028 ± 0.115; answers still change from "
            "version to version, at the last step for 0.4% of the samples: go on labelling.",
        ),
        (
            a_forecast(0.028, 0.012),
            "Labels 80 to 130 would probably raise F1 (spam) by 0.028 ± 0.012; answers still "
            "change from version to version, at the last step for 0.4% of the samples: go on "
            "labelling.",
        ),
        (
            a_forecast(0.000, 0.014),
            "Labels 80 to 130 would hardly change F1 (spam) (0.000 ± 0.014); answers still change "
            "from version to version, at the last step for 0.4% of the samples: go on labelling.",
        ),
        (
            a_forecast(0.0001, 0.0002),
            "Labels 80 to 130 would hardly change F1 (spam) (by less than 0.001); answers still "
            "change from version to version, at the last step for 0.4% of the samples: go on "
            "labelling.",
        ),
        (
            None,
            "Answers still change from version to version, at the last step for 0.4% of the "
            "samples: go on labelling.",
        ),
    ],
)
def test_a_gain_is_called_probable_only_where_it_is_surely_above_nothing(
    forecast: Forecast | None, words: str
) -> None:
    assert advise(with_kappa(0.9, forecast=forecast), past(0.9)).words == words


@pytest.mark.parametrize(
    ("known", "more"),
    [(2, "2 more versions, each with"), (3, "one more version, with")],
)
def test_too_early_says_how_many_more_versions_it_takes(known: int, more: str) -> None:
    signs = replace(SIGNS, stability=stability(0.99, known - 1 if known < 3 else 2))
    found = advise(signs, past(0.99)[: known - 1])
    assert found.action == "too_early"
    assert f"that takes {more} at least 10 more labels." in found.words


@pytest.mark.parametrize("known", [40, 490, 491, 2_000])
def test_too_early_says_how_many_more_labels_the_next_version_needs(known: int) -> None:
    signs = replace(SIGNS, label_counts={"ham": known, "spam": 0}, left=9_000, stability=None)
    (more,) = map(int, re.findall(r"at least (\d+) more labels", advise(signs, []).words))
    assert earlier([Past(1, known)], known + more - 1) is None
    assert earlier([Past(1, known)], known + more) is not None


def test_a_label_hardly_seen_speaks_against_stopping() -> None:
    found = advise(replace(SIGNS, label_counts={"ham": 78, "spam": 2}), past(0.999))
    assert found.action == "go_on"
    assert "have learned few examples: 2 of spam: go on until there are 3 of each" in found.words
    none = advise(replace(SIGNS, label_counts={"ham": 78, "spam": 0}), past(0.999))
    assert "have learned few examples: none of spam: go on" in none.words


def test_with_nothing_left_to_ask_it_says_stop() -> None:
    assert advise(replace(SIGNS, left=0, stability=None), []).action == "stop"


def with_rest(share: float, *, before: float | None = None) -> tuple[Signs, list[Past]]:
    """Return the signs of a project with several labels a sample, whose answers never settle."""
    earlier = share if before is None else before
    signs = with_kappa(0.95, rest=Rest(40, 900, 0.8, share), answers=80)
    return signs, [replace(one, rest=Rest(20, 920, 0.8, earlier)) for one in past(0.95)]


@pytest.mark.parametrize(
    ("share", "before", "action"),
    [(0.04, 0.04, "stop"), (0.06, 0.06, "go_on"), (0.03, 0.08, "go_on"), (0.06, 0.04, "stop")],
)
def test_answers_that_never_settle_are_enough_once_all_that_is_left_would_bring_little(
    share: float, before: float, action: str
) -> None:
    assert advise(*with_rest(share, before=before)).action == action


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (
            0.09,
            "The 900 samples left would probably raise micro F1 by about 0.07 in all: go on "
            "labelling.",
        ),
        (
            0.04,
            "The 900 samples left would probably raise micro F1 by about 0.03 in all, a twentieth "
            "of it or less: a good moment to stop.",
        ),
        (
            -0.01,
            "The 900 samples left would hardly raise micro F1, a twentieth of it or less: a good "
            "moment to stop.",
        ),
    ],
)
def test_what_all_that_is_left_would_bring_is_said(share: float, words: str) -> None:
    assert advise(*with_rest(share)).words == words


def test_one_step_that_is_not_known_is_no_mean_of_three() -> None:
    signs, before = with_rest(0.01)
    found = advise(signs, [*before[:-1], replace(before[-1], rest=None)])
    assert (found.action, found.mean_rest) == ("go_on", None)


def test_a_rare_label_and_a_sure_gain_speak_against_stopping_there_too() -> None:
    signs, before = with_rest(0.02)
    rare = replace(signs, label_counts={"ham": 70, "spam": 2})
    words = advise(rare, before).words
    assert "2 of spam: go on" in words and "alike" not in words
    sure = replace(signs, forecast=a_forecast(0.03, 0.01))
    assert advise(sure, before).action == "go_on"
