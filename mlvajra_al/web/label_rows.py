"""The rows of the label editor as labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlvajra_al.records import Label
from mlvajra_al.services.projects import KEYS, PALETTE


def to_labels(rows: Sequence[Mapping[Any, Any]]) -> tuple[Label, ...]:
    """Return edited rows as labels; missing keys and colours are filled in, empty rows left out."""
    cleaned = [{name: _text(value) for name, value in row.items()} for row in rows]
    named = [row for row in cleaned if row["Stored as"]]
    keys = _unused(KEYS, [row["Key"].lower() for row in named])
    colors = _unused(PALETTE, [row["Colour"].lower() for row in named])
    return tuple(
        Label(
            name=row["Stored as"],
            display=row["Shown as"] or row["Stored as"],
            key=row["Key"].lower() or (keys.pop(0) if keys else ""),
            color=row["Colour"] or (colors.pop(0) if colors else PALETTE[place % len(PALETTE)]),
            definition=row["Definition"],
        )
        for place, row in enumerate(named)
    )


def _text(value: Any) -> str:
    """Return a cell as text; an empty one may be None or one of the kinds of nothing of pandas."""
    return value.strip() if isinstance(value, str) else ""


def _unused(every: Sequence[str], used: Sequence[str]) -> list[str]:
    return [item for item in every if item not in used]
