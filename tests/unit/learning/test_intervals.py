"""What may be said, and how sure of it one can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import beta

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.intervals import (
    FEWEST,
    FEWEST_OF_A_LABEL,
    bounded,
    checked,
    posterior,
    too_few,
    unknown,
)

LABELS = ["ham", "spam", "other"]
tables = st.integers(2, 4).flatmap(lambda k: arrays(np.int64, (k, k), elements=st.integers(0, 50)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(tables, st.sampled_from([0.1, 0.5, 1.0]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_draw_is_a_share_of_cells(cells: np.ndarray, prior: float) -> None:
    drawn = posterior(cells, prior, rng=rng(), draws=50)
    assert drawn.shape == (50, *cells.shape)
    assert drawn.min() >= 0
    assert drawn.sum(axis=(1, 2)) == pytest.approx(np.ones(50))


@pytest.mark.parametrize(("right", "wrong"), [(0, 20), (1, 19), (10, 10), (45, 5), (200, 0)])
def test_two_cells_are_a_beta_posterior(right: int, wrong: int) -> None:
    drawn = posterior([right, wrong], 0.5, rng=rng())[:, 0]
    expected = beta(right + 0.5, wrong + 0.5)
    assert drawn.mean() == pytest.approx(expected.mean(), abs=0.005)
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert low == pytest.approx(expected.ppf(0.025), abs=0.02)
    assert high == pytest.approx(expected.ppf(0.975), abs=0.02)


def test_more_samples_make_a_narrower_interval() -> None:
    widths = []
    for n in (20, 80, 320, 1280):
        low, high = np.quantile(posterior([n * 9 // 10, n // 10], 0.5, rng=rng())[:, 0], (0.1, 0.9))
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 4 * widths[3]


@pytest.mark.parametrize(
    ("support", "of", "said"),
    [
        ([0, 0, 0], [0, 1, 2], "too few to say: 20 more samples needed"),
        ([19, 0, 0], [0], "too few to say: 1 more sample needed"),
        ([20, 0, 0], [0], ""),
        ([20, 0, 0], [], ""),
        ([20, 4, 5], [1], "too few to say: 1 more of spam needed"),
        ([20, 4, 0], [0, 1, 2], "too few to say: 1 more of spam, 5 more of other needed"),
        ([10, 5, 5], [0, 1, 2], ""),
        ([3, 20, 20], [0], "too few to say: 2 more of ham needed"),
    ],
)
def test_what_is_missing_is_said_in_numbers(support: list[int], of: list[int], said: str) -> None:
    assert too_few(np.array(support), LABELS, of=of) == said


@given(st.lists(st.integers(0, 60), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_something_is_said_exactly_where_there_is_enough(support: list[int]) -> None:
    enough = sum(support) >= FEWEST and min(support) >= FEWEST_OF_A_LABEL
    assert (too_few(np.array(support), LABELS, of=range(3)) == "") == enough


@pytest.mark.parametrize("value", [0.0, 0.2, 0.5, 1.0])
def test_an_interval_always_holds_its_value(value: float) -> None:
    measure = bounded("accuracy", value, np.linspace(0.4, 0.6, 101), 50)
    assert measure.low <= measure.value <= measure.high
    assert (measure.name, measure.n, measure.note) == ("accuracy", 50, "95% posterior interval")


def test_what_is_not_known_has_no_numbers_but_a_reason() -> None:
    measure = unknown("accuracy", 3, "too few to say")
    assert (measure.value, measure.low, measure.high) == (None, None, None)
    assert (measure.n, measure.note) == (3, "too few to say")


def test_labels_become_places_in_the_label_set() -> None:
    truth, p = checked(["other", "ham"], [[0, 0, 1], [1, 0, 0]], LABELS)
    assert truth.tolist() == [2, 0]
    assert p.dtype == np.float64 and p.shape == (2, 3)


def test_labels_that_are_numbers_are_read_as_words() -> None:
    truth, _ = checked([1, 0], [[0.5, 0.5], [0.5, 0.5]], ["0", "1"])
    assert truth.tolist() == [1, 0]


def test_nothing_at_all_is_fine() -> None:
    truth, p = checked([], [], LABELS)
    assert truth.shape == (0,) and p.shape == (0, 3)


@pytest.mark.parametrize(
    ("truth", "p", "said"),
    [
        (["ham"], [[0.5, 0.5]], r"shape \(1, 2\) for 1 samples and 3 labels; align them"),
        (["ham", "ham"], [[1, 0, 0]], r"shape \(1, 3\) for 2 samples"),
        (["ham"], [1, 0, 0], r"shape \(3,\) for 1 samples"),
        (["eggs"], [[1, 0, 0]], "1 labels are not in the label set: eggs"),
        (["b", "a"], [[1, 0, 0]] * 2, "2 labels are not in the label set: a, b"),
    ],
)
def test_what_does_not_fit_is_refused_with_numbers(truth, p, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        checked(truth, p, LABELS)


def test_of_many_labels_it_is_counted_how_many_lack_answers() -> None:
    labels = [f"label {n}" for n in range(20)]
    support = np.array([9] * 4 + [4] * 16)
    said = too_few(support, labels, of=range(20))
    assert said == "too few to say: 16 of 20 labels have fewer than 5 holdout answers"
