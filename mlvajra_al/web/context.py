"""What every page and route of this process shares: the store, the clock, the lease."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import numpy as np
from starlette.concurrency import run_in_threadpool

from mlvajra_al.config import settings
from mlvajra_al.services import workspaces
from mlvajra_al.store.database import Operation, Store

T = TypeVar("T")
_opening = threading.Lock()
PATIENCE_S = 0.02
"""So long a write waits for those before it on PostgreSQL."""


def store() -> Store:
    """Return the store of this process, opened from the settings at the first call."""
    with _opening:
        return _store()


@cache
def _store() -> Store:
    current = settings()
    opened = workspaces.opened(current.home.absolute(), current.url, begin=True)
    opened.start_writer()
    return opened


def close() -> None:
    """Finish the queued writes and close the store; the next call of `store` opens it anew."""
    with _opening:
        if _store.cache_info().currsize:
            _store().close()
            _store.cache_clear()


async def committed(operation: Operation[T], *, lane: str, together: Hashable = None) -> T:
    """Run a short write and return its result after the commit.

    Whose turn has not come soon on PostgreSQL, because one before it in its lane waits for a lock,
    goes past those.
    """
    opened = store()
    sent = opened.queued(operation, lane=lane, together=together)
    waiting = asyncio.wrap_future(sent)
    if not opened.is_file:
        await asyncio.wait([waiting], timeout=PATIENCE_S)
        if sent.cancel():
            return await run_in_threadpool(opened.write, operation)
    return await waiting


async def looked_up(read: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run a short read: on the spot where the database is a file, else in a thread.

    On SQLite a read waits for nobody, and takes less time than the way to a thread and back.
    """
    if not store().is_file:
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
