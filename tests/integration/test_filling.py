"""The ranking never runs dry while the pool lasts, and says cheaply that it has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select, text

from mlvajra_al.learning.strategies import Ranking
from mlvajra_al.records import Person, Policy, Project
from mlvajra_al.services import claiming, filling, labelling
from mlvajra_al.services.jobs import preparing
from mlvajra_al.store import projects, ranking
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.store.schema import slot
from mlvajra_al.store.shards import Pool
from tests.factories import LEASE, NOW, a_person, a_pool, a_project, an_answer, rank

RNG = np.random.default_rng(1)


def with_a_pool(store: Store, size: int, *, held_out: float = 0.0, overlap: int = 1) -> Project:
    """Store a project with a pool and nothing ranked."""
    project = a_project(store, policy=Policy(overlap=overlap, holdout_rate=held_out))
    a_pool(store, project, size)
    with store.begin() as connection:
        projects.set_holdout_threshold(connection, project.id, held_out)
        return projects.get(connection, project.id)


def pool_of(store: Store, connection: Connection, project: Project) -> Pool:
    return labelling.project_pool(store, connection, project)


def handed(store: Store, person: Person, n: int) -> list[str]:
    claims = claiming.claim(store, person, "spam", n=n, now=NOW, lease=LEASE, rng=RNG)
    return [claim.sample_key for claim in claims]


def test_a_claim_fills_an_empty_ranking_by_itself(store: Store) -> None:
    with_a_pool(store, 30)
    assert len(set(handed(store, a_person(store), 20))) == 20


def test_the_whole_pool_is_handed_out_and_then_nothing(store: Store) -> None:
    with_a_pool(store, 25, held_out=0.3)
    ada = a_person(store)
    keys = handed(store, ada, 20) + handed(store, ada, 20)
    assert sorted(keys) == sorted(f"p{n}" for n in range(25))
    assert handed(store, ada, 1) == []


def test_holdout_samples_come_in_the_order_of_their_hashes(store: Store) -> None:
    project = with_a_pool(store, 60, held_out=0.4)
    with store.begin() as connection:
        pool = pool_of(store, connection, project)
        assert filling.fill_holdout(connection, project, pool) == int(pool.holdout(0.4).sum())
        order = pool.keys(pool.holdout_order(0.4))
        ranks = [ranking.place(connection, project.id, key)[1].rank for key in order]
    assert ranks == list(range(len(order)))


def test_a_random_sample_says_how_likely_it_was_drawn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "RANDOM_TAIL", 10)
    project = with_a_pool(store, 40)
    with store.begin() as connection:
        pool = pool_of(store, connection, project)
        assert filling.fill_pool(connection, project, pool, rng=RNG) == 10
        (first, *_) = ranking.front(connection, project.id, limit=10)
    assert (first.why.strategy, first.why.inclusion_probability) == ("random", 0.25)


def test_more_follow_behind_those_that_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "RANDOM_TAIL", 10)
    project = with_a_pool(store, 25)
    with store.begin() as connection:
        pool = pool_of(store, connection, project)
        added = [filling.fill_pool(connection, project, pool, rng=RNG) for _ in range(4)]
        waiting = ranking.front(connection, project.id, limit=99)
    assert added == [10, 10, 5, 0]
    assert [item.why.rank for item in waiting] == list(range(25))


def test_a_dry_pool_is_not_looked_through_at_every_claim(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_pool(store, 12, held_out=0.3)
    ada = a_person(store)
    assert len(handed(store, ada, 20)) == 12
    assert handed(store, ada, 6) == []
    looked: list[int] = []
    known = ranking.known_positions
    monkeypatch.setattr(
        ranking, "known_positions", lambda *asked: looked.append(1) or known(*asked)
    )
    for _ in range(5):
        assert handed(store, ada, 6) == []
    assert looked == []


def test_slots_of_another_project_do_not_fill_a_dry_one(store: Store) -> None:
    with_a_pool(store, 5)
    ada = a_person(store)
    assert len(handed(store, ada, 10)) == 5
    rank(store, a_project(store, "other"), 3)
    assert handed(store, ada, 10) == []


def test_overlap_fills_as_many_slots_as_people_are_wanted(store: Store) -> None:
    with_a_pool(store, 4, overlap=3)
    crowd = [a_person(store, f"person {n}") for n in range(4)]
    taken = [len(handed(store, person, 10)) for person in crowd]
    assert taken == [4, 4, 4, 0]


def test_an_answered_sample_never_comes_again_by_filling(store: Store) -> None:
    with_a_pool(store, 6)
    ada, bob = a_person(store), a_person(store, "Bob")
    answers = [an_answer("p3"), an_answer("p4", action="flag")]
    labelling.record(store, ada, "spam", answers=answers, now=NOW, lease=LEASE)
    assert sorted(handed(store, ada, 10)) == ["p0", "p1", "p2", "p5"]
    assert handed(store, bob, 10) == []


@pytest.mark.parametrize("n", [0, -1, 21, 10**9])
def test_nobody_gets_more_claims_at_once_than_a_page_can_show(store: Store, n: int) -> None:
    with_a_pool(store, 1)
    with pytest.raises(claiming.Invalid, match=f"asked for {n} claims at once; ask for 1 to 20"):
        handed(store, a_person(store), n)


def test_of_many_who_find_a_ranking_dry_at_once_one_fills_it_for_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "RANDOM_TAIL", 60)
    project = with_a_pool(store, 600)
    people = [a_person(store, f"person {number}") for number in range(8)]
    with ThreadPoolExecutor(len(people)) as crowd:
        got = list(crowd.map(lambda person: handed(store, person, 5), people))
    assert sorted(map(len, got)) == [5] * len(people)
    assert len({key for keys in got for key in keys}) == 5 * len(people)
    with store.read() as connection:
        ranked = connection.scalar(
            select(func.count()).where(slot.c.project_id == project.id).select_from(slot)
        )
    assert ranked == 60


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_knows_how_many_samples_wait_as_soon_as_they_do(store: Store) -> None:
    project = a_project(store)
    rank(store, project, 700)
    with store.read() as connection:
        known = connection.scalar(
            text("SELECT reltuples FROM pg_class WHERE oid = 'slot'::regclass")
        )
    assert known >= 350


def test_what_a_model_that_only_guesses_draws_says_how_likely_it_was_too(store: Store) -> None:
    project = with_a_pool(store, 40)
    drawn = Ranking(np.array([7, 3]), np.array([0.2, 0.1]), "random")
    doubted = replace(drawn, strategy="margin")
    with store.begin() as connection:
        pool = pool_of(store, connection, project)
        by_chance, by_doubt = (
            preparing.ranked(pool, best, candidates=np.arange(20), scored=True, rng=RNG)[:2]
            for best in (drawn, doubted)
        )
    assert [(one.position, one.why.rank) for one in by_chance] == [(7, 0), (3, 1)]
    assert {(one.why.utility, one.why.inclusion_probability) for one in by_chance} == {(None, 0.1)}
    assert [(one.why.utility, one.why.inclusion_probability) for one in by_doubt] == [
        (0.2, None), (0.1, None),
    ]  # fmt: skip
