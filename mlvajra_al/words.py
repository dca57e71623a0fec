"""Numbers in sentences: what every room says of them; and somebody's data in a terminal."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from decimal import Decimal

WRITTEN = 15
"""A decimal of so many digits comes out of a float as it went in; what has more was computed."""
SINGLE = 9
"""So many tell any number of single precision."""
COMPUTED = 10
SEEN = 6
"""So many are taken in at a glance."""
NAMED = 5
"""So many names are read in a sentence."""
PLAIN = (1e-15, 1e15)
"""Numbers between these are written without an exponent."""
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
"""What a terminal does not show but obeys: it would clear the screen, or fill the clipboard."""


def harmless(text: str) -> str:
    r"""Return text for a terminal, with what it would obey written out.

    Examples
    --------
    >>> harmless("ham"), harmless("\x1b[2Jham\n")
    ('ham', '\\x1b[2Jham\\x0a')
    """
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def plural(count: int, word: str, words: str = "") -> str:
    """Return a count with its word.

    Examples
    --------
    >>> plural(1, "sample"), plural(2_000, "sample"), plural(0, "copy", "copies")
    ('1 sample', '2,000 samples', '0 copies')
    """
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def no_column(names: Sequence[str]) -> str:
    """Say of columns that they are not there, and name the first of them.

    Examples
    --------
    >>> no_column(["body"]), no_column(["subject", "body"])
    ("no column 'body'", "no columns 'subject', 'body'")
    >>> no_column([f"c{n}" for n in range(500)])
    "no columns 'c0', 'c1', 'c2', 'c3', 'c4' and 495 more"
    """
    shown, rest = ", ".join(map(repr, names[:NAMED])), len(names) - NAMED
    return f"no column{'s' * (len(names) > 1)} {shown}" + (f" and {rest:,} more" * (rest > 0))


def number(value: float) -> str:
    """Return a number as it stands in the data, without the noise of single or double precision.

    Examples
    --------
    >>> number(1436.78), number(63050.0), number(0.1 + 0.2), number(1 / 3)
    ('1436.78', '63050', '0.3', '0.3333333333')
    >>> number(0.10000000149011612), number(123456789.12), number(2**60), number(1e21)
    ('0.1', '123456789.12', '1152921504606846976', '1e+21')
    """
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    smallest, largest = PLAIN
    if value and not smallest <= abs(value) < largest:
        return f"{float(_shortest(value)):.{WRITTEN}g}"
    if value.is_integer():
        return str(int(value))
    return format(Decimal(_shortest(value)), "f")


def short(value: float) -> str:
    """Return a number with as many digits as can be compared at a glance.

    Whole numbers and those with at most two decimals stay as they are written.

    Examples
    --------
    >>> short(8.08574765790486), short(2.459488442), short(-0.0000123456789)
    ('8.08575', '2.45949', '-0.0000123457')
    >>> short(12345678.25), short(63050.0), short(1436.7812)
    ('12345678.25', '63050', '1436.78')
    """
    if not math.isfinite(value) or round(value, 2) == value:
        return number(value)
    return rounded(value, SEEN)


def rounded(value: float, digits: int = 3) -> str:
    """Return a number that was computed with so many digits, what is before the point in full.

    Examples
    --------
    >>> rounded(-0.031234), rounded(1234.5), rounded(0.0000312)
    ('-0.0312', '1234', '0.0000312')
    """
    return number(float(f"{value:.{max(digits, _whole(value))}g}"))


def _whole(value: float) -> int:
    return len(str(abs(int(value))))


def _shortest(value: float) -> str:
    """Return the fewest digits that tell a number; of one that was computed, as many as matter."""
    written = len(Decimal(repr(value)).as_tuple().digits)
    if written > COMPUTED and _single(value) == value:
        for digits in range(6, SINGLE + 1):
            if _single(float(f"{value:.{digits}g}")) == value:
                return f"{value:.{digits}g}"
    if written <= WRITTEN:
        return repr(value)
    return f"{value:.{max(COMPUTED, _whole(value) + 2)}g}"


def _single(value: float) -> float | None:
    """Return a number in single precision; None where it is too large for it."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return None


def not_installed(strategy: str) -> str:
    """Say what a strategy of scikit-activeml needs.

    Examples
    --------
    >>> print(not_installed("prob_cover"))
    strategy 'prob_cover' comes from scikit-activeml, which is not installed: pip install
    "mlvajra_al[skactiveml]"
    """
    return (
        f"strategy {strategy!r} comes from scikit-activeml, which is not installed: "
        'pip install "mlvajra_al[skactiveml]"'
    )


def strategy_words(name: str) -> str:
    """Return a query strategy as it stands within a sentence.

    Examples
    --------
    >>> strategy_words("vote_entropy")
    'vote entropy'
    """
    return name.replace("_", " ")
