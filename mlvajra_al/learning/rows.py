"""Rows by position and below one another, whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from mlvajra_al.errors import Invalid
from mlvajra_al.learning.mapped import Mapping
from mlvajra_al.words import plural


def take(rows: Any, positions: Any) -> Any:
    """Return rows by position, whatever holds them.

    Examples
    --------
    >>> take(pd.DataFrame({0: [5, 6, 7]}), [2, 0])[0].tolist()
    [7, 5]
    >>> take(["x", "y", "z"], [1])
    ['y']
    """
    if isinstance(rows, (pd.DataFrame, pd.Series)):
        return rows.iloc[positions]
    if sparse.issparse(rows):
        return _gather(rows.tocsr(), positions)
    if isinstance(rows, (list, tuple)):
        if np.ndim(positions) == 0:
            return rows[int(positions)]
        return [rows[int(position)] for position in positions]
    return _gather(np.asarray(rows), positions)


def _gather(rows: Any, positions: Any) -> Any:
    mapping = Mapping.of(rows) if np.ndim(positions) == 1 else None
    return rows[positions] if mapping is None else mapping.gather(positions)


def cut(rows: Any, first: int, last: int) -> Any:
    """Return rows that follow one another, as a view where what holds them allows.

    Examples
    --------
    >>> cut(sparse.csr_matrix([[0, 1], [2, 0], [0, 3]]), 1, 3).toarray().tolist()
    [[2, 0], [0, 3]]
    """
    if isinstance(rows, (pd.DataFrame, pd.Series)):
        return rows.iloc[first:last]
    if not (sparse.issparse(rows) and rows.format == "csr"):
        return rows[first:last]
    start, stop = int(rows.indptr[first]), int(rows.indptr[last])
    part = type(rows)((last - first, rows.shape[1]), dtype=rows.dtype)  # given arrays, it copies
    part.data, part.indices = rows.data[start:stop], rows.indices[start:stop]
    part.indptr = (rows.indptr[first : last + 1] - start).astype(rows.indices.dtype, copy=False)
    return part


def require_numbers(rows: Any) -> None:
    """Refuse sparse rows that hold NaN or infinity: no estimator takes them.

    Of dense rows nothing is asked: some estimators take what is missing. Nor is it of rows in a
    large file, which would have to be read for it.

    Raises
    ------
    Invalid

    Examples
    --------
    >>> require_numbers(sparse.csr_matrix([[0.0, 1.0], [np.nan, 0.0]]))
    Traceback (most recent call last):
    ...
    mlvajra_al.errors.Invalid: 1 value of the sparse rows is NaN or infinite, the first in row 1,
    column 0; put a number there, or leave it out where it means 0
    """
    if not sparse.issparse(rows):
        return
    rows = rows.tocsr()
    if Mapping.of(rows) is not None:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.data.sum()):  # one pass that copies nothing
            return
    odd = np.flatnonzero(~np.isfinite(rows.data))
    if not len(odd):
        return
    row = int(np.searchsorted(rows.indptr, odd[0], side="right")) - 1
    column = int(rows.indices[odd[0]])
    some, are = plural(len(odd), "value"), "is" if len(odd) == 1 else "are"
    raise Invalid(
        f"{some} of the sparse rows {are} NaN or infinite, the first in row {row}, "
        f"column {column}; put a number there, or leave it out where it means 0"
    )


def stack(known: Any, new: Any) -> Any:
    """Return known and new rows below one another, in the form they came in.

    Examples
    --------
    >>> stack(["a"], ["b", "c"])
    ['a', 'b', 'c']
    >>> stack(pd.DataFrame({0: [1]}), pd.DataFrame({0: [2]})).shape
    (2, 1)
    """
    if isinstance(known, (pd.DataFrame, pd.Series)):
        return pd.concat([known, type(known)(new)], ignore_index=True)
    if sparse.issparse(known) or sparse.issparse(new):
        return sparse.vstack([known, new], format="csr")
    if isinstance(known, list):
        return [*known, *new]
    return np.concatenate([np.asarray(known), np.asarray(new)])
