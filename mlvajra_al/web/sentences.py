"""Errors as the sentences people read, on whichever page they stand."""

from __future__ import annotations

import re

WORD = re.compile(r"[a-z]+[ ,]")


def sentence(error: object) -> str:
    """Return an error's text as a sentence; one that begins with a file's name keeps it.

    >>> sentence("there is no version 7"), sentence("mine.csv: is empty; choose another file.")
    ('There is no version 7.', 'mine.csv: is empty; choose another file.')
    """
    text = str(error).strip() or type(error).__name__
    begins = text[0].upper() if WORD.match(text) else text[0]
    return begins + text[1:] + ("" if text[-1] in ".!?" else ".")
