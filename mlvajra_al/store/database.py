"""The one way to a database: open it, read from it, write to it."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError

from mlvajra_al.errors import Contended, Setup, Unavailable, Unjournalled
from mlvajra_al.store import revisions
from mlvajra_al.store.committing import InSavepoints, Together
from mlvajra_al.store.presence import join
from mlvajra_al.store.statements import execute
from mlvajra_al.store.trouble import is_busy, opened_read_only, told
from mlvajra_al.store.writer import Operation, Writer

__all__ = ["Connection", "Operation", "Store"]

T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
TRIES = 5
GROUP_COMMIT = 32
LOOK_AGAIN_S = 0.0005
RESTED_S = 1.0
"""So long after its last use a connection is asked whether its server still is there."""


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def teach_letters(connection: sqlite3.Connection) -> None:
    """Make `lower` know all letters, as an index does; SQLite's own knows those of English only."""
    connection.create_function("lower", 1, _lower, deterministic=True)


@contextmanager
def _journalled(connection: sqlite3.Connection, file: str | None) -> Iterator[None]:
    """Say where it is the journal that is lacking: the file itself may be whole and readable."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        connection.close()
        raise Unjournalled(str(file)) from error


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
        ):
            with _journalled(connection, engine.url.database):
                connection.execute(f"PRAGMA {pragma}")
        teach_letters(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("immediate", False):
            _begin_to_write(connection)
        else:
            execute(connection, "BEGIN")


def _begin_to_write(connection: Connection) -> None:
    """Begin as soon as no other process writes.

    SQLite itself would look again after 1, 2, 5, 10 and more milliseconds, and wait for much longer
    than the few that others need.
    """
    waits_until = monotonic() + BUSY_TIMEOUT_MS / 1_000
    execute(connection, "PRAGMA busy_timeout = 0").close()
    try:
        while True:
            try:
                execute(connection, "BEGIN IMMEDIATE")
            except DBAPIError as error:
                if not is_busy(error) or monotonic() > waits_until:
                    raise
                sleep(LOOK_AGAIN_S)
            else:
                return
    finally:
        execute(connection, f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").close()


def _prepare_postgresql(engine: Engine) -> None:
    """Ask a connection that has rested whether it lives, and spare the way for busy ones."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # What is looked up for many rows one by one looks dear to its planner, and is not: it would
        # compile for 150 ms what takes ten.
        connection.execute("SET jit = off")
        connection.commit()

    @event.listens_for(engine, "checkin")
    def _given_back(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _taken(connection: Any, record: Any, _proxy: Any) -> None:
        rested_s = monotonic() - record.info.get("rests_since", monotonic())
        try:
            lives = not connection.closed
            if lives and rested_s > RESTED_S:
                lives = engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            lives = False
        if not lives:  # and neither do those that are as old
            raise InvalidatePoolError


@contextmanager
def _changing_nothing(connection: Connection) -> Iterator[None]:
    """Let PostgreSQL refuse what would change something, so that a commit ends what only reads.

    After a rollback its driver would forget every statement it has prepared. SQLAlchemy's option
    for this would let the connection write afterwards even where the database forbids it.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.read_only = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.read_only = None


def parsed(url: str) -> URL:
    """Return the parts of the address of a database.

    Raises
    ------
    Setup
        If it is none, or of a database we do not know.
    """
    try:
        found = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise Setup(
            "MLVAJRA_DATABASE_URL is no address of a database; write "
            "postgresql://NAME:PASSWORD@HOST:PORT/DATABASE, or unset it"
        ) from error
    if found.get_backend_name() not in {"sqlite", "postgresql"}:
        raise Setup(
            f"MLVAJRA_DATABASE_URL names {found.get_backend_name()!r}, but only sqlite and "
            "postgresql are supported; correct it"
        )
    return found


class Store:
    """A workspace: one database and one folder of files.

    Parameters
    ----------
    engine : Engine
    home : Path
        Folder of shards, features, artefacts and uploads.
    """

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine, self.home = engine, home
        self.writer: Writer | None = None
        """The one thread that writes, where `start_writer` has started it: on SQLite."""
        self._lanes: dict[str, Writer] = {}
        self._glancing: deque[Connection] = deque()
        self._presence: IO[bytes] | None = None

    @property
    def is_file(self) -> bool:
        """Whether the database is a file: one writer at a time, and a read waits for nobody."""
        return self.engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, url: str, home: Path) -> Store:
        """Open a workspace, making its folder where it is missing.

        Raises
        ------
        Setup
            If the folder cannot be written, is being restored, or the URL is of no database
            we know.
        """
        address = parsed(url)
        if home.exists() and not home.is_dir():
            raise Setup(f"the workspace {home} is a file; set MLVAJRA_HOME to a folder")
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            presence = join(home)
        except OSError as error:
            raise Setup(
                f"the workspace {home} cannot be created ({error.strerror}); "
                "set MLVAJRA_HOME to a folder you may write to"
            ) from error
        sqlite = address.get_backend_name() == "sqlite"
        if not sqlite:
            address = address.set(drivername="postgresql+psycopg")
        engine = create_engine(address, pool_size=20, max_overflow=40, pool_use_lifo=True)
        if sqlite:
            _prepare_sqlite(engine)
        else:
            _prepare_postgresql(engine)
        opened = cls(engine, home)
        opened._presence = presence
        return opened

    def migrate(self) -> None:
        """Bring the database to the newest schema.

        Raises
        ------
        Setup
            If the database cannot be reached, or is newer than this program.
        """
        with self._reached():
            with self.read() as connection:  # a start waits for no writer
                if revisions.is_newest(connection):
                    return
            with self.begin() as connection:
                revisions.upgrade(connection)

    def schema(self) -> str | None:
        """Return the revision of the schema the database has; None if it holds no tables of ours.

        Raises
        ------
        Setup
            If the database cannot be reached.
        """
        with self._reached(), self.read() as connection:
            return revisions.stored(connection)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say how the database was named where it cannot be used."""
        try:
            yield
        except Unjournalled:
            raise
        except (DBAPIError, Unavailable) as error:
            found = error.__cause__ if isinstance(error, Unavailable) else error
            why = " ".join(str(getattr(found, "orig", found)).split())
            raise Setup(
                f"the database {self.engine.url.render_as_string()} cannot be used: {why}; "
                "check MLVAJRA_DATABASE_URL and MLVAJRA_HOME"
            ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one snapshot and changes nothing."""
        with told(self.home), self.engine.connect() as connection, _changing_nothing(connection):
            with connection.begin() as snapshot:  # statements of the driver begin none
                yield connection
                if self.engine.dialect.name == "sqlite":
                    snapshot.rollback()

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Yield a connection for one prepared select, which needs no transaction to be whole.

        Every request begins with one. Those of SQLite stay at hand: they hold no snapshot, and
        taking one from the pool and giving it back costs more than the select.
        """
        with told(self.home):
            try:
                connection = self._glancing.pop()
            except IndexError:
                connection = self.engine.connect()
                if self.engine.dialect.name == "postgresql":
                    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                yield connection
            except BaseException:
                if self.engine.dialect.name == "postgresql":
                    with suppress(DBAPIError):  # one that is gone takes those as old with it
                        connection.exec_driver_sql("SELECT 1")
                connection.close()
                raise
            if self.engine.dialect.name == "sqlite":
                self._glancing.append(connection)
            else:
                connection.close()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a write transaction, committed at the end."""
        try:
            with told(self.home), self.engine.connect() as plain:
                connection = plain.execution_options(immediate=True)
                with connection.begin():
                    yield connection
        except Unavailable as error:
            if opened_read_only(error):
                self._let_go()
            raise

    def _let_go(self) -> None:
        """Close every connection at hand.

        When the first one of a process was opened while nobody could write to the file, SQLite lets
        none of them write until the last is closed.
        """
        with suppress(IndexError):
            while True:
                self._glancing.pop().close()
        self.engine.dispose()

    def write(self, operation: Operation[T]) -> T:
        """Run `operation` in a write transaction and return its result after the commit.

        It is run again where the database has ended it in favour of another (a deadlock).
        """
        if self.writer is not None:
            return self.writer.submit(operation).result()
        return self._write_alone(operation)

    def _write_alone(self, operation: Operation[T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return self._write(operation)
            except Contended:
                continue
        return self._write(operation)

    def _write(self, operation: Operation[T]) -> T:
        with self.begin() as connection:
            return operation(connection)

    def start_writer(self) -> None:
        """Send all writes of this process through one thread (SQLite allows one writer)."""
        if self.is_file and self.writer is None:
            committing = InSavepoints(self.engine, self.home, self._let_go)
            self.writer = Writer(committing, most=GROUP_COMMIT)
            self.writer.start()

    def queued(self, operation: Operation[T], *, lane: str, together: Hashable = None) -> Future[T]:
        """Send a short write to the thread that writes, on PostgreSQL to that of its lane.

        Many threads there would wake each other at every answer of the database. Those of a lane
        that name the same thing as `together` take each other's locks in any order, and are
        committed together where several wait.
        """
        if self.writer is not None:
            return self.writer.submit(operation)
        if lane not in self._lanes:
            committing = Together(self._write, alone=self._write_alone)
            self._lanes[lane] = Writer(committing, most=GROUP_COMMIT)
            self._lanes[lane].start()
        about = object() if together is None else together
        return self._lanes[lane].submit(operation, about=about)

    def close(self) -> None:
        """Finish queued writes and close every connection."""
        if self.writer is not None:
            self.writer.stop()
            self.writer = None
        while self._lanes:
            self._lanes.popitem()[1].stop()
        self._let_go()
        if self._presence is not None:
            self._presence.close()
            self._presence = None
