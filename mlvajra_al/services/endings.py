"""Which files may be sent: those that are named as something we read."""

from __future__ import annotations

from mlvajra_al.sources import locations


def require_readable(name: str) -> None:
    """Refuse a file by its name, before anything of it is read.

    Raises
    ------
    BadSource
        If its ending is none of those we read.
    """
    locations.require_ending(name)
