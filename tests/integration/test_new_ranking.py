"""A new ranking arrives while people claim and refill."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from mlvajra_al.records import Ranked, Why
from mlvajra_al.store import claims, ranking
from mlvajra_al.store.database import Connection, Store
from tests.factories import LEASE, NOW, a_person, a_project, rank


def by_the_model(places: range) -> list[Ranked]:
    return [
        Ranked(f"p{place}", place, Why("margin", 0.5, number, 1, None, holdout=False))
        for number, place in enumerate(places)
    ]


def test_a_sample_claimed_at_this_moment_keeps_its_slot(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 5)
    claimed, arriving = threading.Event(), threading.Event()

    def replace(connection: Connection) -> None:
        arriving.set()
        ranking.replace(connection, project.id, by_the_model(range(3, 5)), overlap=1, now=NOW)

    def in_another_process() -> None:
        claimed.wait(5)
        with store.begin() as connection:
            replace(connection)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_another_process)
        with store.begin() as connection:
            wish = claims.Wish(project.id, ada.id, NOW, LEASE)
            claim = claims.take(connection, wish, holdout=False)
            claimed.set()
            if arriving.wait(0.5):  # on SQLite it cannot even begin
                time.sleep(0.5)  # PostgreSQL waits for the row now
        done.result(timeout=30)
    assert claim is not None
    with store.begin() as connection:
        held = claims.held(connection, project.id, person_id=ada.id, now=NOW)
        assert [item.id for item in held] == [claim.id]
        assert claims.finish(connection, claim.id, person_id=ada.id) is not None


def test_a_sample_ranked_twice_at_this_moment_waits_once(store: Store) -> None:
    project = a_project(store)
    rank(store, project, 2)
    samples = by_the_model(range(2, 5))
    with store.begin() as connection:
        ranking.extend(connection, project.id, samples, overlap=1)
    with store.begin() as connection:
        ranking._insert(connection, project.id, samples, overlap=1)
        assert ranking.waiting(connection, project.id) == 5
