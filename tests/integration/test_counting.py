"""What the rail counts is what stands in the log, whoever said it and whenever one looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Action, Person, Policy
from mlvajra_al.services import labelling, progress
from mlvajra_al.services.progress import Tally
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


def say(store: Store, person: Person, key: str, action: Action, label: str | None = "ham") -> None:
    answer = an_answer(key, label, action=action)
    labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)


def look(store: Store) -> Tally:
    with store.read() as connection:
        return progress.tally(store, connection, labelling.projects.by_name(connection, "spam"))


def test_an_empty_project_counts_nothing(store: Store) -> None:
    a_project(store)
    found = look(store)
    assert (told(found), found.closed(1), found.answers_of[1]) == (Counter(), 0, 0)


@pytest.mark.parametrize(
    ("said", "counted", "closed"),
    [
        ([("answer", "ham")], {("answer", "ham"): 1}, 1),
        ([("answer", "ham"), ("answer", "spam")], {("answer", "spam"): 1}, 1),
        ([("answer", "ham"), ("retract", None)], {("retract", None): 1}, 0),
        ([("skip", None)], {("skip", None): 1}, 0),
        ([("skip", None), ("flag", None)], {("flag", None): 1}, 1),
        ([("flag", None), ("answer", "ham")], {("answer", "ham"): 1}, 1),
        ([("answer", "ham"), ("retract", None), ("answer", "ham")], {("answer", "ham"): 1}, 1),
    ],
    ids=["answer", "changed", "taken back", "skip", "skip to flag", "flag to answer", "undone"],
)
def test_only_what_a_person_said_last_counts(store: Store, said, counted, closed: int) -> None:
    rank(store, a_project(store), 1)
    ada = a_person(store)
    for action, label in said:
        say(store, ada, "p0", action, label)
        look(store)  # counting step by step comes to the same
    found = look(store)
    assert (told(found), found.closed(1)) == (counted, closed)
    assert found.answers_of[ada.id] == counted.get(("answer", "ham"), 0) + counted.get(
        ("answer", "spam"), 0
    )


def told(found: Tally) -> Counter[tuple[str, str | None]]:
    """Return how often what was said, answers by their label."""
    actions = {(action, None): n for action, n in (+found.said).items() if action != "answer"}
    assert sum((+found.labels).values()) == found.said["answer"]
    return Counter(actions | {("answer", label): n for label, n in (+found.labels).items()})


def test_a_sample_is_settled_when_as_many_people_as_wanted_have_spoken(store: Store) -> None:
    rank(store, a_project(store, policy=Policy(overlap=2, holdout_rate=0.0)), 3)
    ada, bob = a_person(store), a_person(store, "Bob")
    say(store, ada, "p0", "answer")
    say(store, ada, "p1", "flag")
    assert (look(store).closed(1), look(store).closed(2)) == (2, 0)
    say(store, bob, "p0", "answer", "spam")
    assert (look(store).closed(1), look(store).closed(2)) == (2, 1)


def test_samples_far_behind_in_the_pool_are_counted(store: Store) -> None:
    rank(store, a_project(store), 3_000)
    ada = a_person(store)
    for key in ("p2999", "p1023", "p1024", "p0"):
        say(store, ada, key, "answer")
    assert look(store).closed(1) == 4


def test_a_long_log_is_read_in_pages(store: Store) -> None:
    rank(store, a_project(store), 30)
    ada = a_person(store)
    answers = [an_answer(f"p{n}") for n in range(30)]
    labelling.record(store, ada, "spam", answers=answers, now=NOW, lease=LEASE)
    with store.read() as connection:
        project = labelling.projects.by_name(connection, "spam")
        pages = [events.changes(connection, project.id, after_seq=seq) for seq in (0, 29, 30)]
    assert [len(page) for page in pages] == [30, 1, 0]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 2),
        st.sampled_from(["answer", "skip", "flag", "retract"]),
        st.sampled_from(["ham", "spam"]),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One SQLite workspace for all examples, each in a project of its own."""
    home = tmp_path_factory.mktemp("counting")
    opened = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
    opened.migrate()
    yield opened
    opened.close()


@settings(derandomize=True, deadline=None, max_examples=20)
@given(steps=STEPS)
def test_counting_on_agrees_with_counting_anew(
    lasting: Store, steps: list[tuple[int, int, Action, str]]
) -> None:
    number = uuid4().hex[:8]
    project = a_project(lasting, number)
    rank(lasting, project, 3)
    people = [a_person(lasting, f"{name} {number}") for name in ("Ada", "Bob")]
    stands: dict[tuple[int, int], tuple[str, str | None]] = {}
    for who, sample, action, label in steps:
        answer = an_answer(f"p{sample}", label, action=action)
        try:
            labelling.record(lasting, people[who], number, answers=[answer], now=NOW, lease=LEASE)
        except Invalid:  # nothing to take back
            continue
        stands[who, sample] = (action, answer.label)
        with lasting.read() as connection:
            progress.tally(lasting, connection, project)
    with lasting.read() as connection:
        found = progress.tally(lasting, connection, project)
    assert told(found) == Counter(stands.values())
    settled = Counter(sample for (_, sample), (a, _) in stands.items() if a in ("answer", "flag"))
    assert [found.closed(1), found.closed(2)] == [
        sum(n >= wanted for n in settled.values()) for wanted in (1, 2)
    ]
