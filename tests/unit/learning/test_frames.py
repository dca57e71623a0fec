"""Whatever samples hold becomes what its kind is encoded from, or is missing; nothing crashes."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.frames import LARGEST, MISSING, inputs, to_frame
from mlvajra_al.learning.pipeline import build_preprocessing, transform
from mlvajra_al.records import Column, ColumnKind, EstimatorName, Recipe
from tests.unit.learning.test_training import ESTIMATORS

KINDS: list[ColumnKind] = ["text", "numeric", "categorical", "boolean", "date"]


def one(kind: ColumnKind, value: Any) -> Any:
    """Return what a single value becomes."""
    return to_frame([{"x": value}], Recipe((Column("x", kind),)))["x"][0]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("hello", "hello"), ("", ""), (None, ""), (float("nan"), ""), (12, "12"), (1.5, "1.5"),
        (True, "True"), (["a"], "['a']"), ("\x00\ud7ff", "\x00\ud7ff"), (pd.NaT, ""),
    ],
)  # fmt: skip
def test_texts(value: object, read: str) -> None:
    assert one("text", value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (3, 3.0), ("3", 3.0), (" 3.5 ", 3.5), ("1e3", 1000.0), (True, 1.0), (-0.0, 0.0),
        (10**40, LARGEST), (-(10**40), -LARGEST), ("-1e300", -LARGEST),
    ],
)  # fmt: skip
def test_numbers(value: object, read: float) -> None:
    assert one("numeric", value) == read


@pytest.mark.parametrize(
    "value",
    [None, "", "twelve", "1,5", float("nan"), float("inf"), -float("inf"), "inf", "0x10", "1 2"],
)
def test_what_is_no_number_is_missing(value: object) -> None:
    assert np.isnan(one("numeric", value))


@pytest.mark.parametrize(
    ("value", "read"),
    [("red", "red"), (3, "3"), (3.0, "3.0"), (None, MISSING), (float("nan"), MISSING), ("", "")],
)
def test_categories(value: object, read: str) -> None:
    assert one("categorical", value) == read


@pytest.mark.parametrize("word", ["true", "TRUE", " Yes ", "y", "T", "on", "1", 1, 1.0, True])
def test_words_for_yes(word: object) -> None:
    assert one("boolean", word) == 1.0


@pytest.mark.parametrize("word", ["false", "No", "n", "F", "off", "0", 0, 0.0, False])
def test_words_for_no(word: object) -> None:
    assert one("boolean", word) == 0.0


@pytest.mark.parametrize("word", [None, "", "maybe", 2, "2.0", [], float("nan")])
def test_words_for_neither(word: object) -> None:
    assert np.isnan(one("boolean", word))


@pytest.mark.parametrize(
    "value",
    [
        "2002-08-22 12:00:00", "2002-08-22T12:00:00Z", "2002-08-22T14:00:00+02:00",
        dt.datetime(2002, 8, 22, 12),  # noqa: DTZ001
        dt.datetime(2002, 8, 22, 12, tzinfo=dt.UTC),
        pd.Timestamp("2002-08-22 12:00"), np.datetime64("2002-08-22T12:00:00"),
    ],
)  # fmt: skip
def test_dates_of_every_sort_are_the_same_moment(value: object) -> None:
    assert one("date", value) == pd.Timestamp("2002-08-22 12:00")


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "2002-13-45", "99999-01-01", float("nan")]
)
def test_what_is_no_date_is_missing(value: object) -> None:
    assert one("date", value) is pd.NaT


def test_mixed_dates_of_one_column_are_read_one_by_one() -> None:
    rows = [{"x": value} for value in ("2002-08-22", "22 Aug 2002", None, "nonsense")]
    read = to_frame(rows, Recipe((Column("x", "date"),)))["x"]
    assert read[0] == read[1] == pd.Timestamp("2002-08-22")
    assert read[2:].isna().all()


def test_the_recipe_decides_the_order_and_ignored_columns_stay_out() -> None:
    recipe = Recipe((Column("b", "numeric"), Column("id", "ignored"), Column("a", "text")))
    frame = to_frame([{"a": "x", "b": 1, "id": 7, "other": 8}], recipe)
    assert list(frame.columns) == ["b", "a"]
    assert [column.name for column in inputs(recipe)] == ["b", "a"]


@pytest.mark.parametrize("columns", [(), (Column("id", "ignored"),)])
def test_a_recipe_without_inputs_is_refused_with_the_remedy(columns: tuple[Column, ...]) -> None:
    with pytest.raises(Invalid, match="0 input columns; choose at least one to learn from"):
        inputs(Recipe(columns))


@pytest.mark.parametrize("rows", [[{"a": "x"}], pa.table({"a": ["x"]})], ids=["rows", "table"])
def test_columns_that_are_not_there_are_named(rows: Any) -> None:
    recipe = Recipe((Column("a", "text"), Column("b", "numeric"), Column("c", "date")))
    with pytest.raises(Invalid, match="2 of 3 input columns are not in the data: b, c; add them"):
        to_frame(rows, recipe)


@pytest.mark.parametrize("rows", [[], pa.table({"a": pa.array([], pa.string())}), pa.table({})])
def test_no_samples_are_an_empty_frame(rows: Any) -> None:
    recipe = Recipe((Column("a", "text"), Column("b", "numeric")))
    frame = to_frame(rows, recipe)
    assert frame.shape == (0, 2)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2, None], pa.int8()), pa.array([1, 2, None], pa.int64()),
        pa.array([1.0, 2.0, None], pa.float32()), pa.array(["1", "2", ""]),
        pa.array([1, 2, None], pa.uint16()), pa.array(["1", "2", "x"]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)  # fmt: skip
def test_numbers_of_every_type_of_column_are_read_alike(values: pa.Array) -> None:
    read = to_frame(pa.table({"x": values}), Recipe((Column("x", "numeric"),)))["x"]
    assert read[:2].tolist() == [1.0, 2.0] and np.isnan(read[2])


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(seen=st.lists(anything, min_size=1, max_size=6), unseen=st.lists(anything, max_size=4))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_value_at_all_becomes_finite_features(kind: ColumnKind, seen, unseen) -> None:
    recipe = Recipe((Column("x", kind),))
    fitted = build_preprocessing(recipe).fit(to_frame([{"x": v} for v in seen], recipe))
    for values in (seen, unseen):
        X = transform(fitted, to_frame([{"x": v} for v in values], recipe))
        dense = X.toarray() if hasattr(X, "toarray") else X
        assert dense.shape[0] == len(values) and np.isfinite(dense).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_encoded_one_by_one(kind: ColumnKind, estimator: EstimatorName) -> None:
    values = {
        "text": ["cheap pills", "", "pills now", None], "numeric": [1, None, -4.5, 1e9],
        "categorical": ["a", None, "b", "a"], "boolean": [True, None, False, True],
        "date": ["2002-01-01", None, "2003-05-05 10:00", "1999-01-01"],
    }[kind]  # fmt: skip
    recipe = Recipe((Column("x", kind),), estimator)
    rows = [{"x": value} for value in values]
    fitted = build_preprocessing(recipe).fit(to_frame(rows, recipe))
    together = transform(fitted, to_frame(rows, recipe))
    for place, row in enumerate(rows):
        alone = transform(fitted, to_frame([row], recipe))
        expected = together[place : place + 1]
        assert (alone != expected).sum() == 0


def test_thousands_of_columns_take_no_more_time_each_than_a_few() -> None:
    recipe = Recipe(tuple(Column(f"f{place}", "numeric") for place in range(3_000)))
    table = pa.table({column.name: [1.0, np.inf, 1e300, None] for column in recipe.columns})
    begun = time.process_time()
    frame = to_frame(table, recipe)
    assert time.process_time() - begun < 4
    for name in ("f0", "f2999"):
        np.testing.assert_equal(frame[name].to_numpy(), [1.0, np.nan, LARGEST, np.nan])


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.uint8()], ids=str)
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("missing", [None, [[1, 2], None]], ids=["whole", "a line is missing"])
def test_images_of_a_pool_are_read_as_arrays_and_mean_what_lists_mean(
    kind: pa.DataType, start: int, missing: Any
) -> None:
    rows = [[[1, 2], [3, 4]], None, [[5, None], [7, 8]], [[0, 0], [0, 9]]]
    images = pa.array(rows, pa.list_(pa.list_(kind, 2), 2))
    last = pa.array([missing], images.type)
    table = pa.table({"x": pa.chunked_array([images[:2], images[2:], last])}).slice(start)
    recipe = Recipe((Column("x", "image"),))
    frame = to_frame(table, recipe)
    assert isinstance(frame["x"][3 - start], np.ndarray if missing is None else list)
    if missing is None:
        pixels = build_preprocessing(recipe).fit(frame)
        as_lists = to_frame([{"x": image} for image in [*rows, None][start:]], recipe)
        assert np.array_equal(transform(pixels, frame), transform(pixels, as_lists))
