"""What every page and route of this process shares: the store, the clock, the lease."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import cache

from mlvajra_al.config import settings
from mlvajra_al.store.database import Store

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


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def lease() -> timedelta:
    """Return how long a claim lasts without a heartbeat."""
    return timedelta(minutes=settings().lease_minutes)


def session_life() -> timedelta:
    """Return how long a sign-in lasts."""
    return timedelta(days=settings().session_days)
