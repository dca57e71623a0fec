"""A new ranking arrives while people claim and refill."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlvajra_al.records import Claim, Person, Policy, Ranked, Why
from mlvajra_al.services import claiming, labelling
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, projects, ranking
from mlvajra_al.store.database import Connection, Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


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
                time.sleep(0.5)  # PostgreSQL has left the row alone by now
        done.result(timeout=30)
    assert claim is not None
    with store.begin() as connection:
        held = claims.held(connection, project.id, person_id=ada.id, now=NOW)
        assert [item.id for item in held] == [claim.id]
        assert claims.finish(connection, claim.id, person_id=ada.id) is not None


@on_postgresql
def test_a_sample_claimed_at_this_moment_is_still_asked_of_a_second_person(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=2))
    ada, bob = a_person(store), a_person(store, "Bob")
    rank(store, project, 5)
    with ThreadPoolExecutor(1) as pool, store.begin() as connection:
        wish = claims.Wish(project.id, ada.id, NOW, LEASE)
        claim = claims.take(connection, wish, holdout=False)
        pool.submit(new_ranking, store, range(3, 5), overlap=2).result(timeout=10)
    assert claim is not None and claim.sample_key == "p0"
    with store.read() as connection:
        assert ranking.waiting(connection, project.id) == 5  # two of each new one, one of this
    assert keys(handed(store, bob, 3)) == ["p3", "p4", "p0"]


@on_postgresql
def test_who_answers_and_a_new_ranking_do_not_wait_for_each_other(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 5)
    (claim,) = claiming.claim(
        store, ada, "spam", n=1, now=NOW, lease=LEASE, rng=np.random.default_rng(1)
    )

    def in_another_process() -> int:
        with store.begin() as connection:
            new = by_the_model(range(5))
            return ranking.replace(connection, project.id, new, overlap=1, now=NOW)

    with ThreadPoolExecutor(1) as pool, store.begin() as connection:
        answered = claims.finish(connection, claim.id, person_id=ada.id)
        waiting = pool.submit(in_another_process).result(timeout=10)
    assert answered is not None and waiting == 4
    with store.read() as connection:
        left = [item.position for item in ranking.front(connection, project.id, limit=9)]
    assert left == [place for place in range(5) if place != claim.position]


@on_postgresql
def test_who_finds_the_ranking_dry_waits_for_the_new_one(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 5)
    replaced = threading.Event()

    def replace() -> None:
        with store.begin() as connection:
            new = by_the_model(range(3, 5))
            ranking.replace(connection, project.id, new, overlap=1, now=NOW)
            replaced.set()
            time.sleep(0.5)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(replace)
        assert replaced.wait(5)
        with store.begin() as connection:
            wish = claims.Wish(project.id, ada.id, NOW, LEASE)
            assert claims.take(connection, wish, holdout=False) is None
            ranking.one_at_a_time(connection, project.id)
            claim = claims.take(connection, wish, holdout=False)
        done.result(timeout=10)
    assert claim is not None and (claim.position, claim.why.strategy) == (3, "margin")


def test_a_sample_ranked_twice_at_this_moment_waits_once(store: Store) -> None:
    project = a_project(store)
    rank(store, project, 2)
    samples = by_the_model(range(2, 5))
    for _ in range(2):
        with store.begin() as connection:
            ranking.extend(connection, project.id, samples, overlap=1)
            assert ranking.waiting(connection, project.id) == 5


def handed(store: Store, person: Person, n: int) -> tuple[Claim, ...]:
    rng = np.random.default_rng(0)
    return claiming.claim(store, person, "spam", n=n, now=NOW, lease=LEASE, rng=rng)


def give_back(store: Store, person: Person, given: tuple[Claim, ...]) -> None:
    claiming.release(store, person, "spam", given=[claim.id for claim in given])


def new_ranking(store: Store, places: range, *, overlap: int = 1) -> None:
    def write(connection: Connection) -> None:
        project = projects.by_name(connection, "spam")
        ranking.replace(connection, project.id, by_the_model(places), overlap=overlap, now=NOW)

    store.write(write)


def keys(claims: tuple[Claim, ...]) -> list[str]:
    return [claim.sample_key for claim in claims]


def test_opening_and_closing_the_page_changes_nothing_about_what_comes_next(store: Store) -> None:
    rank(store, a_project(store), 9)
    ada = a_person(store)
    first = handed(store, ada, 6)
    give_back(store, ada, first)
    again = handed(store, ada, 6)
    assert keys(again) == keys(first) == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert {claim.id for claim in again}.isdisjoint(claim.id for claim in first)


def test_what_the_new_model_still_wants_first_is_handed_out_first_again(store: Store) -> None:
    rank(store, a_project(store), 9)
    ada = a_person(store)
    held = handed(store, ada, 3)
    new_ranking(store, range(2, 9))  # p2 first; p0 and p1 no more
    give_back(store, ada, held)
    (first,) = handed(store, ada, 1)
    assert (first.sample_key, first.why.strategy, first.why.rank) == ("p2", "margin", 0)


def test_what_the_new_model_does_not_want_waits_behind_all_it_wants(store: Store) -> None:
    rank(store, a_project(store), 9)
    ada = a_person(store)
    held = handed(store, ada, 3)
    new_ranking(store, range(5, 9))
    give_back(store, ada, held)
    assert keys(handed(store, ada, 9)) == ["p5", "p6", "p7", "p8", "p0", "p1", "p2", "p3", "p4"]


def test_an_answer_tells_why_it_was_asked_not_what_a_later_ranking_says(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 3)
    (held,) = handed(store, ada, 1)
    new_ranking(store, range(3))
    answer = an_answer(held)
    labelling.record(store, ada, "spam", answers=[answer], now=NOW, lease=LEASE)
    with store.read() as connection:
        (event,) = events.history(connection, project.id, events.Filter())
    assert event.why == held.why == Why("random", None, 0, None, None, holdout=False)


def test_a_lease_outlives_a_new_ranking(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 2)
    held = handed(store, ada, 1)
    new_ranking(store, range(2))
    assert keys(handed(store, bob, 2)) == ["p1"]
    with store.read() as connection:
        still = claims.held(connection, project.id, person_id=ada.id, now=NOW)
    assert [claim.id for claim in still] == [claim.id for claim in held]


@pytest.mark.parametrize("action", ["skip", "retract"])
def test_a_new_ranking_leaves_the_place_of_what_was_spoken_about(store: Store, action: str) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 3)
    (held,) = handed(store, ada, 1)
    said = [an_answer(held)] if action == "retract" else []
    said.append(an_answer(held.sample_key, action=action))
    labelling.record(store, ada, "spam", answers=said, now=NOW, lease=LEASE)
    new_ranking(store, range(3))
    with store.read() as connection:
        place = ranking.place(connection, project.id, held.sample_key)
    assert place == (0, Why("random", None, 0, None, None, holdout=False))


def test_an_answer_without_a_claim_does_not_repeat_why_somebody_else_was_asked(
    store: Store,
) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    give_back(store, ada, handed(store, ada, 1))
    new_ranking(store, range(1))
    answer = an_answer("p0")
    labelling.record(store, bob, "spam", answers=[answer], now=NOW, lease=LEASE)
    with store.read() as connection:
        (event,) = events.history(connection, project.id, events.Filter())
    assert (event.why.strategy, event.why.version) == ("margin", 1)
