"""From utilities to batches: the highest, spread out, or to start with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mlvajra_al.errors import Invalid
from mlvajra_al.learning import selectors
from mlvajra_al.learning.selectors import (
    DIVERSIFIED_BATCHES,
    Choice,
    Known,
    cold_start,
    dense,
    focused,
    highest,
    nth_highest,
    ranked,
    spread,
    top,
    typical,
)

SELECTORS = [highest, spread, focused, dense, ranked, cold_start, typical]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def choice(n: int = 200, *, size: int = 10, kinds: int = 20, form=np.asarray) -> Choice:
    """Return candidates that lie in crowds; positions do not start at 0."""
    generator = rng(1)
    crowds = generator.normal(size=(kinds, 5)) * 10
    X = crowds[np.arange(2 * n) % kinds] + generator.normal(size=(2 * n, 5)) * 0.01
    return Choice(form(X.astype(np.float32)), np.arange(n, 2 * n), generator.random(n), size)


utilities = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40)


@given(utilities, st.integers(0, 45), st.integers(0, 5))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_highest_are_picked_in_order_whatever_the_ties(of, n: int, seed: int) -> None:
    values = np.array(of)
    picked = top(values, n, rng(seed))
    expected = np.sort(values)[::-1][: min(n, len(values))]
    assert values[picked].tolist() == expected.tolist()
    assert len(set(picked.tolist())) == len(picked)


@given(st.integers(1, 40), st.integers(0, 20))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_nth_highest_is_found_without_sorting_all(n: int, seed: int) -> None:
    values = rng(seed).integers(0, 50, size=rng(seed).integers(40, 20_000)).astype(float)
    values = values if seed % 2 else values + rng(seed).random(len(values))
    assert nth_highest(values, n) == np.sort(values)[-n]


def test_ties_are_drawn_by_the_generator_and_every_one_has_a_chance() -> None:
    drawn = [tuple(sorted(top(np.ones(6), 2, rng(seed)).tolist())) for seed in range(200)]
    assert len(set(drawn)) == 15
    assert tuple(sorted(top(np.ones(6), 2, rng(3)).tolist())) == drawn[3]


def test_ties_above_the_last_place_are_shuffled_too() -> None:
    values = np.array([1.0, 1.0, 0.5, 0.5])
    first = {int(top(values, 3, rng(seed))[0]) for seed in range(30)}
    assert first == {0, 1}


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n", [1, 9, 10, 11, 100, 200])
def test_as_many_as_asked_for_without_repeats_among_the_candidates(selector, form, n: int) -> None:
    picked = selector(choice(form=form), n, rng())
    assert picked.dtype.kind == "i"
    assert len(picked) == len(set(picked.tolist())) == n
    assert picked.min() >= 0 and picked.max() < 200


@pytest.mark.parametrize("selector", SELECTORS)
def test_the_same_seed_picks_the_same(selector) -> None:
    one, other = (selector(choice(), 60, rng(4)).tolist() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("selector", SELECTORS)
def test_what_is_chosen_from_stays_as_it_was(selector) -> None:
    given_ = choice()
    before = given_.X.copy(), given_.candidates.copy(), given_.utilities.copy()
    selector(given_, 50, rng())
    assert (given_.X == before[0]).all()
    assert (given_.candidates == before[1]).all() and (given_.utilities == before[2]).all()


@pytest.mark.parametrize("selector", SELECTORS)
def test_batches_of_one_and_larger_than_the_pool_are_fine(selector) -> None:
    assert len(selector(choice(size=1), 5, rng())) == 5
    assert len(selector(choice(n=8, size=50), 8, rng())) == 8


def test_each_early_batch_holds_one_of_each_crowd() -> None:
    kinds = 10
    picked = spread(choice(n=600, size=kinds, kinds=kinds), 600, rng())
    for batch in range(DIVERSIFIED_BATCHES):
        of = {int(place) % kinds for place in picked[batch * kinds : (batch + 1) * kinds]}
        assert len(of) >= kinds - 1


def test_of_each_crowd_the_most_uncertain_is_asked() -> None:
    given_ = choice(n=100, size=5, kinds=5)
    for place in focused(given_, 5, rng()):
        crowd = np.flatnonzero(np.arange(100) % 5 == place % 5)
        assert given_.utilities[place] == given_.utilities[crowd].max()


def test_what_stands_in_the_middle_of_the_doubts_is_asked() -> None:
    line = np.linspace(0, 1, 21)[:, None].astype(np.float32)
    doubts = 1 - np.abs(line[:, 0] - 0.5) / 10
    given_ = Choice(line, np.arange(21), doubts, batch_size=1)
    assert focused(given_, 1, rng()).tolist() == [10]
    two = Choice(line, np.arange(21), np.ones(21), batch_size=2)
    assert sorted(spread(two, 2, rng())) in ([4, 15], [5, 15], [5, 16])


def test_where_doubts_have_no_crowds_any_of_the_nearer_half_may_be_asked_the_doubtful_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doubts = np.where(np.arange(40) % 4 < 2, 0.9, 0.75)  # the first two of each four more
    given_ = Choice(np.arange(40.0)[:, None], np.arange(40), doubts, batch_size=2)
    parts, apart = np.arange(40) % 2, np.arange(40.0) // 2  # two clusters, near to far
    order = np.argsort(-doubts, kind="stable")
    monkeypatch.setattr(selectors, "cluster", lambda *_, **__: (parts[order], apart[order]))
    monkeypatch.setattr(selectors, "top", lambda *_: order)
    monkeypatch.setattr(selectors, "has_clusters", lambda *_, **__: False)
    picked = np.array([spread(given_, 2, rng(seed)) for seed in range(60)])
    assert (np.sort(picked % 2) == [0, 1]).all() and picked.max() < 20
    assert len(np.unique(picked)) > 12
    assert np.mean(doubts[picked] > 0.8) > 0.7
    monkeypatch.setattr(selectors, "has_clusters", lambda *_, **__: True)
    assert sorted(spread(given_, 2, rng())) == [0, 1]


def test_what_the_model_does_not_doubt_has_no_say_in_where_clusters_lie() -> None:
    far = np.array([[0.0], [0.1], [5.0], [5.1], [90.0], [91.0]], dtype=np.float32)
    given_ = Choice(far, np.arange(6), np.array([0.9, 0.9, 0.9, 0.9, 0.1, 0.1]), batch_size=2)
    assert {int(place) // 2 for place in spread(given_, 2, rng())} == {0, 1}


def test_behind_the_spread_batches_come_the_highest_in_order() -> None:
    given_ = choice(n=400, size=5, kinds=5)
    rest = given_.utilities[spread(given_, 400, rng())[5 * DIVERSIFIED_BATCHES :]]
    assert (np.diff(rest) <= 0).all()


def test_a_first_batch_is_varied_and_the_rest_is_random() -> None:
    picked = cold_start(choice(size=20, kinds=20), 200, rng())
    assert len({int(place) % 20 for place in picked[:20]}) == 20
    assert sorted(picked.tolist()) == list(range(200))
    assert (np.diff(picked[20:]) < 0).any()


def test_what_many_are_like_is_asked_before_what_is_unlike_all() -> None:
    crowd, lone = np.tile([1.0, 0.1], (30, 1)), np.array([[-1.0, 0.0]])
    X = np.concatenate([lone, crowd]).astype(np.float32)
    for form in (np.asarray, sparse.csr_matrix):
        given_ = Choice(form(X), np.arange(31), np.concatenate([[0.6], np.full(30, 0.5)]), 1)
        assert dense(given_, 31, rng())[-1] == 0


def test_a_ranked_batch_keeps_away_from_what_is_labelled_and_from_itself() -> None:
    X = np.array([[0.0], [0.1], [50.0], [50.1], [90.0]], dtype=np.float32)
    given_ = Choice(X, np.arange(5), np.full(5, 0.5), 3, Known(np.array([[0.0]], np.float32)))
    picked = ranked(given_, 2, rng()).tolist()
    assert set(picked) in ({4, 2}, {4, 3})


def test_a_ranked_batch_without_labels_starts_with_the_most_doubtful() -> None:
    given_ = choice(n=50)
    assert ranked(given_, 1, rng())[0] == given_.utilities.argmax()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_clusters_that_have_a_label_wait(form) -> None:
    given_ = choice(n=200, size=10, kinds=20, form=form)
    rows = given_.X[given_.candidates]
    known = Known(rows[:10])
    told = Choice(given_.X, given_.candidates[10:], given_.utilities[10:], 10, known)
    asked = {int(place + 10) % 20 for place in typical(told, 10, rng())}
    assert len(asked & set(range(10, 20))) >= 9


def test_samples_without_numbers_cannot_be_compared_and_it_says_so() -> None:
    words = np.array([["a"], ["b"], ["c"]], dtype=object)
    with pytest.raises(Invalid, match="transform the pool first, or ask by 'margin'"):
        typical(Choice(words, np.arange(3), np.zeros(3), 1), 1, rng())
