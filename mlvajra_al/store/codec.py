"""Frozen records from columns, and to JSON columns and back."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from mlvajra_al.records import Why

T = TypeVar("T")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def dump(value: Any) -> Any:
    """Turn a record into plain JSON values."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], value: Any) -> T:
    """Turn plain JSON values back into a record."""
    loaded: T = _adapter(kind).validate_python(value)
    return loaded


@lru_cache(maxsize=2_048)
def loads(kind: type[T], text: str) -> T:
    """Return the record, or the plain dict, that a JSON text holds: one for each text."""
    return load(kind, json.loads(text))


def why(row: Any) -> Why:
    """Return why a sample is asked about, from a slot's or an annotation's columns."""
    return Why(
        strategy=row.strategy,
        utility=row.utility,
        rank=row.rank,
        version=row.version,
        inclusion_probability=row.inclusion_probability,
        holdout=row.holdout,
    )
