"""What a column holds, as the entry of a list."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from mlvajra_al.records import Column, ColumnKind
from mlvajra_al.records.notations import DATES, NUMBERS, Notation

NOTATIONS: dict[ColumnKind, tuple[Notation, ...]] = {"numeric": NUMBERS, "date": DATES}
HELD: dict[str, tuple[ColumnKind, Notation]] = {
    kind if written == "plain" else f"{kind} {written}": (kind, written)
    for kind in get_args(ColumnKind)
    for written in ("plain", *NOTATIONS.get(kind, ()))
}
"""Everything a column may hold, each by the words it is chosen by."""
_WORDS = {held: words for words, held in HELD.items()}


def held_choice() -> Any:
    """Return the column of a table in which what a column holds is chosen."""
    return st.column_config.SelectboxColumn(options=list(HELD), required=True)


def held_words(column: Column) -> str:
    """Return what a column holds in the words of `HELD`."""
    return _WORDS[column.kind, column.written]


def column_of(name: str, words: str) -> Column:
    """Return a column that holds what the words of `HELD` say."""
    kind, written = HELD[words]
    return Column(name, kind, written)
