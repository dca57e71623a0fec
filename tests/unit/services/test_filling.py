from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.services.filling import draw


@pytest.mark.parametrize(
    "taken", [[], [0], [99], [0, 1, 2, 97, 98, 99], [*range(0, 100, 2)], [*range(100)]]
)
def test_all_that_is_not_taken_is_drawn_and_nothing_twice(taken: list[int]) -> None:
    drawn = draw(100, np.array(taken, dtype=np.int64), n=1_000, rng=np.random.default_rng(0))
    assert sorted(drawn.tolist()) == sorted(set(range(100)) - set(taken))


def test_each_is_as_likely_as_any_other() -> None:
    rng, taken = np.random.default_rng(1), np.array([2, 3, 7])
    drawn = np.concatenate([draw(10, taken, n=2, rng=rng) for _ in range(3_500)])
    counts = np.bincount(drawn, minlength=10)
    assert counts[taken].tolist() == [0, 0, 0]
    assert np.abs(counts[[0, 1, 4, 5, 6, 8, 9]] - 1_000).max() < 130


def test_a_draw_from_a_pool_of_any_size_makes_nothing_as_long_as_it() -> None:
    taken = np.arange(0, 10**15, 10**12)
    drawn = draw(10**15, taken, n=2_000, rng=np.random.default_rng(2))
    assert len(set(drawn.tolist())) == 2_000
    assert not set(drawn.tolist()) & set(taken.tolist())
    assert drawn.max() < 10**15
