"""Who may see what a model thinks of a sample: nobody it could sway."""

from __future__ import annotations

import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Action, Person, Policy, Role
from mlvajra_al.services import answers, cards, labelling
from mlvajra_al.store import projects, ranking
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


def may_see(store: Store, person: Person, key: str) -> bool:
    with store.read() as connection:
        project = projects.by_name(connection, "spam")
        return answers.may_see_opinion(connection, person, project, sample_key=key)


def say(store: Store, person: Person, key: str, action: Action) -> None:
    answer = an_answer(key, action=action)
    labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)


@pytest.mark.parametrize(
    ("role", "expected"), [("annotator", False), ("reviewer", True), ("admin", True)]
)
def test_before_an_answer_only_reviewers_and_admins_see_it(
    store: Store, role: Role, expected: bool
) -> None:
    rank(store, a_project(store), 1)
    assert may_see(store, a_person(store, role=role), "p0") is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["answer"], True),
        (["skip"], False),
        (["flag"], False),
        (["answer", "retract"], False),
        (["answer", "skip"], False),
        (["skip", "answer"], True),
        (["answer", "retract", "answer"], True),
    ],
)
def test_an_annotator_sees_it_while_an_answer_of_theirs_stands(
    store: Store, said: list[Action], expected: bool
) -> None:
    rank(store, a_project(store), 2)
    ada, bob = a_person(store), a_person(store, "Bob")
    for action in said:
        say(store, ada, "p0", action)
    assert may_see(store, ada, "p0") is expected
    assert not may_see(store, ada, "p1")
    assert not may_see(store, bob, "p0")


def test_a_project_that_shows_reasons_shows_as_many_cards_without(store: Store) -> None:
    policy = Policy(holdout_rate=0.5, explain_on_card=True)
    project, ada = a_project(store, policy=policy), a_person(store)
    keys = rank(store, project, 60)
    shown = {key for key in keys if may_see(store, ada, key)}
    assert shown == {key for key in keys if cards.shows_reason(project, key, holdout=False)}
    assert 0 < len(shown) < len(keys)
    assert not any(cards.shows_reason(project, key, holdout=True) for key in keys)


def test_what_was_never_ranked_is_not_shown(store: Store) -> None:
    rank(store, a_project(store, policy=Policy(holdout_rate=0.0, explain_on_card=True)), 1)
    assert not may_see(store, a_person(store), "nowhere")


@pytest.mark.parametrize("limit", [0, -1, 5_001])
def test_a_page_of_the_log_has_a_bound(store: Store, limit: int) -> None:
    a_project(store)
    sentence = f"asked for {limit} annotations at once; ask for 1 to 5000"
    with pytest.raises(Invalid, match=sentence):
        answers.listed(store, a_person(store), "spam", limit=limit)


def test_annotators_read_their_own_words_without_reasons_and_reviewers_all(store: Store) -> None:
    rank(store, a_project(store), 2)
    ada, bob = a_person(store), a_person(store, "Bob")
    say(store, ada, "p0", "answer")
    say(store, bob, "p1", "answer")
    own = answers.listed(store, ada, "spam")
    everything = answers.listed(store, a_person(store, "Rita", role="reviewer"), "spam")
    assert [(event.person, event.why) for event in own] == [("Ada", None)]
    assert [event.person for event in everything] == ["Ada", "Bob"]
    assert all(event.why is not None for event in everything)


def test_the_newest_slot_counts_over_all_projects(store: Store) -> None:
    with store.read() as connection:
        assert ranking.last_id(connection) == 0
    rank(store, a_project(store), 3)
    with store.read() as connection:
        assert ranking.last_id(connection) >= 3
