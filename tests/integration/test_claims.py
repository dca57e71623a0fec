"""Claims are correct by constraint, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from mlvajra_al.records import Claim, Person, Policy, Project, Ranked, Why
from mlvajra_al.services import labelling
from mlvajra_al.store import claims, ranking
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


def claim_one(store: Store, project_id: int, person_id: int, *, now=NOW, holdout=False):
    def operation(connection):
        wish = claims.Wish(project_id, person_id, now, LEASE)
        return claims.take(connection, wish, holdout=holdout)

    return store.write(operation)


def test_samples_are_handed_out_in_order_of_rank(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    keys = rank(store, project, 3)
    handed = [claim_one(store, project.id, ada.id).sample_key for _ in keys]
    assert handed == keys
    assert claim_one(store, project.id, ada.id) is None


def test_two_people_never_hold_the_same_sample(store: Store) -> None:
    project = a_project(store)
    crowd = [a_person(store, f"person {n}") for n in range(4)]
    keys = rank(store, project, 40)

    def work(person):
        taken = []
        while (found := claim_one(store, project.id, person.id)) is not None:
            taken.append(found)
        return taken

    store.start_writer()
    with ThreadPoolExecutor(4) as pool:
        handed = [claim for taken in pool.map(work, crowd) for claim in taken]
    assert sorted(claim.sample_key for claim in handed) == sorted(keys)


def test_overlap_hands_a_sample_to_different_people_only(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=2))
    ada, bob, eve = (a_person(store, name) for name in ("Ada", "Bob", "Eve"))
    rank(store, project, 1)
    assert claim_one(store, project.id, ada.id) is not None
    assert claim_one(store, project.id, ada.id) is None
    assert claim_one(store, project.id, bob.id) is not None
    assert claim_one(store, project.id, eve.id) is None


def test_an_expired_lease_is_handed_to_somebody_else(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    rank(store, project, 1)
    first = claim_one(store, project.id, ada.id)
    assert claim_one(store, project.id, bob.id, now=NOW + LEASE / 2) is None
    second = claim_one(store, project.id, bob.id, now=NOW + LEASE + timedelta(seconds=1))
    assert isinstance(second, Claim)
    assert second.sample_key == first.sample_key
    assert second.id != first.id


def test_a_renewed_lease_stays_with_its_person(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    rank(store, project, 1)
    held = claim_one(store, project.id, ada.id)
    with store.begin() as connection:
        renewed = claims.renew(
            connection, project.id, person_id=ada.id, claims=[held.id], until=NOW + 3 * LEASE
        )
    assert renewed == 1
    assert claim_one(store, project.id, bob.id, now=NOW + 2 * LEASE) is None


def test_nobody_can_renew_or_release_what_another_person_holds(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    rank(store, project, 1)
    held = claim_one(store, project.id, ada.id)
    with store.begin() as connection:
        assert not claims.renew(
            connection, project.id, person_id=bob.id, claims=[held.id], until=NOW + 9 * LEASE
        )
        assert not claims.release(connection, project.id, person_id=bob.id, claims=[held.id])
    assert claim_one(store, project.id, bob.id) is None


def test_a_released_sample_is_handed_out_again(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    rank(store, project, 1)
    held = claim_one(store, project.id, ada.id)
    with store.begin() as connection:
        assert claims.release(connection, project.id, person_id=ada.id, claims=[held.id]) == 1
    assert claim_one(store, project.id, bob.id).sample_key == held.sample_key


def test_a_new_ranking_leaves_held_and_answered_samples_alone(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 5)
    held, answered = (claim_one(store, project.id, ada.id) for _ in range(2))
    with store.begin() as connection:
        claims.finish(connection, answered.id, person_id=ada.id)
        waiting = ranking.replace(connection, project.id, [], overlap=1, now=NOW)
        still = claims.held(connection, project.id, person_id=ada.id, now=NOW)
    assert waiting == 0
    assert [claim.sample_key for claim in still] == [held.sample_key]


def test_a_new_ranking_does_not_touch_the_holdout(store: Store) -> None:
    project = a_project(store)
    held_out = [Ranked(f"h{n}", n, Why("holdout", None, n, None, 0.2, True)) for n in range(2)]
    with store.begin() as connection:
        ranking.extend(connection, project.id, held_out, overlap=1)
        ranking.replace(connection, project.id, [], overlap=1, now=NOW)
        assert ranking.waiting(connection, project.id, holdout=True) == 2


def answers_read(node: dict[str, Any]) -> int:
    """Return how many annotations a plan of PostgreSQL has looked at."""
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    found = each * node["Actual Loops"] if node.get("Relation Name") == "annotation" else 0
    return found + sum(map(answers_read, node.get("Plans", ())))


def steps(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all steps of a plan of PostgreSQL."""
    return [node, *(step for part in node.get("Plans", ()) for step in steps(part))]


def plan_of_a_claim(store: Store, project: Project, person: Person) -> dict[str, Any]:
    """Claim a sample and return how PostgreSQL, which has counted the tables, looked for it."""
    statement = claims.TAKE[False]._build("postgresql").compile(dialect=store.engine.dialect)
    given = {"project": project.id, "person": person.id, "token": "t", "most": claims.MAX_HELD}
    given |= {"now": NOW, "until": NOW + LEASE}
    with store.begin() as connection:
        connection.exec_driver_sql("ANALYZE slot, annotation")
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        (plan,) = connection.exec_driver_sql(explain, statement.params | given).scalar()
    assert plan["Plan"]["Actual Rows"] == 1
    return plan["Plan"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_claim_reads_no_more_the_more_a_person_has_said(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    said = [an_answer(key) for key in rank(store, project, 2_040)[:2_000]]
    labelling.record(store, ada, "spam", answers=said, now=NOW, lease=LEASE)
    assert answers_read(plan_of_a_claim(store, project, ada)) < 20


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_claim_is_expected_to_find_its_sample_soon(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 600)
    found = steps(plan_of_a_claim(store, project, ada))
    (waiting,) = [step for step in found if step.get("Index Name") == "ix_slot_waiting"]
    assert waiting["Plan Rows"] > 60  # of one row it would sort all that wait to find the first
