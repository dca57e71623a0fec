"""What `auto` asks by, and the sentence that says why."""

from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.learning.stages import NOTHING_LEFT, choose, choose_of_several
from mlvajra_al.learning.strategies import STRATEGIES


def pool(doubtful: int, n: int = 2_000) -> np.ndarray:
    return np.where(np.arange(n) < doubtful, 0.8, 0.1)


@pytest.mark.parametrize(
    ("doubtful", "n", "strategy", "sentence"),
    [
        (0, 2_000, "focused_margin", "Exploitation: the model hesitates about none of 2,000 "
         "samples, so each batch comes from the 100 it doubts most."),
        (99, 2_000, "focused_margin", "Exploitation: the model hesitates about only 99 of 2,000 "
         "samples, so each batch comes from the 100 it doubts most."),
        (100, 2_000, "diversified_margin", "Diversified margin: the model hesitates about 100 of "
         "2,000 samples, so each batch is spread over the 500 it doubts most."),
        (0, 11, "focused_margin", "Exploitation: the model hesitates about none of 11 samples, "
         "so each batch is spread over all of them."),
        (80, 80, "focused_margin", "Exploitation: the model hesitates about 80 of the 80 samples "
         "that are left, so few that each batch is spread over all of them."),
        (0, 5, "focused_margin", "The last of the pool: 5 samples are left, those the model "
         "doubts most first."),
        (0, 1, "focused_margin", "The last of the pool: 1 sample is left."),
        (0, 0, "focused_margin", "Nothing is left to ask."),
        (200, 200, "diversified_margin", "Diversified margin: the model hesitates about 200 of "
         "200 samples, so each batch is spread over all of them."),
    ],
)  # fmt: skip
def test_the_stage_follows_the_doubts_and_says_so(
    doubtful: int, n: int, strategy: str, sentence: str
) -> None:
    assert choose(pool(doubtful, n), batch_size=10) == (strategy, sentence)
    assert strategy in STRATEGIES


def test_where_nothing_is_left_no_rare_label_is_looked_for() -> None:
    labels = ["ham"] * 30 + ["spam"]
    assert choose(np.empty(0), batch_size=10, labels=labels)[1] == NOTHING_LEFT
    assert choose_of_several(np.empty(0), batch_size=10)[1] == NOTHING_LEFT


def test_without_a_model_it_is_a_cold_start() -> None:
    strategy, sentence = choose(None, batch_size=10)
    assert strategy == "cold_start" and sentence.startswith("Cold start: there is no model yet")
