"""What an examination of a workspace finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an operator should know: what it is, and what to do about it."""

    check: str
    what: str
    remedy: str
    wrong: bool = True
    """False for what is worth knowing but harms nothing."""
    fixed: bool = False
