"""What commands share: the open workspace, who acts, and output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from mlvajra_al.records import Person
    from mlvajra_al.store.database import Store

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


@contextmanager
def opened(*, begin: bool = False) -> Iterator[Store]:
    """Open the workspace that the settings name; only with `begin` where none is yet."""
    from mlvajra_al.config import settings
    from mlvajra_al.services import workspaces

    chosen = settings()
    store = workspaces.opened(chosen.home, chosen.url, begin=begin)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_as_it_is() -> Iterator[Store]:
    """Open the workspace that the settings name, and leave an earlier schema of it alone."""
    from mlvajra_al.config import settings
    from mlvajra_al.services import workspaces

    chosen = settings()
    store = workspaces.as_it_is(chosen.home, chosen.url)
    try:
        yield store
    finally:
        store.close()


def operator(store: Store) -> Person:
    """Return whom the command line acts as, for the audit trail."""
    from mlvajra_al.services import people

    return people.operator(store, now=now())


def warn_unrecorded(why: str) -> None:
    """Say that something was done, but is in no audit trail; nothing where it is."""
    if why:
        sys.stderr.write(f"the audit trail does not tell of it: {why}\n")


def put(document: object) -> None:
    """Write one JSON document to standard output."""
    escaped = not sys.stdout.encoding.lower().startswith("utf")
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=escaped, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def progress(*, unit: str = "") -> Progress:
    """Return a progress bar on standard error; gone when done, silent where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(
            "{task.completed:,.0f} of {task.total:,.0f} " + unit
            if unit
            else "{task.percentage:>3.0f}%"
        ),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
