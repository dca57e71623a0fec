"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.keeping import as_text
from mlvajra_al.sources.lines import Lines, open_lines
from mlvajra_al.sources.locations import Location
from mlvajra_al.sources.rows import BATCH_BYTES, Odd, Request, Rows
from mlvajra_al.sources.values import MOST_EXACT, is_list, number_text

Object = Mapping[str, Any]


def read(location: Location, request: Request) -> Iterator[Rows]:
    """Yield the objects of a JSON Lines file as rows; a key that is absent is missing."""
    with open_lines(location) as lines:
        first, started = 0, 0
        objects: list[Object] = []
        places: list[int] = []
        for line in lines:
            if line.isspace():
                continue
            objects.append(_parse(lines, line))
            places.append(lines.number)
            if len(objects) >= request.batch_rows or lines.consumed - started > BATCH_BYTES:
                yield as_rows(location.name, objects, places, first=first, request=request)
                first, started = first + len(objects), lines.consumed
                objects, places = [], []
        if objects:
            yield as_rows(location.name, objects, places, first=first, request=request)


def count(location: Location) -> None:
    """Return nothing: how many rows there are is known only after reading them."""
    return None


def _parse(lines: Lines, line: str) -> Object:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value = _with_nan(lines, line, error)
    if isinstance(value, dict):
        return value
    if lines.number == 1 and isinstance(value, list):
        raise _an_array(lines.name)
    raise BadSource(
        lines.name, f"line {lines.number:,} is not an object", 'write {"column": value, …} per line'
    )


def _with_nan(lines: Lines, line: str, error: orjson.JSONDecodeError) -> Any:
    """Parse what Python writes and JSON forbids: NaN and Infinity."""
    if lines.number == 1 and line.lstrip().startswith("["):
        raise _an_array(lines.name) from error
    try:
        if "NaN" in line or "Infinity" in line:
            return json.loads(line)
    except ValueError as worse:
        error = orjson.JSONDecodeError(str(worse), line, 0)
    raise BadSource(
        lines.name,
        f"line {lines.number:,} is not JSON ({error.msg.partition(': line')[0]})",
        "correct or remove the line; each line must hold one whole object",
    ) from error


def _an_array(name: str) -> BadSource:
    return BadSource(
        name, "holds one JSON list", "save it as JSON Lines, one object per line (jq -c '.[]')"
    )


def as_rows(
    name: str,
    objects: Sequence[Object],
    lines: Sequence[int] | None,
    *,
    first: int,
    request: Request,
) -> Rows:
    """Return parsed objects as rows, before any conversion."""
    there = _keys(objects)
    asked = request.columns
    names = [column for column in there if asked is None or column in asked]
    unread = frozenset(there).difference(names)
    empty = pa.record_batch([pa.nulls(len(objects))], names=["_"])
    rows = Rows(empty, first, lines, unread=unread)
    if not names:
        return rows
    arrays, odd = [], {}
    for column, values in zip(names, _columns(objects, names), strict=True):
        array = _array(values)
        if array is None:
            array = pa.array([as_text(value) for value in values], pa.large_string())
            odd[column] = _odd(name, column, values, rows)
        arrays.append(array)
    return Rows(pa.record_batch(arrays, names=names), first, lines, odd, unread)


def _keys(objects: Sequence[Object]) -> list[str]:
    """Return every key in order of appearance."""
    names = dict.fromkeys(objects[0])
    for row in objects:
        if row.keys() != names.keys():
            names |= dict.fromkeys(row)
    return list(names)


def _columns(objects: Sequence[Object], names: list[str]) -> Iterator[Sequence[Any]]:
    try:
        rows = [tuple(map(row.__getitem__, names)) for row in objects]
    except KeyError:
        rows = [tuple(map(row.get, names)) for row in objects]
    return zip(*rows, strict=True)


def _array(values: Sequence[Any]) -> pa.Array | None:
    """Return values as Arrow holds them; None where it cannot hold them as they are."""
    types = set(map(type, values)) - {type(None)}
    if dict in types:
        return None
    if types and types <= {int, float}:
        return _numbers(values, whole=float not in types)
    if list in types:
        return _lists(values)
    if len(types) <= 1:
        return pa.array(values, pa.large_string() if str in types else None)
    return _spelt(values)


def _spelt(values: Sequence[Any]) -> pa.Array:
    """Return values as strings, each number as where the column holds nothing else."""
    texts = [number_text(v) if isinstance(v, float) else as_text(v) for v in values]
    return pa.array(texts, pa.large_string())


def _numbers(values: Sequence[Any], *, whole: bool) -> pa.Array:
    if not whole and any(isinstance(v, int) and MOST_EXACT < abs(v) < 2**64 for v in values):
        return _spelt(values)  # as floats two ids could become one
    try:
        return pa.array(values, pa.int64() if whole else pa.float64())
    except (pa.ArrowInvalid, OverflowError):
        if whole:  # beyond 64 bits: only text keeps them
            return _spelt(values)
        return pa.array([None if v is None else float(v) for v in values], pa.float64())


def _lists(values: Sequence[Any]) -> pa.Array | None:
    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    inner = found.type
    while is_list(inner):
        inner = inner.value_type
    return None if pa.types.is_struct(inner) else found


def _odd(name: str, column: str, values: Sequence[Any], rows: Rows) -> Odd:
    index = next((at for at, value in enumerate(values) if isinstance(value, dict)), None)
    if index is not None:
        inner = next(iter(values[index]), "x")
        found = f"{rows.place(index)}, key {column!r} holds a nested object"
        remedy = f"write its values as columns of their own, such as {f'{column}.{inner}'!r}"
        return Odd(BadSource(name, found, remedy), nested=True)
    found = f"{rows.place(_first_odd(values))}, key {column!r} holds a list that is not all numbers"
    remedy = "write an image as rows of numbers, and anything else as text"
    return Odd(BadSource(name, found, remedy), nested=False)


def _first_odd(values: Sequence[Any]) -> int:
    """Return the index of the first value Arrow cannot put beside the ones before it."""
    low, high = 1, len(values)
    while low < high:
        middle = (low + high) // 2
        if _lists(values[:middle]) is None:
            high = middle
        else:
            low = middle + 1
    return low - 1
