"""From a recipe to features, whatever is in the columns."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.pipeline import Pipeline

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.encoders import NO_WORDS, DateParts, Pixels, Terms
from mlvajra_al.learning.frames import MISSING, inputs, to_frame
from mlvajra_al.learning.pipeline import assemble, build_preprocessing, transform
from mlvajra_al.learning.training import train
from mlvajra_al.learning.wording import feature_names, units
from mlvajra_al.records import Column, EstimatorName, Recipe

ESTIMATORS: list[EstimatorName] = [
    "logistic_regression", "sgd", "complement_nb", "random_forest", "hist_gradient_boosting",
]  # fmt: skip
KINDS = {"body": "text", "size": "numeric", "colour": "categorical", "urgent": "boolean",
         "sent": "date", "scan": "image"}  # fmt: skip
ROWS = [
    {"body": f"word{i % 4} other!", "size": float(i - 5), "colour": ["red", "blue"][i % 2],
     "urgent": i % 3 == 0, "sent": pd.Timestamp(2002, 1 + i % 12, 3, 12), "scan": [[i, 1], [2, 3]],
     "gold": "x"}
    for i in range(12)
]  # fmt: skip


def recipe(*names: str, estimator: EstimatorName = "logistic_regression") -> Recipe:
    return Recipe(tuple(Column(name, KINDS[name]) for name in names or KINDS), estimator)


def test_only_the_columns_of_the_recipe_come_through_in_its_order() -> None:
    frame = to_frame(ROWS, recipe("size", "body"))
    assert list(frame.columns) == ["size", "body"]


def test_tables_and_rows_give_the_same_frame() -> None:
    table = pa.Table.from_pylist(ROWS)
    assert to_frame(table, recipe()).equals(to_frame(ROWS, recipe()))


def test_numbers_taken_as_words_keep_their_spelling() -> None:
    table = pa.table({"colour": pa.array([1, 2, None], pa.int64())})
    assert to_frame(table, recipe("colour"))["colour"].tolist() == ["1", "2", MISSING]


def test_numbers_of_a_table_are_read_like_those_of_rows() -> None:
    numbers = [1.5, None, math.inf, -1e300]
    table = pa.table({"size": pa.array(numbers)})
    rows = [{"size": number} for number in numbers]
    assert to_frame(table, recipe("size")).equals(to_frame(rows, recipe("size")))
    whole = pa.table({"size": pa.array([3, None], pa.int64())})
    assert to_frame(whole, recipe("size"))["size"].dtype == "float64"


def test_what_is_missing_has_a_form_per_kind() -> None:
    frame = to_frame([dict.fromkeys(KINDS), ROWS[0]], recipe())
    row = frame.iloc[0]
    assert row["body"] == "" and row["colour"] == MISSING and row["scan"] is None
    assert math.isnan(row["size"]) and math.isnan(row["urgent"]) and row["sent"] is not row["body"]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "n/a", None, {}])
def test_numbers_that_are_none_become_missing(value: object) -> None:
    assert to_frame([{"size": value}], recipe("size"))["size"].isna().all()


@pytest.mark.parametrize(
    ("value", "read"), [(True, 1), ("Yes", 1), ("0", 0), (0.0, 0), ("off", 0), (1, 1), ("TRUE", 1)]
)
def test_booleans_are_read_in_many_spellings(value: object, read: float) -> None:
    assert to_frame([{"urgent": value}], recipe("urgent"))["urgent"].tolist() == [read]


@pytest.mark.parametrize("value", ["2002-05-03", date(2002, 5, 3), "2002-05-03T00:00:00Z"])
def test_dates_are_read_in_many_spellings(value: object) -> None:
    frame = to_frame([{"sent": value}, {"sent": "rubbish"}], recipe("sent"))
    assert frame["sent"][0] == pd.Timestamp(2002, 5, 3)
    assert frame["sent"].isna().tolist() == [False, True]


def test_a_column_that_vanished_is_named() -> None:
    with pytest.raises(Invalid, match="1 of 2 input columns are not in the data: body"):
        to_frame([{"size": 1}], recipe("size", "body"))


def test_a_recipe_without_inputs_is_refused() -> None:
    with pytest.raises(Invalid, match="0 input columns"):
        inputs(Recipe((Column("id", "ignored"),)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_kind_at_once_feeds_every_estimator(estimator: EstimatorName) -> None:
    mixed = recipe(estimator=estimator)
    frame = to_frame(ROWS, mixed)
    preprocessing = build_preprocessing(mixed).fit(frame)
    X = transform(preprocessing, frame)
    dense = estimator in ("random_forest", "hist_gradient_boosting")
    assert sparse.issparse(X) is not dense and X.dtype == np.float32
    assert len(feature_names(preprocessing)) == X.shape[1] == len(units(preprocessing).kinds)
    if estimator == "complement_nb":
        assert X.min() >= 0


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_single_column_of_any_kind_is_enough(name: str, estimator: EstimatorName) -> None:
    one = recipe(name, estimator=estimator)
    frame = to_frame(ROWS, one)
    preprocessing = build_preprocessing(one).fit(frame)
    nothing = to_frame([{name: None}], one)
    assert np.isfinite(transform(preprocessing, nothing).sum())
    assert transform(preprocessing, frame[:0]).shape == (0, len(feature_names(preprocessing)))


def test_columns_in_which_everything_is_missing_are_harmless() -> None:
    rows = [dict.fromkeys(KINDS) for _ in range(6)]
    frame = to_frame(rows, recipe())
    preprocessing = build_preprocessing(recipe()).fit(frame)
    assert np.isfinite(transform(preprocessing, frame).toarray()).all()
    assert any(NO_WORDS in name for name in feature_names(preprocessing))


def test_names_can_be_read_aloud() -> None:
    rows = [*ROWS, {**ROWS[0], "size": None, "urgent": None}]
    preprocessing = build_preprocessing(recipe()).fit(to_frame(rows, recipe()))
    names = feature_names(preprocessing)
    wanted = ["body: word1", "body: !", "size", "size is missing", "colour = red", "urgent",
              "sent: weekday = Monday", "sent: month = Jan", "pixel 1,0"]  # fmt: skip
    assert set(wanted) <= set(names)
    assert len(set(names)) == len(names)


def test_values_are_told_in_the_units_of_the_data() -> None:
    for estimator in ESTIMATORS:
        mixed = recipe("size", "urgent", "scan", estimator=estimator)
        frame = to_frame(ROWS, mixed)
        preprocessing = build_preprocessing(mixed).fit(frame)
        said, names = units(preprocessing), feature_names(preprocessing)
        row = transform(preprocessing, frame)[7]
        assert said.say(names.index("size"), row[names.index("size")]) == "2"
        assert said.say(names.index("urgent"), row[names.index("urgent")]) == "no"
        assert said.say(names.index("pixel 0,0"), row[names.index("pixel 0,0")]) == "7"


def test_a_category_never_seen_is_one_of_the_others() -> None:
    one = recipe("colour")
    rows = [{"colour": c} for c in ["red"] * 3 + ["blue"] * 3 + ["gold", "pink"]]
    preprocessing = build_preprocessing(one).fit(to_frame(rows, one))
    new = transform(preprocessing, to_frame([{"colour": "green"}], one))
    assert new.tolist() == [[0.0, 0.0, 1.0]]


def test_preprocessing_never_sees_a_label() -> None:
    frame = to_frame(ROWS, recipe())
    plain = transform(build_preprocessing(recipe()).fit(frame), frame)
    told = transform(build_preprocessing(recipe()).fit(frame, ["a", "b"] * 6), frame)
    assert (plain != told).nnz == 0


def test_an_assembled_pipeline_answers_as_its_parts_do() -> None:
    frame = to_frame(ROWS, recipe())
    preprocessing = build_preprocessing(recipe()).fit(frame)
    X = transform(preprocessing, frame)
    model = train("logistic_regression", X, ["a", "b"] * 6, seed=0).model
    pipeline = assemble(preprocessing, model)
    assert isinstance(pipeline, Pipeline)
    assert np.allclose(pipeline.predict_proba(frame), model.predict_proba(X))


def test_marks_that_tell_spam_apart_are_terms() -> None:
    preprocessing = build_preprocessing(recipe("body"))
    frame = to_frame([{"body": "Win $ now!"}, {"body": "win $ NOW!"}], recipe("body"))
    names = feature_names(preprocessing.fit(frame))
    assert names == ("body: !", "body: $", "body: now", "body: win")


@pytest.mark.parametrize(
    ("texts", "terms"),
    [
        (("我很喜欢", "不喜欢"), ["喜", "欢"]),
        (("おいしいカレー", "カレーはおいしい"), ["い", "お", "し", "カレー"]),
        (("great😀", "😀😡"), ["😀"]),
        (("café 한국어 v2", "한국어 CAFÉ v2"), ["café", "v2", "한국어"]),
        (("मुझे हिन्दी पसंद है।", "हिन्दी"), ["हिन्दी"]),
        (("สวัสดี", "สวัสดี"), ["ดี", "วั", "ส"]),
        (("e\u0301te\u0301 שָׁלוֹם", "שָׁלוֹם e\u0301te\u0301"), ["e\u0301te\u0301", "שָׁלוֹם"]),
    ],
)
def test_words_of_every_script_and_emoji_are_terms(
    texts: tuple[str, str], terms: list[str]
) -> None:
    frame = to_frame([{"body": text} for text in texts], recipe("body"))
    names = feature_names(build_preprocessing(recipe("body")).fit(frame))
    assert names == tuple(f"body: {term}" for term in terms)


def test_terms_survive_a_round_through_a_tiny_pool() -> None:
    terms = Terms(min_df=2).fit(["one text"])
    assert terms.transform(["one"]).nnz == 1
    assert terms.fit(["same", "same", "other"]).get_feature_names_out().tolist() == ["same"]


@pytest.mark.parametrize("values", [[-2.0, -1.0], [-0.5, -0.25], [-1.0, 1.0], [0.0, 0.0]])
def test_what_is_below_0_in_an_image_or_an_embedding_is_seen(values: list[float]) -> None:
    one = recipe("scan")
    frame = to_frame([{"scan": [value]} for value in values], one)
    preprocessing = build_preprocessing(one).fit(frame)
    seen = transform(preprocessing, frame)[:, 0]
    assert [units(preprocessing).say(0, value) for value in seen] == [f"{v:g}" for v in values]
    assert 0 <= seen.min() and seen.max() <= 1


def test_an_image_of_another_size_is_refused_with_numbers() -> None:
    frame = to_frame(ROWS, recipe("scan"))
    pixels = Pixels().fit(frame)
    with pytest.raises(Invalid, match="an image of 3 pixels where the pool has 4"):
        pixels.transform(to_frame([{"scan": [1, 2, 3]}], recipe("scan")))
    with pytest.raises(Invalid, match="an image of 4 x 1 pixels where the pool has 2 x 2"):
        pixels.transform(to_frame([{"scan": [[1], [2], [3], [4]]}], recipe("scan")))
    alike = to_frame([{"scan": [[1, 2, 3, 4]]}, {"scan": [[1, 2], [3, 4]]}], recipe("scan"))
    assert np.ptp(pixels.transform(alike), axis=0).tolist() == [0.0] * 4


def test_a_flat_image_is_taken_for_a_square_and_colour_keeps_its_channels() -> None:
    flat = to_frame([{"scan": list(range(9))}], recipe("scan"))
    assert Pixels().fit(flat).shape_ == (3, 3)
    colour = to_frame([{"scan": np.ones((2, 2, 3)).tolist()}], recipe("scan"))
    assert Pixels().fit(colour).get_feature_names_out()[-1] == "pixel 1,1,2"
    strip = to_frame([{"scan": [1, 2, 3]}], recipe("scan"))
    assert Pixels().fit(strip).shape_ == (1, 3)


def test_dates_before_and_after_the_pool_stay_within_bounds() -> None:
    one = recipe("sent")
    parts = DateParts().fit(to_frame([{"sent": "2002-01-01"}, {"sent": "2002-01-11"}], one))
    out = parts.transform(to_frame([{"sent": "1990-01-01"}, {"sent": "2050-01-01"}], one))
    assert out[:, 0].tolist() == [0.0, 2.0]
