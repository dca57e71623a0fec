"""Turn a column as it stands in a source into the one Arrow type of its kind.

================= ==================================================
kind              stored as
================= ==================================================
text              large_string; missing is ""
categorical       large_string, stripped; blank is missing
numeric           float64; blank, NaN and "NA" are missing
boolean           bool
date              timestamp[us], UTC without saying so
image             fixed-size list of rows of float32
ignored           large_string, as it stands; blank is missing; what
                  is no text is put in words
================= ==================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isnan, isqrt

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Column, ColumnKind
from mlvajra_al.records.notations import plain
from mlvajra_al.sources import keeping

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "?")
TRUE = ("1", "true", "yes", "y", "t", "on")
FALSE = ("0", "false", "no", "n", "f", "off")
NOTED: tuple[ColumnKind, ...] = ("numeric", "date")
"""Kinds that people write in several ways."""
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"(?i)^[+-]?inf(inity)?$"
ZONED = r"[Tt ].*([Zz]|[+-]\d\d:?\d\d)$"
SPACED_ZONE = re.compile(r"\s(?=(?:[Zz]|[+-]\d\d:?\d\d)$)")
SLASHED = r"^(\d{4})/(\d\d)/"
MOST_EXACT = 2**53
"""A model takes floats, which tell integers apart up to here."""
TIMESTAMP = pa.timestamp("us")
FIRST, LAST = (
    pa.scalar(date.replace(tzinfo=None), TIMESTAMP)
    for date in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC))
)


class Misfit(Invalid):
    """A value that does not fit the kind of its column; the caller knows where it stands."""

    def __init__(self, index: int, found: str, remedy: str) -> None:
        super().__init__(f"{found}; {remedy}")
        self.index, self.found, self.remedy = index, found, remedy


def convert(values: pa.Array, column: Column, *, exact: bool = False) -> pa.Array:
    """Return `values` in the type of what the column holds.

    With `exact` an ignored column holds text, numbers or dates; else it may hold anything, and
    different values may be put in the same words.

    Raises
    ------
    Misfit
        At the first value that does not fit.
    """
    values = decoded(values)
    if column.written != "plain" and column.kind in NOTED and is_string(values.type):
        values = _rewritten(values, column)
    if exact and column.kind == "ignored":
        return _blank_to_null(strings(values))
    return CONVERTERS[column.kind](values)


def decoded(values: pa.Array) -> pa.Array:
    """Return what a column says where its file tells each different value once only."""
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _rewritten(values: pa.Array, column: Column) -> pa.Array:
    """Return numbers or dates as a computer writes them."""
    there = stripped(values)
    known = {text: plain(text, column.written) for text in pc.unique(there.drop_null()).to_pylist()}

    def attempt(found: pa.Array) -> pa.Array:
        return pa.array([known.get(text) for text in found.to_pylist()], pa.large_string())

    return _checked(there, attempt, f"is not written as {column.written} is")


def is_string(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type holds strings."""
    return any(
        test(kind) for test in (pa.types.is_string, pa.types.is_large_string, _is_string_view)
    )


def _is_string_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind))


def is_list(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type holds lists."""
    return any(
        test(kind)
        for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )


def is_list_of_strings(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type holds lists of strings, or lists that all are empty."""
    return is_list(kind) and (is_string(kind.value_type) or bool(pa.types.is_null(kind.value_type)))


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type holds bytes."""
    return any(
        test(kind)
        for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    )


def is_number(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type holds numbers."""
    return any(
        test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    )


def strings(values: pa.Array) -> pa.Array:
    """Return any scalar values as strings, and lists of strings as JSON."""
    kind = values.type
    if is_list_of_strings(kind):
        texts = [None if value is None else orjson.dumps(value) for value in values.to_pylist()]
        values = pa.array(texts, pa.large_binary())
        kind = values.type
    if is_list(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind):
        index = _first(values.is_valid())
        raise Misfit(index, "holds a nested value", "write it as text or as columns of its own")
    try:
        out = _spelt(values) if pa.types.is_floating(kind) else values.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Misfit(
            0, f"holds {kind} that is not text", "write it as UTF-8 text, or leave it out"
        ) from error
    odd = pc.match_substring(out, "\0")
    if pc.any(odd).as_py():
        raise Misfit(_first(odd), "contains a NUL byte", "remove it")
    return out


def number_text(number: float) -> str | None:
    """Return a float as text, a whole one as integers are: an id is the same in every file.

    Examples
    --------
    >>> number_text(3.0), number_text(-0.0), number_text(12345678901.5), number_text(1e-7)
    ('3', '0', '12345678901.5', '1e-07')
    """
    if isnan(number):
        return None
    whole = number.is_integer() and abs(number) <= MOST_EXACT
    return str(int(number) if whole else number)


def _spelt(numbers: pa.Array) -> pa.Array:
    """Return floats as strings, as `number_text` does; few are not as Arrow writes them."""
    out = numbers.cast(pa.large_string())
    odd = pc.match_substring_regex(out, "e|^-0$|^nan$").fill_null(False)
    if not pc.any(odd).as_py():
        return out
    exact = numbers.cast(pa.float64()).filter(odd).to_pylist()
    return pc.replace_with_mask(out, odd, pa.array(map(number_text, exact), pa.large_string()))


def is_text(values: pa.Array) -> bool:
    """Tell whether strings or bytes all are text."""
    try:
        strings(values)
    except Misfit:
        return False
    return True


def stripped(values: pa.Array) -> pa.Array:
    """Return strings without outer space, missing where they say so."""
    out = pc.utf8_trim_whitespace(strings(values))
    return pc.if_else(pc.is_in(out, pa.array(MISSING, pa.large_string())), None, out)


def _blank_to_null(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, ""), None, values)


def _text(values: pa.Array) -> pa.Array:
    return strings(values).fill_null("")


def _categorical(values: pa.Array) -> pa.Array:
    return _blank_to_null(pc.utf8_trim_whitespace(strings(values)))


def _ignored(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_time(kind):
        values = pc.replace_substring_regex(strings(values), r"\.0+$", "")
    elif not _is_plain(kind) and not (is_bytes(kind) and is_text(values)):
        values = keeping.texts(values)
    return _blank_to_null(strings(values))


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether Arrow writes the values of a type as people do."""
    tests = (is_string, is_number, is_list_of_strings, pa.types.is_boolean, pa.types.is_null)
    return any(test(kind) for test in (*tests, pa.types.is_date, pa.types.is_timestamp))


def _numeric(values: pa.Array) -> pa.Array:
    if is_string(values.type):
        values = stripped(values)
        values = _checked(values, _to_numbers, "is not a number")
    elif pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    try:
        out = values.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        held = "lists" if is_list(values.type) else str(values.type)
        remedy = "write one number a row; only in a new project the column can hold anything else"
        raise Misfit(0, f"holds {held}, not numbers", remedy) from error
    infinite = pc.is_inf(out)
    if pc.any(infinite).as_py():
        raise Misfit(
            _first(infinite), "is infinite", "replace it by a number, or leave it empty if unknown"
        )
    return pc.if_else(pc.is_nan(out), None, out)


def _to_numbers(values: pa.Array) -> pa.Array:
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        fits = pc.or_(
            pc.match_substring_regex(values, NUMBER), pc.match_substring_regex(values, INFINITE)
        )
        plain = pc.utf8_ltrim(pc.if_else(fits, values, None), "+")
        return plain.cast(pa.float64())


def _boolean(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type):
        return values
    lowered = pc.utf8_lower(stripped(values))
    return _checked(lowered, _to_booleans, "is neither yes nor no")


def _to_booleans(values: pa.Array) -> pa.Array:
    yes = pc.is_in(values, pa.array(TRUE, pa.large_string()))
    known = pc.or_(yes, pc.is_in(values, pa.array(FALSE, pa.large_string())))
    return pc.if_else(known, yes, None)


def _date(values: pa.Array) -> pa.Array:
    out = _timestamps(values)
    odd = pc.or_(pc.less(out, FIRST), pc.greater(out, LAST)).fill_null(False)
    if pc.any(odd).as_py():
        raise Misfit(
            _first(odd), "is a date outside of the years 1 to 9999", "correct it or leave it empty"
        )
    return out


def _timestamps(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_date(kind):
        return values.cast(TIMESTAMP)
    if pa.types.is_timestamp(kind):
        utc = values.cast(pa.timestamp("us", kind.tz), safe=False)
        return utc.cast(TIMESTAMP) if kind.tz else utc
    return _checked(stripped(values), _to_dates, "is not a date")


def _to_dates(values: pa.Array) -> pa.Array:
    values = pc.replace_substring_regex(values, SLASHED, r"\1-\2-")
    zoned = pc.match_substring_regex(values, ZONED)
    try:
        local = pc.if_else(zoned, None, values).cast(TIMESTAMP)
        utc = pc.if_else(zoned, values, None).cast(pa.timestamp("us", "UTC")).cast(TIMESTAMP)
        return pc.coalesce(local, utc)
    except pa.ArrowInvalid:
        return pa.array([_one_date(value) for value in values.to_pylist()], TIMESTAMP)


def _one_date(text: str | None) -> datetime | None:
    try:
        date = datetime.fromisoformat(re.sub(SPACED_ZONE, "", text or ""))
        return date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date
    except (ValueError, OverflowError):  # of no year from 1 to 9999
        return None


def _checked(values: pa.Array, attempt: Callable[[pa.Array], pa.Array], problem: str) -> pa.Array:
    """Convert strings and refuse the first that was there before and is missing after."""
    out = attempt(values)
    lost = pc.and_(values.is_valid(), out.is_null())
    if pc.any(lost).as_py():
        index = _first(lost)
        found = values[index].as_py()
        shown = repr(found if len(found) <= 40 else found[:39] + "…")
        raise Misfit(
            index, f"{shown} {problem}", "correct it, or choose another kind for the column"
        )
    return out


def _image(values: pa.Array) -> pa.Array:
    if is_string(values.type):
        values = _parsed(values)
    if not is_list(values.type):
        raise Misfit(0, f"holds {values.type}, not an image", "write each image as rows of numbers")
    if values.null_count:
        raise Misfit(_first(values.is_null()), "is missing", "remove the row or add its image")
    outer = pc.list_value_length(values)
    rows, widths = values.flatten(), None
    if is_list(rows.type):
        widths, rows = pc.list_value_length(rows).fill_null(0), rows.flatten()
    if is_list(rows.type):
        raise Misfit(0, "is an image of more than two levels", "give one grey value per pixel")
    height, width = _shape(values, outer, widths)
    return _fixed(_pixels(rows, height * width), height, width)


def _parsed(values: pa.Array) -> pa.Array:
    try:
        return pa.array([orjson.loads(text or "null") for text in values.to_pylist()])
    except (ValueError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise Misfit(0, "holds lists that are not all numbers", "write [[0, 1], …]") from error


def _shape(values: pa.Array, outer: pa.Array, widths: pa.Array | None) -> tuple[int, int]:
    height = outer[0].as_py()
    odd = pc.not_equal(outer, height)
    if pc.any(odd).as_py():
        raise _uneven(_first(odd))
    if widths is None:
        side = isqrt(height)
        return (side, side) if side * side == height else (1, height)
    width = widths[0].as_py() if len(widths) else 0
    odd = pc.not_equal(widths, width)
    if pc.any(odd).as_py():
        raise _uneven(_first(odd) // height)
    return height, width


def _uneven(index: int) -> Misfit:
    return Misfit(index, "is an image of another size", "give every image the same size")


def _pixels(flat: pa.Array, per_image: int) -> pa.Array:
    if per_image == 0:
        raise Misfit(0, "is an empty image", "remove the row or add its pixels")
    try:
        out = flat.cast(pa.float32(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Misfit(
            0, f"holds lists of {flat.type}, not of numbers", "write other lists as text"
        ) from error
    bad = pc.invert(pc.is_finite(out).fill_null(False))
    if pc.any(bad).as_py():
        raise Misfit(_first(bad) // per_image, "has a pixel that is no number", "complete it")
    return out


def _fixed(pixels: pa.Array, height: int, width: int) -> pa.Array:
    rows = pa.FixedSizeListArray.from_arrays(pixels, width)
    return pa.FixedSizeListArray.from_arrays(rows, height)


def _first(mask: pa.Array) -> int:
    return max(int(pc.index(mask, pa.scalar(True)).as_py()), 0)


CONVERTERS: dict[ColumnKind, Callable[[pa.Array], pa.Array]] = {
    "text": _text,
    "numeric": _numeric,
    "categorical": _categorical,
    "boolean": _boolean,
    "date": _date,
    "image": _image,
    "ignored": _ignored,
}
