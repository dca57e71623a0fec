"""PostgreSQL is told how large tables have become before its own daemon has looked."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from mlvajra_al.services import labelling
from mlvajra_al.store import estimates
from mlvajra_al.store.database import Store
from mlvajra_al.worker import Worker
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank
from tests.workers import wait_until

COUNTED = text("SELECT reltuples FROM pg_class WHERE oid = 'annotation'::regclass")


def counted(store: Store) -> float:
    """Return how many annotations PostgreSQL believes there are; -1 before it has looked."""
    with store.read() as connection:
        return float(connection.execute(COUNTED).scalar_one())


def answer_all(store: Store, *, samples: int) -> None:
    """Let somebody answer about so many samples."""
    project, ada = a_project(store), a_person(store)
    answers = [an_answer(key) for key in rank(store, project, samples)]
    labelling.record(store, ada, "spam", answers=answers, now=NOW, lease=LEASE)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_has_tables_counted_that_have_grown(store: Store) -> None:
    answer_all(store, samples=250)
    worker = Worker(store, "w1")

    def reported() -> bool:  # its own figures come a second late
        worker.report()
        return counted(store) == 250

    wait_until(reported)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_few_changes_are_not_counted(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("ANALYZE annotation"))
    before = counted(store)
    answer_all(store, samples=estimates.FEW // 2)
    Worker(store, "w1").report()
    assert counted(store) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_estimates_nothing(store: Store) -> None:
    Worker(store, "w1").report()
    with store.begin() as connection:
        estimates.renew(connection)
