"""The share of unknown words: of unseen texts, and what to expect of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.pipeline import build_preprocessing
from mlvajra_al.learning.vocabulary import (
    FEWEST_WORDS,
    unknown_words,
    words_unknown_if_left_out,
)
from mlvajra_al.records import Column, EstimatorName, Recipe

TEXTS = Recipe((Column("body", "text"),))


def frame(texts: list[str], recipe: Recipe = TEXTS) -> pd.DataFrame:
    return to_frame([{column.name: text for column in recipe.columns} for text in texts], recipe)


def fitted(texts: list[str], recipe: Recipe = TEXTS) -> ColumnTransformer:
    return build_preprocessing(recipe).fit(frame(texts, recipe))


def zipf(n: int, *, seed: int, words: int = 2_000, prefix: str = "w") -> list[str]:
    """Return texts whose words are as common as in a language."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, words + 1)
    drawn = rng.choice(words, size=(n, 20), p=shares / shares.sum())
    return [" ".join(f"{prefix}{word}" for word in row) for row in drawn]


def test_known_words_are_known_and_strange_ones_are_not() -> None:
    seen = ["cheap pills today"] * 80
    assert unknown_words(fitted(seen), frame(seen)) == 0.0
    assert unknown_words(fitted(seen), frame(["pastillas baratas hoy"] * 80)) == 1.0
    half = ["cheap barato"] * 110
    assert unknown_words(fitted(seen), frame(half)) == 0.5


def test_every_text_column_counts_and_others_do_not() -> None:
    recipe = Recipe((Column("subject", "text"), Column("body", "text"), Column("id", "ignored")))
    assert (
        unknown_words(fitted(["cheap pills"] * 60, recipe), frame(["cheap x"] * 60, recipe)) == 0.5
    )


def test_without_text_there_are_no_words() -> None:
    recipe = Recipe((Column("size", "numeric"),))
    rows = to_frame([{"size": n} for n in range(500)], recipe)
    preprocessing = build_preprocessing(recipe).fit(rows)
    assert unknown_words(preprocessing, rows) is None
    assert words_unknown_if_left_out(preprocessing, rows) is None


@pytest.mark.parametrize("words", [0, 1, FEWEST_WORDS - 1])
def test_of_a_few_words_nothing_is_said(words: int) -> None:
    assert unknown_words(fitted(["cheap pills"] * 80), frame([" ".join(["x"] * words)])) is None


def test_from_the_fewest_words_on_something_is_said() -> None:
    text = " ".join(["x"] * FEWEST_WORDS)
    assert unknown_words(fitted(["cheap pills"] * 80), frame([text])) == 1.0


@pytest.mark.parametrize("estimator", ["logistic_regression", "complement_nb"])
def test_what_to_expect_of_unseen_texts_is_what_they_show(estimator: EstimatorName) -> None:
    recipe = Recipe((Column("body", "text"),), estimator)
    seen, unseen = zipf(600, seed=0), zipf(600, seed=1)
    preprocessing = fitted(seen, recipe)
    expected = words_unknown_if_left_out(preprocessing, frame(seen, recipe))
    found = unknown_words(preprocessing, frame(unseen, recipe))
    assert expected is not None and found is not None
    assert 0.02 < found < 0.2
    assert expected == pytest.approx(found, rel=0.25)


def test_another_language_stands_out() -> None:
    seen, strange = zipf(600, seed=0), zipf(600, seed=1, prefix="x")
    preprocessing = fitted(seen)
    expected = words_unknown_if_left_out(preprocessing, frame(seen))
    assert expected is not None
    assert unknown_words(preprocessing, frame(strange)) == 1.0 > 5 * expected


def test_trees_that_keep_only_common_words_expect_many_unknown_ones() -> None:
    recipe = Recipe((Column("body", "text"),), "random_forest")
    seen, unseen = zipf(600, seed=0), zipf(600, seed=1)
    preprocessing = fitted(seen, recipe)
    expected = words_unknown_if_left_out(preprocessing, frame(seen, recipe))
    assert expected == pytest.approx(unknown_words(preprocessing, frame(unseen, recipe)), rel=0.3)


def test_a_pool_without_any_word_knows_none() -> None:
    preprocessing = fitted(["", " ", "-"])
    assert words_unknown_if_left_out(preprocessing, frame(["", ""])) is None
    assert unknown_words(preprocessing, frame(["new words"] * 200)) == 1.0
