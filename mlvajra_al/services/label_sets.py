"""Label sets: made of names, given keys and colours, refused where two could not be told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Label
from mlvajra_al.records.label_sets import alike

KEYS = "1234567890qwertyiopadghjklzxvbnm"
"""Keys for labels in the order they are handed out; u, s, f and c have other meanings."""
PALETTE = (
    "#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#dc2626", "#65a30d",
    "#64748b", "#b878d8", "#905800", "#b800c0", "#287000", "#984868", "#a09080", "#6890f8",
    "#e07088", "#7050a8", "#f850c0", "#988000", "#c048f8", "#007068", "#0068a8", "#f800f8",
)  # fmt: skip
"""Colours of labels in the order they are handed out: each seen on light and on dark, and apart
from all others."""
MAX_LABELS = len(KEYS)
ALIKE = {
    "name": "two labels are stored as {value!r}",
    "display": "two labels are shown as {value!r}: {names}",
    "key": "two labels have the key {value!r}: {names}",
}
"""What no two labels may have in common, capitals or not."""


def make_labels(names: Sequence[str]) -> tuple[Label, ...]:
    """Give each name a key and a colour.

    Raises
    ------
    Invalid
        If there are fewer than two names, too many, or one twice.
    """
    cleaned = [name.strip() for name in names if name.strip()]
    if len(cleaned) < 2:
        raise Invalid(f"a project needs at least two labels but got {len(cleaned)}; name them")
    labels = tuple(
        Label(name, name, key, PALETTE[place % len(PALETTE)])
        for place, (name, key) in enumerate(zip(cleaned, keys_for(cleaned), strict=True))
    )
    check_labels(labels)
    return labels


def keys_for(names: Sequence[str], *, taken: Sequence[str] = ()) -> list[str]:
    """Return a key for each name: itself if it can be one, else the next that is free.

    A name gets "" where no key is left.

    Examples
    --------
    >>> keys_for(["0", "1", "unclear", "N"])
    ['0', '1', '2', 'n']
    """
    wanted = {name: name.lower() for name in names if len(name) == 1}
    own = {name: key for name, key in wanted.items() if key in KEYS and key not in taken}
    free = (key for key in KEYS if key not in taken and key not in own.values())
    return [own.get(name) or next(free, "") for name in names]


def check_labels(labels: Sequence[Label]) -> None:
    """Refuse a label set that cannot be shown or told apart.

    Raises
    ------
    Invalid
    """
    if not 2 <= len(labels) <= MAX_LABELS:
        raise Invalid(
            f"a project has 2 to {MAX_LABELS} labels but got {len(labels)}; change the set"
        )
    for field, words in ALIKE.items():
        _check_apart(labels, field, words)
    for label in labels:
        if len(label.key) != 1 or label.key not in KEYS:
            raise Invalid(
                f"the key {label.key!r} of {label.name!r} cannot be a label's; use one of {KEYS}"
            )
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", label.color):
            raise Invalid(
                f"the colour {label.color!r} of {label.name!r} cannot be read; "
                "write # and six of 0 to 9 and a to f, like '#2563eb'"
            )
        if not all(_showable(text) for text in (label.name, label.display)):
            raise Invalid("a label needs a name and something to show, of 1 to 200 characters each")


def _check_apart(labels: Sequence[Label], field: str, words: str) -> None:
    bearers: dict[str, Label] = {}
    for label in labels:
        value = alike(getattr(label, field))
        if value in bearers:
            names = f"{bearers[value].name!r} and {label.name!r}"
            raise Invalid(f"{words.format(value=value, names=names)}; give each its own")
        bearers[value] = label


def _showable(text: str) -> bool:
    return bool(alike(text)) and len(text) <= 200 and "\x00" not in text
