"""Features have names and values that a person can read."""

from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.pipeline import build_preprocessing, transform
from mlvajra_al.learning.wording import Units, feature_names, fitted_parts, units
from mlvajra_al.records import Column, ColumnKind, EstimatorName, Recipe
from tests.unit.learning.test_training import ESTIMATORS

MIXED: tuple[Column, ...] = (
    Column("body", "text"), Column("size", "numeric"), Column("colour", "categorical"),
    Column("urgent", "boolean"), Column("sent", "date"), Column("scan", "image"),
)  # fmt: skip
ROWS = [
    {"body": "cheap pills", "size": 10 * (i + 1) if i else None, "colour": ["red", "blue"][i % 2],
     "urgent": bool(i % 2), "sent": f"2002-01-0{i + 1}", "scan": [[0, 16], [4, 8]]}
    for i in range(6)
]  # fmt: skip


def fitted(recipe: Recipe, rows=ROWS):
    return build_preprocessing(recipe).fit(to_frame(rows, recipe))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_there_is_one_name_and_one_unit_per_feature(estimator: EstimatorName) -> None:
    recipe = Recipe(MIXED, estimator)
    preprocessing = fitted(recipe)
    names, words = feature_names(preprocessing), units(preprocessing)
    width = transform(preprocessing, to_frame(ROWS, recipe)).shape[1]
    assert len(names) == len(set(names)) == width
    assert len(words.kinds) == len(words.offset) == len(words.scale) == len(words.columns) == width


@pytest.mark.parametrize(
    ("kind", "rows", "names"),
    [
        ("text", ["cheap pills", "cheap pills"], ("x: cheap", "x: pills")),
        ("numeric", [1, 2], ("x",)),
        ("numeric", [1, None], ("x", "x is missing")),
        ("categorical", ["a", "a", "b", "b"], ("x = a", "x = b")),
        ("categorical", ["a", "a", None, None], ("x = (missing)", "x = a")),
        ("categorical", ["a", "a", "b", "c"], ("x = a", "x = other")),
        ("boolean", [True, False], ("x",)),
        ("boolean", [True, None], ("x", "x is missing")),
        ("image", [[[1, 2], [3, 4]]] * 2, ("pixel 0,0", "pixel 0,1", "pixel 1,0", "pixel 1,1")),
    ],
)
def test_names_say_column_and_value(kind: ColumnKind, rows: list, names: tuple[str, ...]) -> None:
    recipe = Recipe((Column("x", kind),))
    assert feature_names(fitted(recipe, [{"x": value} for value in rows])) == names


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_number_is_said_as_it_is_in_the_data(estimator: EstimatorName) -> None:
    recipe = Recipe((Column("size", "numeric"),), estimator)
    rows = [{"size": value} for value in (0.0, 25.0, 100.0)]
    preprocessing = fitted(recipe, rows)
    X, words = transform(preprocessing, to_frame(rows, recipe)), units(preprocessing)
    assert [words.say(0, float(row[0])) for row in X] == ["0", "25", "100"]


@pytest.mark.parametrize("estimator", ["logistic_regression", "complement_nb", "random_forest"])
def test_dates_words_flags_and_pixels_are_said_too(estimator: EstimatorName) -> None:
    recipe = Recipe(MIXED, estimator)
    preprocessing = fitted(recipe)
    row = transform(preprocessing, to_frame(ROWS[:1], recipe))
    dense = row.toarray()[0] if hasattr(row, "toarray") else row[0]
    words = units(preprocessing)
    told = {
        name: words.say(place, float(dense[place]))
        for place, name in enumerate(feature_names(preprocessing))
    }
    assert told["body: cheap"] == "in the text"
    assert told["size is missing"] == "yes"
    assert told["urgent"] == "no"
    assert (told["colour = red"], told["colour = blue"]) == ("yes", "no")
    assert told["sent: days since 2002-01-01"] == "0"
    assert told["sent: weekday = Tuesday"] == "yes"
    assert (told["pixel 0,1"], told["pixel 1,0"]) == ("16", "4")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_number_of_the_data_is_said_to_its_last_digit(estimator: EstimatorName) -> None:
    recipe = Recipe((Column("amount", "numeric"),), estimator)
    preprocessing = fitted(recipe, [{"amount": value} for value in (1.5, 1436.78, 63_050.0)])
    rows = [{"amount": value} for value in (1436.78, 63_050.0, 987_654.32, None)]
    frame = to_frame(rows, recipe)
    X, words = transform(preprocessing, frame), units(preprocessing)
    said = [
        words.say(0, float(x[0]), row) for x, row in zip(X, frame.to_dict("records"), strict=True)
    ]
    assert said == ["1436.78", "63050", "987654.32", "missing"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_each_feature_knows_its_column(estimator: EstimatorName) -> None:
    preprocessing = fitted(Recipe(MIXED, estimator))
    columns = dict(zip(feature_names(preprocessing), units(preprocessing).columns, strict=True))
    assert columns["body: cheap"] == "body"
    assert columns["size"] == columns["size is missing"] == "size"
    assert columns["colour = red"] == "colour" and columns["urgent"] == "urgent"
    assert columns["sent: weekday = Tuesday"] == "sent" and columns["pixel 0,1"] == "scan"


def test_what_is_in_no_text_is_said_so() -> None:
    words = Units(np.zeros(2), np.ones(2), ("term", "flag"), ("body", "urgent"))
    assert [words.say(0, 0.0), words.say(0, 0.3)] == ["not in the text", "in the text"]
    assert [words.say(1, 0.4), words.say(1, 0.6)] == ["no", "yes"]


def test_parts_come_in_the_order_of_the_features() -> None:
    preprocessing = fitted(Recipe(MIXED))
    found = [name for name, _, _ in fitted_parts(preprocessing)]
    assert found == ["text0", "numeric", "categorical", "boolean", "date0", "image0"]
    starts = [preprocessing.output_indices_[name].start for name in found]
    assert starts == sorted(starts)
