"""Samples as the recipe sees them: its columns, in order, each in the form it is encoded from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Column, Recipe
from mlvajra_al.records.notations import plain

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
        unreadable or infinite; categories as words; dates as datetime64; images as lists
        or arrays.

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
    values = {
        column.name: _SERIES[column.kind](given)
        for column, given in zip(columns, _values(table, columns), strict=True)
    }
    return pd.DataFrame(values, index=pd.RangeIndex(len(table)))


def _values(
    table: pa.Table | Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> Iterator[Any]:
    if not isinstance(table, pa.Table):
        yield from (_plain([row.get(column.name) for row in table], column) for column in columns)
        return
    # Arrow looks through all names for each: of thousands of columns that takes seconds.
    by_name = dict(zip(table.column_names, table.columns, strict=True))
    for column in columns:
        yield _of_table(by_name.get(column.name), column)


def _of_table(found: pa.ChunkedArray | None, column: Column) -> Any:
    if found is None:
        return []
    if column.kind == "numeric" and _is_number(found.type):
        return found.cast(pa.float64(), safe=False).to_numpy()  # 1,000,000 rows need no list
    if column.kind == "image" and pa.types.is_fixed_size_list(found.type):
        return _pixels(found)
    return _plain(found.to_pylist(), column)


def _pixels(found: pa.ChunkedArray) -> list[Any]:
    """Return images as arrays; as lists a million pixels each would hold up every other thread."""
    there, sizes = found.drop_null(), []
    pixels: Any = there
    while pa.types.is_fixed_size_list(pixels.type):
        sizes.append(pixels.type.list_size)
        pixels = pc.list_flatten(pixels)
    if len(pixels) != len(there) * math.prod(sizes):  # a line of an image is missing
        return list(found.to_pylist())
    images = iter(pixels.to_numpy().reshape(-1, *sizes))
    return [next(images) if seen else None for seen in found.is_valid().to_pylist()]


def _plain(values: list[Any], column: Column) -> list[Any]:
    """Return numbers or dates that an import left as they were written as a computer does."""
    if column.written == "plain":
        return values
    return [plain(v.strip(), column.written) if isinstance(v, str) else v for v in values]


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_floating(type_) or pa.types.is_integer(type_))


def _text(values: list[Any]) -> pd.Series:
    return pd.Series(["" if _missing(v) else str(v) for v in values], dtype=object)


def _numeric(values: Any) -> pd.Series:
    if not isinstance(values, np.ndarray):
        values = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers = np.asarray(values, dtype=np.float64)
    return pd.Series(np.clip(np.where(np.isinf(numbers), np.nan, numbers), -LARGEST, LARGEST))


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
