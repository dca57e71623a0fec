"""Words for values that no kind of column can hold, so that a column nobody uses is kept."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import orjson
import pyarrow as pa

UNSHOWN = "(cannot be shown)"


def texts(values: pa.Array) -> pa.Array:
    """Return values of any type as strings that a person can read; nothing is refused."""
    return pa.array([_scalar_text(value) for value in values], pa.large_string())


def _scalar_text(scalar: pa.Scalar) -> str | None:
    try:
        return as_text(scalar.as_py())
    except (ValueError, OverflowError):  # what Python has no value for, as a year of 12 digits
        return UNSHOWN


def as_text(value: Any) -> str | None:
    """Return one value as a string: lists and objects as JSON, bytes by their size if no text.

    Examples
    --------
    >>> as_text([1, "x"]), as_text(bytes(2_345)), as_text(timedelta(minutes=-90))
    ('[1,"x"]', '(2,345 bytes)', '-1:30:00')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _bytes_text(value)
    if isinstance(value, timedelta):
        return _duration_text(timedelta(value.days, value.seconds, value.microseconds))
    if isinstance(value, (list, tuple, dict, bool, int, float)):
        return _json(value)
    return str(value)


def _bytes_text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    return f"({len(value):,} bytes)" if "\0" in text else text


def _duration_text(value: timedelta) -> str:
    return f"-{-value}" if value < timedelta() else str(value)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=as_text).decode()
    except TypeError:  # an integer beyond 64 bits, or more levels than it takes
        pass
    try:
        return json.dumps(value, default=as_text)
    except RecursionError:
        return UNSHOWN
