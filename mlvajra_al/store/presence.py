"""Who uses a workspace: every open store holds a lock that the kernel drops with its process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mlvajra_al.errors import Conflict, Setup

IN_USE = "in-use"
UNFINISHED = "restore.json"
"""Stands in a workspace while a restore is moving files into it."""

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def join(home: Path) -> IO[bytes] | None:
    """Use a workspace together with others; closing what is returned leaves it.

    None where locks are not possible: a folder that cannot be written cannot be restored either.

    Raises
    ------
    Setup
        If the workspace is being restored, or was left half restored.
    """
    file = _opened(home)
    if file is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Setup(
            f"the workspace {home} is being restored from a backup; start again when that has ended"
        ) from None
    except OSError:  # a file system without locks
        file.close()
        return None
    if (home / UNFINISHED).exists():
        file.close()
        raise Setup(
            f"a restore into {home} was interrupted; give the same 'mlvajra restore' command "
            "again to finish it"
        )
    return file


def was_used(home: Path) -> bool:
    """Say whether a folder has ever been opened as a workspace."""
    return (home / IN_USE).exists()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Keep everybody else out of a workspace.

    Raises
    ------
    Conflict
        If a process of ours uses it.
    """
    file = _opened(home)
    if file is None:
        raise Setup(f"the folder {home} cannot be written; check its permissions")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"the workspace {home} is in use; stop 'mlvajra run' and every command that works "
                "on it (Ctrl-C in their terminals), then try again"
            ) from None
        yield


def _opened(home: Path) -> IO[bytes] | None:
    try:
        return (home / IN_USE).open("ab")
    except OSError as error:
        if error.errno not in READ_ONLY and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    try:
        return os.fdopen(os.open(home / IN_USE, os.O_RDONLY), "rb")
    except OSError:
        return None
