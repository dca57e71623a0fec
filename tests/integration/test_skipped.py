"""What nobody could answer comes to a reviewer, who decides or lets somebody else try."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import update

from mlvajra_al.errors import Conflict
from mlvajra_al.records import Person, Project
from mlvajra_al.services import claiming, labelling, members, people, resolving, reviewing
from mlvajra_al.services.reviewing import Decision, Outcome
from mlvajra_al.store import annotations as events
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import slot
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def project(store: Store) -> Project:
    made = a_project(store)
    rank(store, made, 6)
    return made


@pytest.fixture
def ada(store: Store, project: Project) -> Person:
    return a_person(store, "Ada")


@pytest.fixture
def bob(store: Store, project: Project) -> Person:
    return a_person(store, "Bob")


@pytest.fixture
def rita(store: Store, project: Project) -> Person:
    return a_person(store, "Rita", role="reviewer")


def say(store: Store, person: Person, key: str, label: str | None = None, **how: str) -> None:
    action = how.get("action", "answer" if label else "skip")
    answer = an_answer(key, label, action=action)  # type: ignore[arg-type]
    labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)


def decide(store: Store, reviewer: Person, outcome: Outcome, label: str | None = None) -> None:
    decision, at = Decision("p0", outcome, label), NOW + timedelta(minutes=1)
    reviewing.decide(store, reviewer, "spam", decision=decision, now=at, lease=LEASE)


def waiting(store: Store, reviewer: Person) -> dict[str, tuple[str, ...]]:
    found = reviewing.cases(store, reviewer, "spam", limit=50)
    assert len(found) == reviewing.waiting(store, reviewer, "spam").needed
    assert all(case.label is None for case in found)
    return {case.sample_key: case.skipped_by for case in found}


def asked(store: Store, person: Person) -> list[str]:
    rng, at = np.random.default_rng(0), NOW + timedelta(hours=1)
    found = claiming.claim(store, person, "spam", n=6, now=at, lease=LEASE, rng=rng)
    return [claim.sample_key for claim in found]


def test_what_two_have_skipped_waits_until_one_of_them_or_another_speaks(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    cleo = a_person(store, "Cleo")
    for person, key in ((ada, "p0"), (ada, "p1"), (ada, "p2"), (bob, "p1"), (bob, "p0")):
        say(store, person, key)
    assert waiting(store, rita) == {"p1": ("Ada", "Bob"), "p0": ("Ada", "Bob")}
    assert [*waiting(store, rita)] == ["p1", "p0"], "longest waiting first"
    say(store, cleo, "p1", "ham")
    say(store, bob, "p0", action="retract")
    assert waiting(store, rita) == {}
    say(store, cleo, "p2", action="flag")
    assert waiting(store, rita) == {"p2": ()}, "a flag is what it waits for"


def test_where_one_person_labels_what_they_skip_waits_at_once(
    store: Store, project: Project, ada: Person, rita: Person
) -> None:
    say(store, ada, "p0")
    assert waiting(store, rita) == {"p0": ("Ada",)}
    decide(store, rita, "leave")
    say(store, ada, "p1")
    assert waiting(store, rita) == {"p1": ("Ada",)}, "who only decides labels nothing"
    bob, admin = a_person(store, "Bob"), a_person(store, "Eve", role="admin")
    assert waiting(store, rita) == {}, "Bob may know"
    for person in (ada, rita):
        members.add(store, admin, "spam", name=person.name, now=NOW)
    members.set_restricted(store, admin, "spam", restricted=True, now=NOW)
    assert waiting(store, rita) == {"p1": ("Ada",)}, "but he is no member"
    members.add(store, admin, "spam", name=bob.name, now=NOW)
    assert waiting(store, rita) == {}
    people.disable(store, admin, name=bob.name, now=NOW)
    assert waiting(store, rita) == {"p1": ("Ada",)}
    say(store, rita, "p2", "ham")
    assert waiting(store, rita) == {}, "who labels too may be asked"


@SQLITE
@pytest.mark.parametrize("outcome", ["label", "leave"])
def test_what_a_reviewer_decides_about_it_is_settled_and_asked_of_nobody(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person, outcome: Outcome
) -> None:
    say(store, ada, "p0")
    say(store, bob, "p0")
    decide(store, rita, outcome, "spam" if outcome == "label" else None)
    assert waiting(store, rita) == {}
    with store.read() as connection:
        pool, _ = resolving.gold(connection, project)
    assert [(g.sample_key, g.label) for g in pool] == [("p0", "spam")][: outcome == "label"]
    cleo = a_person(store, "Cleo")
    assert "p0" not in asked(store, cleo)
    say(store, cleo, "p0")
    assert waiting(store, rita) == {}, "who had it in hand knows no more"


@SQLITE
def test_a_held_out_sample_that_everybody_skipped_measures_by_the_reviewers_label(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    with store.begin() as connection:
        connection.execute(update(slot).where(slot.c.sample_key == "p0").values(holdout=True))
    say(store, ada, "p0")
    say(store, bob, "p0")
    with store.read() as connection:
        assert events.holdout_tally(connection, project.id) == (1, 0, 1)
    assert waiting(store, rita) == {"p0": ("Ada", "Bob")}
    decide(store, rita, "label", "spam")
    with store.read() as connection:
        assert events.holdout_tally(connection, project.id) == (1, 1, 0)
        pool, holdout = resolving.gold(connection, project)
    assert (pool, [g.label for g in holdout]) == ([], ["spam"])


@SQLITE
def test_somebody_else_is_asked_while_there_is_anybody(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p0")
    say(store, bob, "p0")
    with pytest.raises(Conflict, match="everybody who could be asked about this has skipped it"):
        decide(store, rita, "ask_again")
    assert waiting(store, rita) == {"p0": ("Ada", "Bob")}
    cleo = a_person(store, "Cleo")
    decide(store, rita, "ask_again")
    assert waiting(store, rita) == {}
    assert "p0" in asked(store, cleo)
    say(store, cleo, "p0")
    assert waiting(store, rita) == {"p0": ("Ada", "Bob", "Cleo")}
