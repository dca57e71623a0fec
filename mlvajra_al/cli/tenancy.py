"""One `mlvajra run` for each workspace: the second is told where the first one answers."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlvajra_al.errors import Setup
from mlvajra_al.store import presence

NAME = "run.lock"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The right to run on a workspace; the kernel takes it back when the process ends."""

    file: IO[str]

    def note(self, url: str) -> None:
        """Write down who holds it and where it answers."""
        self.file.seek(0)
        self.file.truncate()
        json.dump({"pid": os.getpid(), "url": url}, self.file)
        self.file.flush()


@contextmanager
def tenancy(home: Path) -> Iterator[Tenancy]:
    """Hold a workspace for as long as the block lasts.

    Raises
    ------
    Setup
        If it cannot be written, is being restored, or another one holds it.
    """
    if home.exists() and not home.is_dir():
        raise Setup(f"the workspace {home} is a file; set MLVAJRA_HOME to a folder")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (home / NAME).open("a+", encoding="utf-8")
    except OSError as error:
        raise Setup(
            f"the workspace {home} cannot be written ({error.strerror}); "
            "set MLVAJRA_HOME to a folder you may write to"
        ) from error
    with file:
        _lock(file, home)
        place = Tenancy(file)
        place.note("")
        joined = presence.join(home)
        try:
            yield place
        finally:
            if joined is not None:
                joined.close()


def noted(home: Path) -> str:
    """Return where the last one on a workspace answers or answered; empty if nobody knows."""
    try:
        return str(json.loads((home / NAME).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _lock(file: IO[str], home: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise Setup(_taken(home, file.read())) from None
    except OSError:  # a file system without locks
        return


def _taken(home: Path, said: str) -> str:
    try:
        holder = json.loads(said)
        who, url = f"process {holder['pid']}", str(holder["url"])
    except (ValueError, KeyError, TypeError):  # just started, or written by somebody else
        who, url = "another process", ""
    there = f"open {url}" if url else "open the address it prints"
    return (
        f"mlvajra runs on the workspace {home} already ({who}): {there}, stop it first, or choose "
        "another workspace with MLVAJRA_HOME; 'mlvajra worker' adds a worker to the one that runs"
    )
