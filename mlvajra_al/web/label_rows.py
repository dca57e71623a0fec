"""The rows of the label editor as labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mlvajra_al.records import Label
from mlvajra_al.services.label_sets import PALETTE, keys_for


def to_labels(
    rows: Sequence[Mapping[Any, Any]], picked: Mapping[str, str] = MappingProxyType({})
) -> tuple[Label, ...]:
    """Return edited rows as labels; missing keys and colours are filled in, empty rows left out.

    A colour that was picked for a label goes before the one that its row had.
    """
    cleaned = [{name: _text(value) for name, value in row.items()} for row in rows]
    named = [row for row in cleaned if row["Stored as"]]
    for row in named:
        row["Colour"] = picked.get(row["Stored as"], row["Colour"])
    keys = iter(
        keys_for(
            [row["Stored as"] for row in named if not row["Key"]],
            taken=[row["Key"].lower() for row in named],
        )
    )
    used = [row["Colour"].lower() for row in named]
    colors = [color for color in PALETTE if color not in used]
    return tuple(
        Label(
            name=row["Stored as"],
            display=row["Shown as"] or row["Stored as"],
            key=row["Key"].lower() or next(keys),
            color=row["Colour"] or (colors.pop(0) if colors else PALETTE[place % len(PALETTE)]),
            definition=row["Definition"],
        )
        for place, row in enumerate(named)
    )


def _text(value: Any) -> str:
    """Return a cell as text; an empty one may be None or one of the kinds of nothing of pandas."""
    return value.strip() if isinstance(value, str) else ""
