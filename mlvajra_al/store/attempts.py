"""Sign-ins that were tried: counted so that nobody can try for long."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from mlvajra_al.store.schema import login_attempt

NAME_MAX = 80
NAMES, ADDRESSES = 0x6D6C7601, 0x6D6C7602
"""Kinds of PostgreSQL's advisory locks."""


def _named(name: str) -> ColumnElement[bool]:
    return login_attempt.c.name == name.lower()[:NAME_MAX]


def add(connection: Connection, name: str, *, address: str, now: datetime) -> None:
    """Remember an attempt under a name from an address."""
    connection.execute(
        insert(login_attempt).values(name=name.lower()[:NAME_MAX], address=address, at=now)
    )


def hold(connection: Connection, name: str, *, address: str) -> None:
    """Let nobody else count under a name or from an address until this transaction ends."""
    if connection.dialect.name != "postgresql":  # SQLite has one writer anyway
        return
    for kind, what in ((NAMES, name.lower()[:NAME_MAX]), (ADDRESSES, address)):
        connection.execute(select(func.pg_advisory_xact_lock(kind, func.hashtext(what))))


def counts(
    connection: Connection, name: str, *, address: str, between: tuple[datetime, datetime]
) -> tuple[int, int, int]:
    """Count the attempts under a name from an address, under the name, and from the address."""

    def count(*where: ColumnElement[bool]) -> int:
        query = select(func.count()).where(login_attempt.c.at.between(*between), *where)
        return int(connection.scalar(query) or 0)

    there = login_attempt.c.address == address
    return count(_named(name), there), count(_named(name)), count(there)


def forget(connection: Connection, name: str) -> None:
    """Drop the attempts under a name after a good one."""
    connection.execute(delete(login_attempt).where(_named(name)))


def drop(connection: Connection, *, before: datetime) -> None:
    """Drop attempts that are too old to matter."""
    connection.execute(delete(login_attempt).where(login_attempt.c.at < before))
