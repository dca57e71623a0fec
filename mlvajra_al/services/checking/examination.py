"""Examine a whole workspace: what is wrong with it, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from mlvajra_al.errors import Unavailable
from mlvajra_al.records import Finding
from mlvajra_al.services.backup import Watch, nobody_watches
from mlvajra_al.services.checking import cluster, database, files, machine, work
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.store import trouble
from mlvajra_al.store.database import Store

Check = Callable[[Visit], Iterator[Finding]]
FIRST: dict[str, Check] = {
    "schema": database.schema,
    "database": database.sound,
    "cells": database.readable,
}
"""Where these find something the tables cannot be read with any meaning."""
OF_TABLES: dict[str, Check] = {
    "uniqueness": database.unique,
    "rows": database.rows,
    "files": files.whole,
    "made anew": files.made_anew,
    "strays": files.unmentioned,
    "holdout": files.scarce,
    "clocks": work.clocks,
    "leases": work.far_leases,
    "jobs": work.jobs,
    "workers": work.silent,
}
OF_THE_MACHINE: dict[str, Check] = {
    "set aside": files.set_aside,
    "disk": machine.room,
    "permissions": machine.permissions,
    "engine": cluster.answers,
}


def examine(
    store: Store,
    *,
    now: datetime,
    lease: timedelta,
    fix: bool = False,
    there: bool = True,
    watch: Watch = nobody_watches,
) -> tuple[Finding, ...]:
    """Return everything an operator should know of a workspace; with `fix`, mend what is safe.

    Nothing is brought to a newer schema, and people and the worker can go on meanwhile. `there`
    tells whether the folder was before the database was opened.
    """
    visit = Visit(store, now, lease, fix, watch)
    found = [*_of_the_database(visit)]
    checks = (
        [*OF_THE_MACHINE.values()] if found else [*OF_TABLES.values(), *OF_THE_MACHINE.values()]
    )
    found += [finding for check in checks for finding in check(visit)]
    if not there:
        found.insert(0, _without_folder(store.home))
    return tuple(found)


def _of_the_database(visit: Visit) -> Iterator[Finding]:
    try:
        for check in FIRST.values():
            yield from check(visit)
    except Unavailable as error:
        complaint = trouble.damage_told(error)
        if complaint is None:
            raise
        yield Finding("database", f"the database is damaged: {complaint}", database.FROM_A_BACKUP)


def _without_folder(home: Path) -> Finding:
    return Finding(
        "files",
        f"the folder of the workspace, {home}, did not exist; an empty one was made",
        "check MLVAJRA_HOME; if the folder is lost, restore the newest backup",
    )
