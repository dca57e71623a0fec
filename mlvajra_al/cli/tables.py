"""Rows as a plain table for people; programs ask for --json."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlvajra_al.words import harmless


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the same columns to standard output, numbers to the right."""
    if not rows:
        sys.stderr.write("there are none\n")
        return
    for line in lines(rows):
        sys.stdout.write(line.rstrip() + "\n")


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    r"""Return a header and one line per row, in columns; a terminal obeys nothing in them.

    >>> lines([{"sample": "\x1b[2Jham"}])
    ['sample    ', '\\x1b[2Jham']
    >>> lines([{"name": "spam", "labels": 7}, {"name": "digits", "labels": 1200}])
    ['name    labels', 'spam         7', 'digits   1,200']
    """
    names = list(rows[0])
    titles = [harmless(name) for name in names]
    cells = [[harmless(_text(row[name])) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    right = [all(_is_number(row[name]) for row in rows) for name in names]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        )
        for line in [titles, *cells]
    ]


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
