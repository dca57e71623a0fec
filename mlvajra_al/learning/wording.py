"""What the features of a fitted preprocessing are called, and how to say their values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from mlvajra_al.learning.encoders import DateParts, Pixels, Terms
from mlvajra_al.words import number as said

FLOAT32 = 1e-6
SURE_DIGITS = 6
"""So many digits survive being a feature in single precision."""


def feature_names(preprocessing: ColumnTransformer) -> tuple[str, ...]:
    """Name the features of a fitted preprocessing as a person would.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
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
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
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

    `kinds` are "column" (a column of numbers as it is), "number", "term" or "flag"; `columns`
    are those of the data that features are made of.
    """

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    kinds: tuple[str, ...]
    columns: tuple[str, ...]

    def say(self, feature: int, value: float, row: Mapping[str, Any] | None = None) -> str:
        """Return the value of a feature as a person would write it.

        A number is read from the `row` it came from, if there is one: features are single
        precision, and clipped or filled in.
        """
        if self.kinds[feature] == "term":
            return "in the text" if value else "not in the text"
        scale, offset = self.scale[feature], self.offset[feature]
        number = value * scale + offset
        if self.kinds[feature] == "flag":
            return "yes" if number > 0.5 else "no"
        if self.kinds[feature] == "column" and row is not None:
            given = float(row[self.columns[feature]])
            return said(given) if math.isfinite(given) else "missing"
        nothing = FLOAT32 * max(abs(scale), abs(offset))  # what is left of a zero in float32
        return said(0.0 if abs(number) < nothing else float(f"{number:.{SURE_DIGITS}g}"))


def units(preprocessing: ColumnTransformer) -> Units:
    """Return what turns the features of a fitted preprocessing back into words.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("size", "numeric"),))
    >>> rows = [{"size": 1}, {"size": 3}]
    >>> units(build_preprocessing(recipe).fit(to_frame(rows, recipe))).say(0, 0.25)
    '2.25'
    """
    parts = [_units(encoder, columns) for _, encoder, columns in fitted_parts(preprocessing)]
    offset, scale, kinds = zip(*parts, strict=True)
    columns = feature_columns(preprocessing)
    return Units(np.concatenate(offset), np.concatenate(scale), tuple(chain(*kinds)), columns)


def feature_columns(preprocessing: ColumnTransformer) -> tuple[str, ...]:
    """Return for each feature the column of the data it is made of.

    Examples
    --------
    >>> from mlvajra_al.learning.frames import to_frame
    >>> from mlvajra_al.learning.pipeline import build_preprocessing
    >>> from mlvajra_al.records import Column, Recipe
    >>> recipe = Recipe((Column("colour", "categorical"), Column("size", "numeric")))
    >>> rows = [{"colour": c, "size": None} for c in ("red", "red", "blue", "blue")]
    >>> feature_columns(build_preprocessing(recipe).fit(to_frame(rows, recipe)))
    ('colour', 'colour', 'size', 'size')
    """
    parts = fitted_parts(preprocessing)
    return tuple(chain(*(_columns(encoder, columns) for _, encoder, columns in parts)))


def _columns(encoder: Any, columns: Any) -> list[str]:
    if isinstance(encoder, Terms):
        return [str(columns)] * len(_names(encoder, columns))
    if isinstance(encoder, (DateParts, Pixels)):
        return [str(columns[0])] * len(_names(encoder, columns))
    if isinstance(encoder, OneHotEncoder):
        sizes = (len(_categories(encoder, number)) for number in range(len(columns)))
        return [column for column, size in zip(columns, sizes, strict=True) for _ in range(size)]
    imputer = encoder[0] if isinstance(encoder, Pipeline) else encoder
    return [*columns, *(columns[int(gap)] for gap in imputer.indicator_.features_)]


def _units(
    encoder: Any, columns: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    size = len(_names(encoder, columns))
    offset, scale = np.zeros(size), np.ones(size)
    if isinstance(encoder, Terms):
        return offset, scale, ["term"] * size
    if isinstance(encoder, Pixels):
        return offset + encoder.low_, scale * (encoder.top_ - encoder.low_), ["number"] * size
    if isinstance(encoder, DateParts):
        scale[:2] = encoder.span_, 24
        return offset, scale, ["number", "number", *["flag"] * (size - 2)]
    if not isinstance(encoder, Pipeline):
        return offset, scale, ["flag"] * size
    if isinstance(encoder[-1], StandardScaler):
        offset, scale = np.array(encoder[-1].mean_), np.array(encoder[-1].scale_)
    if isinstance(encoder[-1], MinMaxScaler):
        offset, scale = np.array(encoder[-1].data_min_), 1 / np.array(encoder[-1].scale_)
    return offset, scale, ["column"] * len(columns) + ["flag"] * (size - len(columns))
