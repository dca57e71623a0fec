"""Two reviewers are given different cases while there are any; nothing is kept from anybody."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from mlvajra_al.errors import NotAllowed
from mlvajra_al.records import Person, Project
from mlvajra_al.services import reserving
from mlvajra_al.services.reserving import LASTS, Opened
from mlvajra_al.store import reservations
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import reservation
from tests.factories import NOW, a_person, a_project

CASES = ("p0", "p1", "p2")


@pytest.fixture
def project(store: Store) -> Project:
    return a_project(store)


@pytest.fixture
def rita(store: Store, project: Project) -> Person:
    return a_person(store, "Rita", role="reviewer")


@pytest.fixture
def otto(store: Store, project: Project) -> Person:
    return a_person(store, "Otto", role="reviewer")


def opened(
    store: Store,
    person: Person,
    *wanted: str,
    after: timedelta = timedelta(),
    leaving: str | None = None,
) -> Opened:
    return reserving.open_case(
        store, person, "spam", wanted=wanted or CASES, now=NOW + after, leaving=leaving
    )


def until(store: Store) -> dict[str, datetime]:
    with store.read() as connection:
        query = select(reservation.c.sample_key, reservation.c.until)
        return {row.sample_key: row.until for row in connection.execute(query)}


def test_who_comes_second_gets_what_nobody_has_open_and_else_the_first_with_a_name(
    store: Store, rita: Person, otto: Person
) -> None:
    assert opened(store, rita) == Opened("p0", None)
    assert opened(store, rita) == Opened("p0", None), "and has it still"
    assert opened(store, otto) == Opened("p1", None)
    assert opened(store, otto, "p0") == Opened("p0", "Rita"), "who goes there sees it all the same"
    assert opened(store, otto, "p0", "p1", leaving="p1") == Opened("p1", None)
    assert opened(store, rita, "p1") == Opened("p1", "Otto")
    assert opened(store, a_person(store, "Eve", role="admin"), "p1", "p0") == Opened("p1", "Otto")


def test_what_is_left_is_anybodys_at_once_and_what_was_closed_soon_after(
    store: Store, rita: Person, otto: Person
) -> None:
    opened(store, rita)
    assert opened(store, rita, "p1", leaving="p0") == Opened("p1", None)
    assert opened(store, otto) == Opened("p0", None)
    assert opened(store, otto, "p1", leaving="p0") == Opened("p1", "Rita")
    assert set(until(store)) == {"p1"}, "leaving for what another has open frees it too"
    later = LASTS + timedelta(seconds=1)
    assert opened(store, otto, "p1", after=later) == Opened("p1", None)
    assert opened(store, rita, "p1", after=later) == Opened("p1", "Otto")
    assert opened(store, rita, "p2", after=3 * LASTS) == Opened("p2", None)
    assert opened(store, otto, "p2", after=3 * LASTS) == Opened("p2", "Rita")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reservation_is_written_anew_only_when_half_of_its_time_is_over(
    store: Store, rita: Person
) -> None:
    opened(store, rita)
    opened(store, rita, after=LASTS / 3)
    assert until(store) == {"p0": NOW + LASTS}
    opened(store, rita, after=LASTS * 2 / 3)
    assert until(store) == {"p0": NOW + LASTS * 5 / 3}
    opened(store, rita, "p1", after=3 * LASTS)
    assert set(until(store)) == {"p1"}, "what is over is cleared away"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clock_that_was_set_back_reserves_nothing_for_long(
    store: Store, rita: Person, otto: Person
) -> None:
    opened(store, rita, after=timedelta(days=1))
    assert opened(store, otto) == Opened("p0", None)
    assert opened(store, rita, "p0") == Opened("p0", "Otto")


def test_reviewers_who_come_at_one_moment_get_different_cases(
    store: Store, project: Project
) -> None:
    people = [a_person(store, f"reviewer {n}", role="reviewer") for n in range(4)]
    together = threading.Barrier(len(people))
    wanted = [f"p{n}" for n in range(len(people))]

    def come(person: Person) -> str:
        together.wait()
        return opened(store, person, *wanted).sample_key

    with ThreadPoolExecutor(len(people)) as pool:
        assert sorted(pool.map(come, people)) == wanted


def test_who_loses_the_last_case_to_another_is_told_who_has_it(
    store: Store, project: Project, rita: Person, otto: Person
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as connection:
            assert reservations.take(
                connection, project.id, "p0", person_id=otto.id, now=NOW, until=NOW + LASTS
            )
            losing = pool.submit(opened, store, rita, "p0")
            time.sleep(0.2)  # it has seen the case free, and waits to write
        assert losing.result() == Opened("p0", "Otto")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_a_reviewer_reserves(store: Store, project: Project) -> None:
    with pytest.raises(NotAllowed):
        opened(store, a_person(store, "Ada"))
