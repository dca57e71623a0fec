"""An event that a signal may set."""

from __future__ import annotations

import threading
from contextlib import suppress


class Told:
    """What a signal handler sets and one thread waits for.

    A wait for a `threading.Event` holds a lock for some microseconds. A handler that sets it just
    then waits for the very thread that it has interrupted, for ever. This one is a lock that is
    held until it is set, which no thread needs to hold for that.

    Examples
    --------
    >>> told = Told()
    >>> told.wait(0.001)
    False
    >>> told.set()
    >>> told.wait(60)
    True
    """

    def __init__(self) -> None:
        self._set = False
        self._unset = threading.Lock()
        self._unset.acquire()

    def set(self) -> None:
        """End the wait."""
        self._set = True
        with suppress(RuntimeError):  # told twice
            self._unset.release()

    def is_set(self) -> bool:
        """Say whether it was set."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Wait for it at most so many seconds, and say whether it was set."""
        if not self._set:
            self._unset.acquire(timeout=timeout)
        return self._set
