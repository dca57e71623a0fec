"""Cells that a spreadsheet would run: how our own CSV files write them, and how they are read.

A `'` is put before such a cell, and before one that looks as if that had been done, so that
each cell is told from every other and all are read as they were.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

STARTS = r"[=+\-@\t\r\n＝＋－＠]"
FORMULA = rf"^'*{STARTS}"
ESCAPED = rf"^'+{STARTS}"
NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
WHOLE = rf"^{NUMBER}$"
LABELS = ("key", "label", "person", "answered_at", "resolved", "answers", "holdout")
HISTORY = ("seq", "event_id", "key", "person", "action", "label", "supersedes", "comment")
"""How the column names of our exports begin."""
HEADER = re.compile(
    '(?:{})(?:,"(?:[^"]|"")*")*\r\n'.format(
        "|".join(",".join(f'"{name}"' for name in names) for names in (LABELS, HISTORY))
    )
)


def is_ours(head: str) -> bool:
    r"""Tell whether a CSV file is an export of ours, as we wrote it, by how it begins.

    One that a spreadsheet or another program has saved again is not: nobody knows what that did
    to its cells.

    >>> first = ",".join(f'"{name}"' for name in (*LABELS, "subject"))
    >>> is_ours(first + "\r\n"), is_ours(first + "\n"), is_ours("key,label\r\n")
    (True, False, False)
    """
    return HEADER.match(head) is not None


def escaped(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula; numbers stay numbers.

    >>> escaped("=1+1"), escaped("-5"), escaped("- 5 or so"), escaped("plain")
    ("'=1+1", '-5', "'- 5 or so", 'plain')
    >>> escaped("'=1+1"), escaped("'tis")
    ("''=1+1", "'tis")
    """
    if re.match(FORMULA, text) and not re.fullmatch(NUMBER, text):
        return f"'{text}"
    return text


def escaped_column(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Escape a whole column of texts as `escaped` does one.

    >>> escaped_column(pa.chunked_array([["=1+1", "-5", "＝1", "plain", None]])).to_pylist()
    ["'=1+1", '-5', "'＝1", 'plain', None]
    """
    formulas = pc.and_not(
        pc.match_substring_regex(texts, FORMULA), pc.match_substring_regex(texts, WHOLE)
    )
    return pc.if_else(
        formulas, pc.replace_substring_regex(texts, "^", "'", max_replacements=1), texts
    )


def unescaped(texts: pa.Array) -> pa.Array:
    """Return the texts of a column that `escaped` was applied to, each as it was.

    >>> unescaped(pa.array(["'=1+1", "''=1+1", "-5", "'tis", "'-5", None])).to_pylist()
    ['=1+1', "'=1+1", '-5', "'tis", "'-5", None]
    """
    bare = pc.utf8_slice_codeunits(texts, 1)
    ours = pc.and_not(
        pc.match_substring_regex(texts, ESCAPED), pc.match_substring_regex(bare, WHOLE)
    )
    return pc.if_else(ours, bare, texts)
