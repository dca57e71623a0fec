"""The labels of one sample where it may have several: as names, and as the text that is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any
from unicodedata import normalize

KNOWN = 8_192
"""So many sets are read only once."""
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0]"
)
"""Characters nobody sees, but those that join and part letters: of these one sees the letters."""


def to_text(names: Iterable[str]) -> str:
    """Return a set of labels as text: the same one whatever the order they are named in.

    Examples
    --------
    >>> to_text(["sport", "money", "sport"]), to_text([])
    ('["money","sport"]', '[]')
    """
    return json.dumps(sorted(set(names)), ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=KNOWN)
def from_text(text: str) -> tuple[str, ...]:
    """Return the labels that `to_text` wrote, in the order they are stored.

    Raises
    ------
    ValueError
        If the text is no set of labels.

    Examples
    --------
    >>> from_text('["money","sport"]')
    ('money', 'sport')
    >>> from_text('"money"')
    Traceback (most recent call last):
    ...
    ValueError: '"money"' is no set of labels
    """
    names = _loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{text!r} is no set of labels")
    if to_text(names) != text:
        raise ValueError(f"{text!r} is no set of labels")
    return tuple(names)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets within brackets, too deep to be read") from error


def parse(value: str, names: Collection[str]) -> tuple[str, ...] | None:
    """Return the labels that a cell of somebody's file names, known ones or not.

    A JSON list, one label, or labels with ``;``, ``|`` or ``,`` between them: the first of the
    three that occurs. That no label fits only an empty list says.

    Parameters
    ----------
    value : str
    names : collection of str
        The label set: a value that is one of them is not cut.

    Returns
    -------
    tuple of str, or None
        None of a cell that says nothing: what a spreadsheet makes of empty cells it joins.

    Examples
    --------
    >>> parse('["money", "sport"]', []), parse("money; sport", []), parse("food, drink; art", [])
    (('money', 'sport'), ('money', 'sport'), ('food, drink', 'art'))
    >>> parse("food, drink", ["food, drink"]), parse("[]", []), parse(" ; ", [])
    (('food, drink',), (), None)
    """
    value = value.strip()
    if value in names:
        return (value,)
    if value.startswith("["):
        try:
            listed = _loads(value)
            return _said(str(name) for name in listed if name is not None) if listed else ()
        except ValueError:
            pass
    separator = next((mark for mark in ";|," if mark in value), None)
    return _said(value.split(separator) if separator else [value])


def _said(parts: Iterable[str]) -> tuple[str, ...] | None:
    return tuple(part.strip() for part in parts if part.strip()) or None


def alike(name: str) -> str:
    r"""Return what labels have in common that differ in what nobody sees or means.

    That is capitals, blanks, forms of accents, and characters that are not shown.

    Examples
    --------
    >>> alike(" Feature  REQUEST")
    'feature request'
    >>> alike("\u00c9") == alike("e\u0301"), alike("\u200bspam\ufeff")
    (True, 'spam')
    """
    return " ".join(INVISIBLE.sub("", normalize("NFC", name.lower())).split())


def containing(name: str) -> tuple[str, str]:
    """Return how texts begin, or what they contain, that name this label.

    Examples
    --------
    >>> containing("sport")
    ('["sport"', ',"sport"')
    """
    quoted = json.dumps(name, ensure_ascii=False)
    return f"[{quoted}", f",{quoted}"
