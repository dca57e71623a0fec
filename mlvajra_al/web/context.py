"""What every page and route of this process shares: the store, the clock, the lease."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
from anyio.lowlevel import RunVar
from starlette.concurrency import run_in_threadpool

from mlvajra_al.config import settings
from mlvajra_al.store.database import Operation, Store

S = TypeVar("S")
T = TypeVar("T")
Kind = Literal["claims", "answers"]
_opening = threading.Lock()
FEW = 2
"""So many requests of a kind are with PostgreSQL at a time, as long as each is short."""
PATIENCE_S = 0.02
_turns: RunVar[defaultdict[Kind, asyncio.Semaphore]] = RunVar("turns")


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


@asynccontextmanager
async def _among_few(kind: Kind) -> AsyncIterator[None]:
    """Wait until few others of a kind are with PostgreSQL; who has waited long goes all the same.

    Many threads wake each other at every answer of the database, and hold its locks meanwhile: all
    together get less done. Where those few wait for a lock, nobody else has to.
    """
    turns = _turns.get(None)
    if turns is None:
        turns = defaultdict(lambda: asyncio.Semaphore(FEW))
        _turns.set(turns)
    few = turns[kind]
    in_turn = False
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            in_turn = await few.acquire()
    try:
        yield
    finally:
        if in_turn:
            few.release()


async def committed(operation: Operation[S], *, then: Callable[[S], T], kind: Kind) -> T:
    """Run a write and return what `then` makes of its result after the commit.

    Other requests wait for it only if they are of its kind; `then` must be short.
    """
    opened = store()
    if opened.writer is None:
        async with _among_few(kind):
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
