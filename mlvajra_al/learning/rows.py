"""Rows by position and below one another, whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


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
        return rows.tocsr()[positions]
    if isinstance(rows, (list, tuple)):
        if np.ndim(positions) == 0:
            return rows[int(positions)]
        return [rows[int(position)] for position in positions]
    return np.asarray(rows)[positions]


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
