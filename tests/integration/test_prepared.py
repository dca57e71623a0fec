"""Prepared statements give what Core gives, on both databases, and fail as Core fails."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from mlvajra_al.errors import Invalid, Unavailable
from mlvajra_al.records import Policy, Recipe, Why
from mlvajra_al.store import codec, people, projects, ranking
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import person
from mlvajra_al.store.statements import execute, prepared
from tests.factories import NOW, a_person, a_project

BY_NAME = prepared(select(person).where(person.c.name == bindparam("name")))
SINCE = prepared(
    select(person.c.name)
    .where(person.c.created_at >= bindparam("since"), person.c.role == "annotator")
    .order_by(person.c.name)
)
ADD = prepared(insert(person))


def a_row(name: str, **more: object) -> dict[str, object]:
    empty = {column.name: None for column in person.c if column.name != "id"}
    return empty | {"id": len(name), "name": name, "role": "annotator", "created_at": NOW} | more


def test_a_row_is_the_one_that_core_gives(store: Store) -> None:
    a_person(store)
    with store.read() as connection:
        by_core = connection.execute(select(person).where(person.c.name == "Ada")).one()
        assert tuple(BY_NAME.one(connection, name="Ada")) == tuple(by_core)
        assert BY_NAME.one(connection, name="Ada").created_at == NOW
        assert BY_NAME.one(connection, name="nobody") is None


def test_constants_and_times_of_any_zone_are_understood(store: Store) -> None:
    a_person(store)
    a_person(store, "Rita", role="reviewer")
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    with store.read() as connection:
        found = [
            [row.name for row in SINCE.all(connection, since=since)]
            for since in (NOW, elsewhere, NOW + timedelta(seconds=1))
        ]
    assert found == [["Ada"], ["Ada"], []]


def test_a_naive_time_is_refused(store: Store) -> None:
    with store.read() as connection, pytest.raises(ValueError, match="naive datetime"):
        SINCE.all(connection, since=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_missing_argument_is_a_mistake_of_ours(store: Store) -> None:
    with store.read() as connection, pytest.raises(KeyError, match="since"):
        SINCE.all(connection)


def test_a_broken_promise_is_told_as_core_tells_it(store: Store) -> None:
    a_person(store)
    with pytest.raises(IntegrityError), store.begin() as connection:
        ADD.run(connection, **a_row("Ada"))


def test_a_wrong_text_is_told_as_core_tells_it(store: Store) -> None:
    expected = ProgrammingError if store.engine.dialect.name == "postgresql" else Exception
    with pytest.raises(expected, match="nowhere"), store.read() as connection:
        execute(connection, "SELECT * FROM nowhere")


def test_what_no_database_takes_is_refused_with_a_sentence(store: Store) -> None:
    with pytest.raises(Invalid, match="cannot be stored or looked up"), store.read() as connection:
        BY_NAME.one(connection, name="half a character \ud800")


def test_many_rows_are_written_one_by_one(store: Store) -> None:
    with store.begin() as connection:
        ADD.many(connection, [a_row("A" * n) for n in range(1, 4)])
    with store.read() as connection:
        assert [item.name for item in people.listed(connection)] == ["A", "AA", "AAA"]


def test_a_rolled_back_statement_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as connection:
        ADD.run(connection, **a_row("Ada"))
        raise RuntimeError
    with store.glance() as connection:
        assert BY_NAME.one(connection, name="Ada") is None


def test_a_read_sees_one_moment_also_through_prepared_statements(store: Store) -> None:
    if store.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL reads committed rows, statement by statement")
    with store.read() as connection:
        assert BY_NAME.one(connection, name="Ada") is None
        a_person(store)
        assert BY_NAME.one(connection, name="Ada") is None


def test_json_is_decoded_once_for_each_text(store: Store) -> None:
    made = a_project(store, policy=Policy(overlap=3))
    one = codec.loads(Policy, '{"overlap": 3}')
    assert one is codec.loads(Policy, '{"overlap": 3}')
    assert one == Policy(overlap=3)
    assert made.policy == Policy(overlap=3)
    assert codec.load(Recipe, codec.dump(made.recipe)) == made.recipe


def test_who_only_reads_changes_nothing(store: Store) -> None:
    project = a_project(store)
    with suppress(Unavailable), store.read() as connection:
        projects.next_seq(connection, project.id, answers=1)
    with store.read() as connection:
        assert projects.outlook(connection, project.id).answers == 0
    with store.begin() as connection:
        assert projects.next_seq(connection, project.id, answers=1) == (1, (1, False))
        assert projects.outlook(connection, project.id).answers == 1


def test_who_takes_a_number_hears_what_is_still_wanted_in_this_project(store: Store) -> None:
    one, other = a_project(store), a_project(store, name="other")
    why = Why("random", None, 0, None, None, holdout=False)
    with store.begin() as connection:
        ranking.want_another(connection, other.id, "0", position=0, why=why)
        assert projects.next_seq(connection, one.id, answers=1) == (1, (1, False))
        assert projects.next_seq(connection, other.id, count=2) == (1, (0, True))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_statements_stay_prepared_from_one_request_to_the_next(store: Store) -> None:
    project = a_project(store)
    for _ in range(8):
        with store.read() as connection:
            assert not projects.outlook(connection, project.id).wanted
    with store.begin() as connection:
        kept = connection.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    assert any("FROM slot" in statement for statement in kept), kept
