"""Whether two fitted models are the same to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PLAIN = (str, bytes, bool, int, type(None), type)


def same_bits(one: Any, other: Any) -> bool:
    """Tell whether two fitted estimators hold the same numbers to the last bit.

    Looks into everything they are made of. Hashes of their bytes would not do: the records of a
    tree's nodes have gaps that hold whatever was in memory.

    Parameters
    ----------
    one, other : estimators, or anything they hold

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> one, other = (LogisticRegression().fit([[0.0], [1.0]], ["a", "b"]) for _ in range(2))
    >>> same_bits(one, other)
    True
    >>> other.coef_ = np.nextafter(other.coef_, 1)
    >>> same_bits(one, other)
    False
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, PLAIN):
        return bool(one == other)
    if isinstance(one, np.ndarray):
        return _same_arrays(one, other)
    if isinstance(one, (float, np.generic)):
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_bits(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return _same_states(one, other)


def _same_arrays(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.names is not None:
        return all(_same_arrays(one[name], other[name]) for name in one.dtype.names)
    if one.dtype == object:
        return all(map(same_bits, one.ravel(), other.ravel()))
    return one.tobytes() == other.tobytes()


def _same_states(one: Any, other: Any) -> bool:
    """Compare what objects are made anew from: the arguments of their type, and their state."""
    made, again = one.__reduce_ex__(4), other.__reduce_ex__(4)
    if isinstance(made, str):
        return bool(made == again)
    return same_bits(made[1:3], again[1:3])
