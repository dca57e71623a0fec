"""The labels of one sample where it may have several: as names, and as the text that is stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable


def to_text(names: Iterable[str]) -> str:
    """Return a set of labels as text: the same one whatever the order they are named in.

    Examples
    --------
    >>> to_text(["sport", "money", "sport"]), to_text([])
    ('["money","sport"]', '[]')
    """
    return json.dumps(sorted(set(names)), ensure_ascii=False, separators=(",", ":"))


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
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{text!r} is no set of labels")
    if to_text(names) != text:
        raise ValueError(f"{text!r} is no set of labels")
    return tuple(names)


def parse(value: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the labels that a cell of somebody's file names, known ones or not.

    A JSON list, one label, or labels with ``;``, ``|`` or ``,`` between them: the first of the
    three that occurs.

    Parameters
    ----------
    value : str
    names : collection of str
        The label set: a value that is one of them is not cut.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> parse('["money", "sport"]', []), parse("money; sport", []), parse("food, drink; art", [])
    (('money', 'sport'), ('money', 'sport'), ('food, drink', 'art'))
    >>> parse("food, drink", ["food, drink"]), parse("[]", [])
    (('food, drink',), ())
    """
    value = value.strip()
    if value in names:
        return (value,)
    if value.startswith("["):
        try:
            return tuple(str(name).strip() for name in json.loads(value) if name is not None)
        except ValueError:
            pass
    separator = next((mark for mark in ";|," if mark in value), None)
    parts = value.split(separator) if separator else [value]
    return tuple(part.strip() for part in parts if part.strip())


def containing(name: str) -> tuple[str, str]:
    """Return how texts begin, or what they contain, that name this label.

    Examples
    --------
    >>> containing("sport")
    ('["sport"', ',"sport"')
    """
    quoted = json.dumps(name, ensure_ascii=False)
    return f"[{quoted}", f",{quoted}"
