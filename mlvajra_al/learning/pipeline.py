"""Recipe -> preprocessing + estimator; one scikit-learn Pipeline assembled from both.

Preprocessing needs no labels: it is fitted on the pool without the holdout and frozen.
How a column is encoded depends on its kind and on what the estimator can digest:
`complement_nb` gets no negative feature, trees get unscaled numbers and few, dense terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.encoders import DateParts, Pixels, Terms
from mlvajra_al.records import Column, ColumnKind, EstimatorName, Recipe

Matrix: TypeAlias = NDArray[np.float32] | sparse.csr_matrix

TREES = ("random_forest", "hist_gradient_boosting")
TOKEN = r"(?u)\b\w+\b|[!?$€£%]"  # noqa: S105  marks tell spam apart: F1 +0.004 at 160 labels
MISSING = "(missing)"
LARGEST = 1e30
TRUE, FALSE = ("true", "yes", "y", "t", "on", "1"), ("false", "no", "n", "f", "off", "0")


def inputs(recipe: Recipe) -> tuple[Column, ...]:
    """Return the columns of a recipe that the model may see.

    Examples
    --------
    >>> recipe = Recipe((Column("body", "text"), Column("id", "ignored")))
    >>> [column.name for column in inputs(recipe)]
    ['body']
    """
    columns = tuple(column for column in recipe.columns if column.kind != "ignored")
    if not columns:
        raise Invalid("the recipe has 0 input columns; choose at least one to learn from")
    return columns


def to_frame(table: pa.Table | Sequence[Mapping[str, Any]], recipe: Recipe) -> pd.DataFrame:
    """Return the recipe's columns, in order, each in the form its kind is encoded from.

    Parameters
    ----------
    table : pyarrow.Table or sequence of mappings
        Samples; other columns are left out.
    recipe : Recipe

    Returns
    -------
    DataFrame of shape (n_samples, n_inputs)
        Text without gaps; numbers and booleans as float64 with NaN for what is missing,
        unreadable or infinite; categories as words; dates as datetime64; images as lists.

    Raises
    ------
    Invalid
        If a column of the recipe is not in the table.

    Examples
    --------
    >>> recipe = Recipe((Column("body", "text"), Column("size", "numeric")))
    >>> to_frame([{"body": "hello", "size": "12"}, {"body": None, "size": None}], recipe)
        body  size
    0  hello  12.0
    1          NaN
    """
    columns = inputs(recipe)
    have = set(table.column_names) if isinstance(table, pa.Table) else set().union(*table)
    absent = [c.name for c in columns if c.name not in have]
    if absent and len(table):
        raise Invalid(
            f"{len(absent)} of {len(columns)} input columns are not in the data: "
            f"{', '.join(absent)}; add them or change the recipe"
        )
    values = {column.name: _SERIES[column.kind](_values(table, column)) for column in columns}
    return pd.DataFrame(values, index=pd.RangeIndex(len(table)))


def _values(table: pa.Table | Sequence[Mapping[str, Any]], column: Column) -> Any:
    if not isinstance(table, pa.Table):
        return [row.get(column.name) for row in table]
    if column.name not in table.column_names:
        return []
    found = table[column.name]
    if column.kind == "numeric" and _is_number(found.type):
        return found.cast(pa.float64(), safe=False).to_numpy()  # 1,000,000 rows need no list
    return found.to_pylist()


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_floating(type_) or pa.types.is_integer(type_))


def _text(values: list[Any]) -> pd.Series:
    return pd.Series(["" if _missing(v) else str(v) for v in values], dtype=object)


def _numeric(values: Any) -> pd.Series:
    if not isinstance(values, np.ndarray):
        values = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers = pd.Series(values).astype("float64").replace([np.inf, -np.inf], np.nan)
    return numbers.clip(-LARGEST, LARGEST)


def _categorical(values: list[Any]) -> pd.Series:
    return pd.Series([MISSING if _missing(v) else str(v) for v in values], dtype=object)


def _boolean(values: list[Any]) -> pd.Series:
    known = dict.fromkeys(TRUE, 1.0) | dict.fromkeys(FALSE, 0.0)
    words = (str(v).strip().lower().removesuffix(".0") for v in values)
    return pd.Series([known.get(word, np.nan) for word in words], dtype="float64")


def _date(values: list[Any]) -> pd.Series:
    series = pd.Series(values, dtype=object)
    dates = pd.to_datetime(series, errors="coerce", utc=True, format="mixed")
    return dates.dt.tz_localize(None)


def _image(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def _missing(value: Any) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


_SERIES = {
    "text": _text,
    "numeric": _numeric,
    "categorical": _categorical,
    "boolean": _boolean,
    "date": _date,
    "image": _image,
}


def build_preprocessing(recipe: Recipe) -> ColumnTransformer:
    """Build the unfitted, label-free preprocessing of a recipe.

    With text and a linear model or naive Bayes its output is sparse, else dense, whatever
    the data looks like.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    ColumnTransformer
        Fit it on a frame made by `to_frame`.

    References
    ----------
    .. [1] G. Salton and C. Buckley, "Term-weighting approaches in automatic text retrieval",
       Information Processing & Management 24(5), 1988.

    Examples
    --------
    >>> recipe = Recipe((Column("body", "text"), Column("size", "numeric")))
    >>> frame = to_frame([{"body": "a b", "size": 1}, {"body": "b c", "size": 3}], recipe)
    >>> preprocessing = build_preprocessing(recipe).fit(frame)
    >>> feature_names(preprocessing)
    ('body: b', 'size')
    """
    columns = inputs(recipe)
    kinds: dict[ColumnKind, list[str]] = {}
    for column in columns:
        kinds.setdefault(column.kind, []).append(column.name)
    steps: list[tuple[str, Any, Any]] = []
    for kind, names in kinds.items():
        if kind in ("text", "date", "image"):
            steps += [_single(kind, number, name, recipe) for number, name in enumerate(names)]
        else:
            steps.append((kind, _encoder(kind, recipe.estimator), names))
    threshold = 1.0 if "text" in kinds and recipe.estimator not in TREES else 0.0
    return ColumnTransformer(steps, sparse_threshold=threshold, verbose_feature_names_out=False)


def _single(kind: ColumnKind, number: int, name: str, recipe: Recipe) -> tuple[str, Any, Any]:
    if kind == "text":
        return f"text{number}", _terms(recipe.estimator), name
    return f"{kind}{number}", DateParts() if kind == "date" else Pixels(), [name]


def _terms(estimator: EstimatorName) -> Terms:
    return Terms(
        sublinear_tf=True,
        min_df=2,
        token_pattern=TOKEN,
        max_features=500 if estimator in TREES else 2**18,
        dtype=np.float32,
    )


def _encoder(kind: ColumnKind, estimator: EstimatorName) -> Any:
    if kind == "categorical":
        return OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=2,
            max_categories=100,
            sparse_output=False,
            dtype=np.float32,
        )
    if kind == "boolean":
        return SimpleImputer(
            strategy="constant", fill_value=0.0, add_indicator=True, keep_empty_features=True
        )
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if estimator in TREES:
        return Pipeline([("impute", impute)])
    scale = MinMaxScaler(clip=True) if estimator == "complement_nb" else StandardScaler()
    return Pipeline([("impute", impute), ("scale", scale)])


def transform(preprocessing: ColumnTransformer, frame: pd.DataFrame) -> Matrix:
    """Return the features of `frame` as float32, CSR where there are terms, else dense.

    Examples
    --------
    >>> recipe = Recipe((Column("size", "numeric"),))
    >>> frame = to_frame([{"size": 1}, {"size": 3}], recipe)
    >>> transform(build_preprocessing(recipe).fit(frame), frame).tolist()
    [[-1.0], [1.0]]
    """
    if not len(frame):
        width = len(feature_names(preprocessing))
        empty = np.empty((0, width), dtype=np.float32)
        return sparse.csr_matrix(empty) if preprocessing.sparse_output_ else empty
    out = preprocessing.transform(frame)
    if sparse.issparse(out):
        csr = sparse.csr_matrix(out, dtype=np.float32)
        csr.sort_indices()
        return csr
    return np.ascontiguousarray(out, dtype=np.float32)


def feature_names(preprocessing: ColumnTransformer) -> tuple[str, ...]:
    """Name the features of a fitted preprocessing as a person would.

    Examples
    --------
    >>> recipe = Recipe((Column("colour", "categorical"),))
    >>> rows = [{"colour": c} for c in ("red", "red", "blue", "blue", "gold", "pink")]
    >>> feature_names(build_preprocessing(recipe).fit(to_frame(rows, recipe)))
    ('colour = blue', 'colour = red', 'colour = other')
    """
    names: list[str] = []
    for _, encoder, columns in fitted_parts(preprocessing):
        names += _names(encoder, columns)
    return tuple(names)


def fitted_parts(preprocessing: ColumnTransformer) -> list[tuple[str, Any, Any]]:
    """Return (name, encoder, columns) of the fitted parts, in the order of the features.

    Examples
    --------
    >>> recipe = Recipe((Column("size", "numeric"),))
    >>> fitted = build_preprocessing(recipe).fit(to_frame([{"size": 1}], recipe))
    >>> [name for name, _, _ in fitted_parts(fitted)]
    ['numeric']
    """
    return [part for part in preprocessing.transformers_ if part[0] != "remainder"]


def _names(encoder: Any, columns: Any) -> list[str]:
    if isinstance(encoder, Terms):
        return [f"{columns}: {term}" for term in encoder.get_feature_names_out()]
    if isinstance(encoder, (DateParts, Pixels)):
        return [str(name) for name in encoder.get_feature_names_out()]
    if isinstance(encoder, OneHotEncoder):
        return [
            f"{column} = {category}"
            for column, number in zip(columns, range(len(columns)), strict=True)
            for category in _categories(encoder, number)
        ]
    imputer = encoder[0] if isinstance(encoder, Pipeline) else encoder
    gaps = imputer.indicator_.features_
    return [*columns, *(f"{columns[int(gap)]} is missing" for gap in gaps)]


def _categories(encoder: OneHotEncoder, number: int) -> list[str]:
    rare = encoder.infrequent_categories_[number]
    names = [str(c) for c in encoder.categories_[number] if rare is None or c not in rare]
    return names if rare is None else [*names, "other"]


@dataclass(frozen=True, slots=True)
class Units:
    """How to say a feature in the data's words: ``value = feature * scale + offset``.

    `kinds` are "number", "term" or "flag".
    """

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    kinds: tuple[str, ...]

    def say(self, feature: int, value: float) -> str:
        """Return the value of a feature as a person would write it."""
        if self.kinds[feature] == "term":
            return "in the text" if value else "not in the text"
        if self.kinds[feature] == "flag":
            return "yes" if value * self.scale[feature] + self.offset[feature] > 0.5 else "no"
        return f"{value * self.scale[feature] + self.offset[feature]:.4g}"


def units(preprocessing: ColumnTransformer) -> Units:
    """Return what turns the features of a fitted preprocessing back into words.

    Examples
    --------
    >>> recipe = Recipe((Column("size", "numeric"),))
    >>> rows = [{"size": 1}, {"size": 3}]
    >>> units(build_preprocessing(recipe).fit(to_frame(rows, recipe))).say(0, 0.25)
    '2.25'
    """
    parts = [_units(encoder, columns) for _, encoder, columns in fitted_parts(preprocessing)]
    offset, scale, kinds = zip(*parts, strict=True)
    return Units(np.concatenate(offset), np.concatenate(scale), tuple(chain(*kinds)))


def _units(
    encoder: Any, columns: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    size = len(_names(encoder, columns))
    offset, scale = np.zeros(size), np.ones(size)
    if isinstance(encoder, Terms):
        return offset, scale, ["term"] * size
    if isinstance(encoder, Pixels):
        return offset, scale * encoder.top_, ["number"] * size
    if isinstance(encoder, DateParts):
        scale[:2] = encoder.span_, 24
        return offset, scale, ["number", "number", *["flag"] * (size - 2)]
    if not isinstance(encoder, Pipeline):
        return offset, scale, ["flag"] * size
    if isinstance(encoder[-1], StandardScaler):
        offset, scale = np.array(encoder[-1].mean_), np.array(encoder[-1].scale_)
    if isinstance(encoder[-1], MinMaxScaler):
        offset, scale = np.array(encoder[-1].data_min_), 1 / np.array(encoder[-1].scale_)
    return offset, scale, ["number"] * len(columns) + ["flag"] * (size - len(columns))


def build_estimator(name: EstimatorName, *, seed: int) -> ClassifierMixin:
    """Build an unfitted classifier with settings that suit few labels.

    C and the class weights were chosen on spam: F1 at 160 labels 0.958 with C = 10 and
    balanced weights, 0.938 with scikit-learn's defaults (benchmarks/label_efficiency.py).

    Examples
    --------
    >>> build_estimator("complement_nb", seed=0)
    ComplementNB(alpha=0.3)
    """
    if name == "logistic_regression":
        return LogisticRegression(C=10.0, class_weight="balanced", max_iter=1_000)
    if name == "sgd":
        return SGDClassifier(loss="log_loss", alpha=1e-4, random_state=seed)
    if name == "complement_nb":
        return ComplementNB(alpha=0.3)
    if name == "random_forest":
        # "balanced" fails on labels that read like numbers (scikit-learn 1.9), this does not
        return RandomForestClassifier(100, class_weight="balanced_subsample", random_state=seed)
    return HistGradientBoostingClassifier(  # small trees on few features: F1 0.84 -> 0.89 on digits
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=2,
        max_features=0.2,
        l2_regularization=1.0,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )


def assemble(preprocessing: ColumnTransformer, estimator: ClassifierMixin) -> Pipeline:
    """Put fitted preprocessing and a fitted estimator together as one Pipeline.

    Examples
    --------
    >>> recipe = Recipe((Column("size", "numeric"),))
    >>> frame = to_frame([{"size": 1}, {"size": 3}], recipe)
    >>> preprocessing = build_preprocessing(recipe).fit(frame)
    >>> model = LogisticRegression().fit(transform(preprocessing, frame), ["small", "big"])
    >>> assemble(preprocessing, model).predict(frame).tolist()
    ['small', 'big']
    """
    return Pipeline([("preprocessing", preprocessing), ("estimator", estimator)])
