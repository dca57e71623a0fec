"""What every page and route of this process shares: the store, the clock, the lease."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import numpy as np
from starlette.concurrency import run_in_threadpool

from mlvajra_al.config import settings
from mlvajra_al.store.database import Operation, Store

S = TypeVar("S")
T = TypeVar("T")
_opening = threading.Lock()


def store() -> Store:
    """Return the store of this process, opened from the settings at the first call."""
    with _opening:
        return _store()


@cache
def _store() -> Store:
    current = settings()
    opened = Store.open(current.url, current.home.absolute())
    opened.migrate()
    opened.start_writer()
    return opened


def close() -> None:
    """Finish the queued writes and close the store; the next call of `store` opens it anew."""
    with _opening:
        if _store.cache_info().currsize:
            _store().close()
            _store.cache_clear()


async def committed(operation: Operation[S], *, then: Callable[[S], T]) -> T:
    """Run a write and return what `then` makes of its result after the commit.

    No other request waits for it; `then` must be short.
    """
    opened = store()
    if opened.writer is None:
        return await run_in_threadpool(lambda: then(opened.write(operation)))
    return then(await asyncio.wrap_future(opened.writer.submit(operation)))


async def looked_up(read: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run a short read: on the spot where the database is a file, else in a thread.

    On SQLite a read waits for nobody, and takes less time than the way to a thread and back.
    """
    if store().writer is None:
        return await run_in_threadpool(read, *arguments, **named)
    return read(*arguments, **named)


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@cache
def rng() -> np.random.Generator:
    """Return what this process draws with; seeding one for each request costs more than a draw."""
    return np.random.default_rng()


def lease() -> timedelta:
    """Return how long a claim lasts without a heartbeat."""
    return timedelta(minutes=settings().lease_minutes)


def session_life() -> timedelta:
    """Return how long a sign-in lasts."""
    return timedelta(days=settings().session_days)
