"""What can happen to a file on a disk."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path) -> None:
    """Change one bit of the last byte."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def shorter(path: Path) -> None:
    """Cut the last byte off."""
    path.write_bytes(path.read_bytes()[:-1])
