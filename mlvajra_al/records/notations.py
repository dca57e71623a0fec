"""How people write numbers and dates, and the one way a computer reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

Notation = Literal["plain", "1.234,50", "1,234.50", "31.12.2026", "12/31/2026"]
"""An example of how a column is written; plain is 1234.50 and 2026-12-31."""

NUMBERS: tuple[Notation, ...] = ("1,234.50", "1.234,50")
DATES: tuple[Notation, ...] = ("31.12.2026", "12/31/2026")

_SPACE = r"\s'’"
_UNIT = (
    r"(?:[%‰€$£¥₹]|R\$|kr\.?|zł|"
    r"EUR|USD|GBP|CHF|JPY|CNY|INR|BRL|PLN|CZK|SEK|NOK|DKK|AUD|CAD)"
)


def _number(groups: str, point: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<sign>[+-]?)\s*(?P<before>{_UNIT}?)\s*(?P<later>[+-]?)"
        rf"(?P<whole>[1-9]\d{{0,2}}(?:[{groups}{_SPACE}]\d{{3}})+|\d+)"
        rf"(?:{point}(?P<part>\d+))?(?P<power>(?:[eE][+-]?\d+)?)\s*(?P<after>{_UNIT}?)"
    )


_NUMBER = {"1,234.50": _number(",", r"\."), "1.234,50": _number(r"\.", ",")}
_NO_UNIT = re.compile(r"[\d\s.,'’+-]|[eE][+-]?\d")
_DATE = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[./-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)"
    r"(?:,?[ T](?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s?(?P<half>[AaPp][Mm])?)?"
)
_VERSION = re.compile(r"(?:\d\D\d?\d|\d\d\D\d)\D\d\d(?!\d)")
"""1.2.10 is no date, 01.02.10 may be one."""
_CENTURY_ENDS = 70
"""Of years in two digits those before it are of the 21st century."""


def plain(text: str, notation: Notation) -> str | None:
    """Return a number or a date as a computer writes it; None where it is not of its notation.

    Examples
    --------
    >>> plain("12,5 %", "1.234,50"), plain("31.12.2026", "31.12.2026"), plain("7.0", "plain")
    ('12.5', '2026-12-31T00:00:00', '7.0')
    """
    if notation == "plain":
        return text
    return (plain_number if notation in NUMBERS else plain_date)(text, notation)


def plain_number(text: str, notation: Notation) -> str | None:
    """Return a number with a point and without unit; None where it is not written so.

    Examples
    --------
    >>> plain_number("1.234,50 €", "1.234,50"), plain_number("-$1,234", "1,234.50")
    ('1234.50', '-1234')
    >>> plain_number("1.5", "1.234,50") is None
    True
    """
    found = _NUMBER[notation].fullmatch(text)
    if found is None or (found["sign"] and found["later"]):
        return None
    whole = re.sub(r"\D", "", found["whole"])
    part = f".{found['part']}" if found["part"] else ""
    return f"{found['sign']}{found['later']}{whole}{part}{found['power']}".removeprefix("+")


def plain_date(text: str, notation: Notation) -> str | None:
    """Return a date as 2026-12-31, with its time if it has one; None where it is no such date.

    Examples
    --------
    >>> plain_date("31.12.2026 17:05", "31.12.2026"), plain_date("1/5/26 3:00 PM", "12/31/2026")
    ('2026-12-31T17:05:00', '2026-01-05T15:00:00')
    >>> plain_date("31.12.2026", "12/31/2026") is None
    True
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month = found["one"], found["two"]
    if notation == "12/31/2026":
        day, month = month, day
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += 2000 if year < _CENTURY_ENDS else 1900
    hour = int(found["hour"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    try:
        return datetime(  # noqa: DTZ001  # a zone is never written beside such a date
            year, int(month), int(day), hour, int(found["minute"] or 0), int(found["second"] or 0)
        ).isoformat()
    except ValueError:
        return None


def number_notation(texts: Iterable[str]) -> Notation | None:
    """Return how numbers are written in a column, all alike and in one unit; None if they are none.

    What may be either, as 1,234 may, is read with points for decimals.

    Examples
    --------
    >>> number_notation(["1,5", "2,25"]), number_notation(["12 %", "7 %"])
    ('1.234,50', '1,234.50')
    >>> number_notation(["3 €", "3 $"]) is None
    True
    """
    values = list(texts)
    found = _fitting(NUMBERS, values, plain_number)
    units = {re.sub(_NO_UNIT, "", text) for text in values} - {""} if found else set()
    return found if len(units) <= 1 else None


def date_notation(texts: Iterable[str]) -> Notation | None:
    """Return how dates are written in a column, all alike; None if they are none.

    What may be either is read with the month first where slashes stand between, else last.

    Examples
    --------
    >>> date_notation(["28.11.2026", "1.2.2026"]), date_notation(["28/11/2026", "1/2/2026"])
    ('31.12.2026', '31.12.2026')
    >>> date_notation(["1/2/2026", "1/3/2026"])
    '12/31/2026'
    """
    values = list(texts)
    slashes = all("/" in text for text in values)
    found = _fitting(tuple(reversed(DATES)) if slashes else DATES, values, plain_date)
    short = not slashes and any(_VERSION.match(text) for text in values)
    return None if short else found


def _fitting(
    notations: Iterable[Notation],
    values: list[str],
    read: Callable[[str, Notation], str | None],
) -> Notation | None:
    return next(
        (one for one in notations if all(read(text, one) is not None for text in values)), None
    )
