"""Which files may be sent: those that are named as something we read."""

from __future__ import annotations

from mlvajra_al.sources import locations


def readable() -> tuple[str, ...]:
    """Return the endings of files that are read; packed ones end in one more."""
    return (*(f".{ending}" for ending in locations.ENDINGS), ".gz")


def require_readable(name: str) -> None:
    """Refuse a file by its name, before anything of it is read.

    Raises
    ------
    BadSource
        If its ending is none of those we read.
    """
    locations.require_ending(name)
