"""Samples that nobody was asked about are found in the pool, those of a batch at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlvajra_al.errors import NotFound
from mlvajra_al.services.placing import Placed, Unranked
from mlvajra_al.store.shards import Pool
from tests.unit.store.test_shards import KEYED, a_table, append


def test_the_samples_of_a_batch_are_looked_up_once_and_only_if_one_is_asked_for(
    tmp_path: Path,
) -> None:
    pool, _ = append(tmp_path, a_table(range(100)), plan=KEYED)
    opened: list[Pool] = []

    def opening() -> Pool:
        opened.append(pool)
        return pool

    unranked = Unranked(opening, ["m7", "m93", "m7", "m100"], threshold=0.4)
    assert opened == []
    held = pool.holdout(0.4)
    assert unranked.place("m93") == Placed(93, None, bool(held[93]))
    assert unranked.place("m7") == Placed(7, None, bool(held[7]))
    with pytest.raises(NotFound, match="m100"):
        unranked.place("m100")
    assert len(opened) == 1
