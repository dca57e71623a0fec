"""Checks of the machine: room on the disk, and who may read and write the workspace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mlvajra_al.records import Finding
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.store.trouble import free_bytes

LITTLE, HARDLY_ANY = 2**30, 100 * 2**20


def room(visit: Visit) -> Iterator[Finding]:
    """Find a disk that is nearly full."""
    free = free_bytes(visit.store.home)
    if free < LITTLE:
        yield Finding(
            "disk",
            f"{free / 2**20:,.0f} MB are left on the disk of {visit.store.home}",
            "make room, or move the workspace to a larger disk",
            wrong=free < HARDLY_ANY,
        )


def permissions(visit: Visit) -> Iterator[Finding]:
    """Find what cannot be written, and what others on this machine can read."""
    home = visit.store.home
    closed = [path for path in _own(home) if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        yield Finding(
            "permissions",
            f"{closed[0]} cannot be written by this account"
            + (f", and {len(closed) - 1:,} more" if len(closed) > 1 else ""),
            f"give it back: chown -R $(id -un) {home}",
        )
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield Finding(
            "permissions",
            f"other accounts of this machine can look into {home}: samples and password hashes",
            f"chmod 700 {home}",
            wrong=False,
        )


def _own(home: Path) -> list[Path]:
    """Return the folders that are written to, and the database."""
    return [home, *sorted(home.glob("*")), *sorted(home.glob("shards/*"))]
