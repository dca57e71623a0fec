"""Checks of the database: its schema, its own soundness, and what must hold between its rows."""

from __future__ import annotations

from collections.abc import Iterator

from mlvajra_al.records import Finding
from mlvajra_al.services.checking.visit import Visit
from mlvajra_al.store import checks, files, revisions, uniqueness

FROM_A_BACKUP = "stop everything and restore the newest good backup ('mlvajra restore')"

OF_ANOTHER = (
    "the pools and models of this folder belong to another database: set MLVAJRA_DATABASE_URL to "
    "it, or restore the newest good backup ('mlvajra restore')"
)


def schema(visit: Visit) -> Iterator[Finding]:
    """Find a schema this program cannot work with."""
    with visit.store.read() as connection:
        every = revisions.every_stored(connection)
    stored, newest = next(iter(every), None), revisions.newest()
    if len(every) > 1:
        yield Finding(
            "schema",
            f"the database says of its schema that it is {' and '.join(map(repr, sorted(every)))}",
            f"{FROM_A_BACKUP}, or, if you know which one it is, delete the other rows of "
            "alembic_version",
        )
    elif stored is None:
        begin = "start 'mlvajra run', which makes them, or check MLVAJRA_HOME and"
        yield Finding(
            "schema",
            "the database holds no tables of ours",
            OF_ANOTHER if files.are_in(visit.store.home) else f"{begin} MLVAJRA_DATABASE_URL",
        )
    elif stored not in revisions.known():
        yield Finding(
            "schema",
            f"the schema {stored!r} is newer than this program, which works with {newest!r}",
            "update mlvajra_al to the version that was used last",
        )
    elif stored != newest:
        yield Finding(
            "schema",
            f"the schema {stored!r} is older than {newest!r}, with which this program works",
            "make a backup, then start 'mlvajra run', which brings it up to date",
        )


def sound(visit: Visit) -> Iterator[Finding]:
    """Find damage the database engine notices."""
    with visit.store.read() as connection:
        for complaint in checks.complaints(connection):
            yield Finding("database", f"the database is damaged: {complaint}", FROM_A_BACKUP)


def readable(visit: Visit) -> Iterator[Finding]:
    """Find damage the database engine does not notice: cells that nothing of ours has written."""
    with visit.store.read() as connection:
        if revisions.stored(connection) != revisions.newest():
            return
        for complaint in checks.unreadable(connection):
            yield Finding("cells", f"the database is damaged: {complaint}", FROM_A_BACKUP)


def unique(visit: Visit) -> Iterator[Finding]:
    """Find what the database would take twice, though this program relies on its refusal."""
    with visit.store.read() as connection:
        for item in uniqueness.missing(connection):
            yield Finding(
                "uniqueness",
                f"the table {item.table} has lost its unique index {item.name}: what must be there "
                "once can be stored twice",
                f"stop everything and make it again ({item.statement}); where that fails, "
                "something is there twice already: restore the newest good backup "
                "('mlvajra restore')",
            )


def rows(visit: Visit) -> Iterator[Finding]:
    """Find rows that contradict each other."""
    with visit.store.read() as connection:
        for item in checks.broken(connection):
            yield Finding(
                "rows",
                f"{item.what}: {item.count:,}, for instance {item.example}",
                "nothing of ours writes this; report it with the output of 'mlvajra doctor "
                f"--json', and if labels are affected, {FROM_A_BACKUP}",
            )
