"""What is asked every second or by every page reads no more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from mlvajra_al.errors import NotEnoughLabels
from mlvajra_al.records import Policy, Project
from mlvajra_al.services import labelling, overview, reviewing, tallies, training
from mlvajra_al.services.resolving import gold
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """Yield what the database is asked meanwhile."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def flagged(store: Store, project: Project, keys: list[str]) -> None:
    ada = a_person(store)
    said = [an_answer(key, None, action="flag") for key in keys]
    labelling.record(store, ada, project.name, answers=said, now=NOW, lease=LEASE)


def test_whether_the_database_answers_is_asked_without_counting(store: Store) -> None:
    with statements(store) as asked:
        tallies.answering(store)
    assert asked and not [one for one in asked if "annotation" in one or "count(" in one]


def test_the_events_of_all_projects_are_counted_at_once(store: Store) -> None:
    for name in ("one", "two", "three"):
        a_project(store, name)
    project = a_project(store, "four")
    flagged(store, project, rank(store, project, 2))
    with statements(store) as asked:
        assert tallies.tallies(store, None, now=NOW)["annotations"] == 2
    assert len([one for one in asked if "FROM annotation" in one]) == 1


@pytest.mark.parametrize("count", [1, 7])
def test_cases_for_review_are_read_together(store: Store, count: int) -> None:
    project = a_project(store)
    keys = rank(store, project, count)
    flagged(store, project, keys)
    rita = a_person(store, "Rita", role="reviewer")
    with statements(store) as asked:
        found = reviewing.cases(store, rita, "spam", limit=50)
    assert [case.sample_key for case in found] == keys
    assert [case.said[0].person for case in found] == ["Ada"] * count
    assert len([one for one in asked if "annotation.comment" in one]) == 1


def test_the_rate_of_answers_reads_when_they_came_and_no_more(store: Store) -> None:
    rank(store, a_project(store), 3)
    ada = a_person(store)
    said = [an_answer(key) for key in ("p0", "p1", "p2")]
    labelling.record(store, ada, "spam", answers=said, now=NOW, lease=LEASE)
    with statements(store) as asked:
        rate = overview.answer_rate(store, None, "spam", now=NOW)
    assert (rate.last_hour, rate.seconds) == (3, None)
    assert not [one for one in asked if "annotation.comment" in one]


def test_two_different_answers_are_enough_to_begin_without_resolving_all(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0))
    rank(store, project, 4)
    ada = a_person(store)

    def say(*answers: Any) -> None:
        labelling.record(store, ada, "spam", answers=list(answers), now=NOW, lease=LEASE)

    def needed() -> tuple[str, int]:
        with store.read() as connection:
            labels = {item.label for item in gold(connection, project)[0]}
            assert events.labels_said(connection, project.id, limit=2) == labels
        return training.not_yet(store, None, "spam"), len(labels)

    missing = str(NotEnoughLabels((), ("ham", "spam")))
    assert needed() == (missing, 0)
    say(an_answer("p0", "ham"), an_answer("p1", "ham"))
    assert needed() == (str(NotEnoughLabels(("ham",), ("spam",))), 1)
    say(an_answer("p2", "spam"))
    assert needed() == ("", 2)
    say(an_answer("p2", None, action="retract"))
    assert needed()[1] == 1
