"""Checks of the cluster that MLVAJRA_ENGINE names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlvajra_al.records import Finding
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.services.jobs import engine, machine


def answers(visit: Visit) -> Iterator[Finding]:
    """Find a cluster that is away, and workers of it that could not do our work."""
    where = engine.address()
    if not where:
        return
    try:
        with engine.connected(where) as client:
            yield from _workers(client, visit.store.home)
    except engine.Away as error:
        yield Finding(
            "engine",
            f"the Dask cluster at {where} {error}: this machine does its work",
            "start it, or set MLVAJRA_ENGINE=local",
            wrong=False,
        )


def _workers(client: Any, home: Path) -> Iterator[Finding]:
    told = client.run(look, str(home.absolute()), on_error="return")
    for worker, said in sorted(told.items()):
        problem, remedy = _problem(said, home)
        if problem:
            yield Finding("engine", f"the Dask worker {worker} {problem}", remedy, wrong=False)


def look(home: str) -> tuple[bool, dict[str, str]]:
    """Return whether a worker sees the workspace, and what it computes with."""
    return Path(home).is_dir(), machine.libraries()


def _problem(said: Any, home: Path) -> tuple[str, str]:
    same = "install the same versions there as here"
    if isinstance(said, BaseException):
        return f"cannot run this program ({type(said).__name__}: {said})", same
    sees, libraries = said
    ours = machine.libraries()
    other = [name for name in ours if libraries.get(name) != ours[name]]
    if other:
        return f"has another {other[0]} ({libraries.get(other[0])}, not {ours[other[0]]})", same
    if not sees:
        return f"does not see {home}", "mount the workspace there; until then pools are ranked here"
    return "", ""
