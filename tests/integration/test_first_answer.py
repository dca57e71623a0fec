"""Whose answer counts where one is wanted: the first, however often it is corrected."""

from __future__ import annotations

import pytest

from mlvajra_al.records import Action, Person
from mlvajra_al.services import exporting, labelling, resolving, reviewing
from mlvajra_al.store import annotations as events
from mlvajra_al.store import projects
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

Said = tuple[str, Action, str | None]


def say(store: Store, person: Person, action: Action, label: str | None) -> None:
    answer = an_answer("p0", label, action=action)
    labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)


def gold(store: Store, *, until_seq: int | None = None) -> list[str]:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
        pool, _ = resolving.gold(connection, project, until_seq=until_seq)
    return [item.label for item in pool]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("Ada", "answer", "ham"), ("Bob", "answer", "spam")], ["ham"]),
        ([("Ada", "answer", "spam"), ("Bob", "answer", "spam"), ("Ada", "answer", "ham")], ["ham"]),
        (
            [
                ("Ada", "answer", "spam"),
                ("Bob", "answer", "spam"),
                ("Ada", "retract", None),
                ("Ada", "answer", "ham"),
            ],
            ["ham"],
        ),
        ([("Ada", "answer", "ham"), ("Bob", "answer", "spam"), ("Ada", "retract", None)], ["spam"]),
        ([("Ada", "skip", None), ("Bob", "answer", "spam"), ("Ada", "answer", "ham")], ["spam"]),
        ([("Ada", "flag", None), ("Bob", "answer", "spam"), ("Ada", "answer", "ham")], ["spam"]),
        (
            [
                ("Ada", "answer", "ham"),
                ("Bob", "answer", "spam"),
                ("Bob", "answer", "ham"),
                ("Ada", "answer", "spam"),
                ("Ada", "answer", "spam"),
            ],
            ["spam"],
        ),
        ([("Ada", "answer", "ham"), ("Ada", "retract", None)], []),
    ],
    ids=[
        "the later one does not count",
        "a correction keeps its turn",
        "so does an answer taken back and given anew",
        "one taken back leaves the turn to the next",
        "a skip is no answer",
        "a flag is no answer",
        "corrections of both",
        "nobody is left",
    ],
)
def test_the_first_answer_counts(store: Store, said: list[Said], expected: list[str]) -> None:
    rank(store, a_project(store), 1)
    people = {name: a_person(store, name) for name in ("Ada", "Bob")}
    for name, action, label in said:
        say(store, people[name], action, label)
    assert gold(store) == expected


def test_what_counted_at_an_earlier_moment_is_still_known(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    say(store, ada, "answer", "spam")
    say(store, bob, "answer", "spam")
    say(store, ada, "answer", "ham")
    say(store, ada, "retract", None)
    assert [gold(store, until_seq=seq) for seq in range(5)] == [
        [],
        ["spam"],
        ["spam"],
        ["ham"],
        ["spam"],
    ]


def test_an_export_agrees_with_what_is_trained_on(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    reader = a_person(store, "Eve", role="admin")
    say(store, ada, "answer", "spam")
    say(store, bob, "answer", "spam")
    say(store, ada, "answer", "ham")
    written = b"".join(
        exporting.export(store, reader, "spam", what="labels", file_format="csv", now=NOW)
    )
    assert written.decode().splitlines()[1].split(",")[1:3] == ['"ham"', '"Ada"']
    assert gold(store) == ["ham"]


def test_a_decision_counts_more_than_who_was_first(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    reviewer = a_person(store, "Rita", role="reviewer")
    say(store, ada, "answer", "spam")
    decision = reviewing.Decision("p0", "label", label="ham")
    reviewing.decide(store, reviewer, "spam", decision=decision, now=NOW, lease=LEASE)
    say(store, ada, "answer", "spam")
    assert gold(store) == ["ham"]


def test_rows_say_when_each_person_first_answered(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    for person, label in ((ada, "spam"), (bob, "ham"), (ada, "ham"), (bob, "spam")):
        say(store, person, "answer", label)
    with store.read() as connection:
        rows = list(events.current_answers(connection, project.id))
    assert [(row.seq, row.first_seq, row.label) for row in rows] == [
        (3, 1, "ham"),
        (4, 2, "spam"),
    ]
