"""Where heavy work is done: on this machine, or on the Dask cluster that MLVAJRA_ENGINE names.

What fans out calls `joblib.Parallel()` and knows of neither. Work that a cluster fails at is done
again here: a job must not fail because other machines are away.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import joblib
from threadpoolctl import threadpool_limits

from mlvajra_al.config import settings
from mlvajra_al.errors import MlvajraError

T = TypeVar("T")
Pulse = Callable[[], None]
"""Called now and then while others work; what it raises ends the work."""

CONNECT_S = 5.0
PULSE_S = 0.25
LOOK_S = 1.0
LOST_S = 20.0
"""So long a cluster may be without workers before its work is done here."""

log = logging.getLogger("mlvajra_al.worker")


class Away(Exception):
    """The cluster cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What came of some work, and why it was not done on the cluster if it was to be."""

    value: T
    note: str = ""


def address() -> str:
    """Return where the scheduler listens; empty where work is done on this machine."""
    engine = settings().engine
    return "" if engine == "local" else engine.removeprefix("dask://")


def run(
    there: Callable[[], T],
    *,
    here: Callable[[], T] | None = None,
    pulse: Pulse = lambda: None,
    pays: bool = True,
) -> Done[T]:
    """Do some work on the cluster if there is one, else or when that fails on this machine.

    Parameters
    ----------
    there : callable
        May be given up half done and done again: what it draws with it makes itself.
    here : callable, optional
        How to do it on this machine; without one as on the cluster.
    pulse : callable
        Called several times a second while the cluster works; what it raises ends the work.
    pays : bool
        Whether there is enough to do to ask a cluster at all.
    """
    where, here = address(), here or there
    if not (where and pays):
        return Done(here())
    try:
        with connected(where) as client:
            return Done(_there(there, client, pulse=pulse))
    except Away as error:
        note = f"The Dask cluster at {where} {error}; this machine did the work instead."
        log.info("%s (%r)", note, error.__cause__)  # whoever asked for the work tells the note
    return Done(here(), note)


def beside(work: Callable[[], T], *, pulse: Pulse) -> T:
    """Do some work in a thread, and look around meanwhile.

    What `pulse` raises leaves the thread behind; whoever calls this makes it end.
    """
    ended: list[tuple[T | None, BaseException | None]] = []

    def act() -> None:
        try:
            with threadpool_limits(1):
                ended.append((work(), None))
        except BaseException as error:  # told to whoever waits
            ended.append((None, error))

    thread = threading.Thread(target=act, name="beside", daemon=True)
    thread.start()
    while thread.is_alive():
        pulse()
        thread.join(PULSE_S)
    value, error = ended[0]
    if error is not None:
        raise error
    pulse()
    return cast("T", value)


@contextlib.contextmanager
def connected(where: str) -> Iterator[Any]:
    """Connect with the scheduler at a host and port.

    Raises
    ------
    Away
        If it does not answer, or has no workers.
    """
    from distributed import Client as Untyped

    make: Any = Untyped
    _require_listener(where)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    made: list[Any] = []

    def connect() -> None:
        with contextlib.suppress(OSError, ValueError):
            made.append(
                make(f"tcp://{where}", timeout=CONNECT_S, set_as_default=False, name="mlvajra")
            )

    # To what listens there and says nothing a client would listen for ever.
    thread = threading.Thread(target=connect, name="connect", daemon=True)
    thread.start()
    thread.join(2 * CONNECT_S)
    if not made:
        raise Away("does not answer")
    client = made[0]
    try:
        if not client.nthreads():
            raise Away("has no workers")
        yield client
    finally:
        with contextlib.suppress(Exception):  # whatever is the matter with it, we are leaving
            client.close(timeout=CONNECT_S)


def _require_listener(where: str) -> None:
    """Notice at once what a client would try to reach for long.

    Raises
    ------
    Away
    """
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise Away("does not answer") from error


def _there(work: Callable[[], T], client: Any, *, pulse: Pulse) -> T:
    """Do some work by the cluster, in a thread that is left behind when the cluster is lost."""
    told: list[BaseException] = []
    watched = Watch(client)

    def act() -> T:
        with joblib.parallel_config(backend="dask", client=client):
            return work()

    def look() -> None:
        try:
            pulse()
        except BaseException as error:
            told.append(error)
            raise
        watched.look()

    try:
        return beside(act, pulse=look)
    except (MlvajraError, Away):
        raise
    except Exception as error:
        if error in told:
            raise
        # Nothing tells a cluster's trouble from ours: if it is ours it happens here again.
        raise Away("stopped answering") from error


class Watch:
    """Notices that a cluster has gone while it had work to do."""

    def __init__(self, client: Any, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._client, self._elapsed = client, elapsed
        self._seen_at = self._looked_at = elapsed()

    def look(self) -> None:
        """Look for workers now and then.

        Raises
        ------
        Away
            If there have been none for long.
        """
        now = self._elapsed()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        if self._workers():
            self._seen_at = now
        elif now - self._seen_at > LOST_S:
            raise Away(f"has had no workers for {LOST_S:.0f} seconds")

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except Exception:  # it is on its way out
            return 0
