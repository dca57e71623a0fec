"""Flags and differing answers wait for a reviewer; what is decided wins, and is never undone."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import delete, false, select, update

from mlvajra_al.errors import Conflict, Invalid, NotAllowed
from mlvajra_al.records import Doubt, Person, Policy, Project
from mlvajra_al.services import answers, claiming, labelling, people, resolving, reviewing
from mlvajra_al.services.answers import Wanted
from mlvajra_al.services.reviewing import Decision
from mlvajra_al.store import annotations as events
from mlvajra_al.store import doubts, ranking
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import annotation, slot
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank


def say(
    store: Store, person: Person, key: str, label: str | None = "ham", **how: str
) -> labelling.Recorded:
    action = how.get("action", "answer")
    answer = an_answer(key, label, action=action, comment=how.get("comment", ""))  # type: ignore[arg-type]
    (recorded,) = labelling.record(store, person, "spam", answers=[answer], now=NOW, lease=LEASE)
    return recorded


def waiting(store: Store, reviewer: Person) -> list[str]:
    cases = reviewing.cases(store, reviewer, "spam", limit=50)
    assert len(cases) == reviewing.waiting(store, reviewer, "spam").needed
    return [case.sample_key for case in cases]


def decide(store: Store, reviewer: Person, decision: Decision) -> labelling.Recorded:
    return reviewing.decide(
        store, reviewer, "spam", decision=decision, now=NOW + timedelta(minutes=1), lease=LEASE
    )


def gold(store: Store, project: Project) -> dict[str, str]:
    with store.read() as connection:
        pool, _ = resolving.gold(connection, project)
    return {item.sample_key: item.label for item in pool}


@pytest.fixture
def project(store: Store) -> Project:
    made = a_project(store, policy=Policy(overlap=2, holdout_rate=0.0))
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


def test_flags_and_differing_answers_wait_longest_first(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p0")
    say(store, ada, "p1", None, action="flag", comment="is this one mail or two?")
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "spam")
    say(store, bob, "p0", "ham")
    assert waiting(store, rita) == ["p1", "p2"]
    flagged, differing = reviewing.cases(store, rita, "spam", limit=50)
    assert flagged.said[0].comment == "is this one mail or two?"
    assert flagged.label is None
    assert [(event.person, event.label) for event in differing.said] == [
        ("Ada", "ham"),
        ("Bob", "spam"),
    ]
    assert flagged.card["blocks"][0]["text"] == "text number 1"


def test_a_sample_that_waits_for_two_reasons_is_counted_once(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, bob, "p0", None, action="flag")
    quality = {"p0": 0.2, "p1": 0.2, "p2": 0.001}
    for key in quality:
        say(store, ada, key)
    with store.begin() as connection:
        told = {row.sample_key: row for row in doubts.told(connection, project.id, until_seq=9)}
        found = [
            Doubt(key, told[key].position, told[key].seq, "ham", "spam", 1 - value, value)
            for key, value in quality.items()
        ]
        doubts.replace(connection, project.id, found)
    assert reviewing.waiting(store, rita, "spam") == reviewing.Waiting(needed=2, possible=1)
    cases = {case.sample_key: case for case in reviewing.cases(store, rita, "spam", limit=50)}
    assert list(cases) == ["p0", "p2", "p1"] and cases["p0"].doubt is not None


def test_a_flag_taken_back_and_answers_brought_into_line_wait_no_more(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p1", None, action="flag")
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "spam")
    say(store, ada, "p1", None, action="retract")
    say(store, bob, "p2", "ham")
    assert waiting(store, rita) == []


def test_a_decision_is_an_event_of_the_reviewer_and_wins(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "spam")
    assert "p2" not in gold(store, project)
    decide(store, rita, Decision("p2", "label", "spam", "an offer"))
    assert waiting(store, rita) == []
    assert gold(store, project)["p2"] == "spam"
    with store.read() as connection:
        log = events.of_sample(connection, project.id, "p2")
    assert [(e.person, e.label, e.adjudicates) for e in log] == [
        ("Ada", "ham", False),
        ("Bob", "spam", False),
        ("Rita", "spam", True),
    ]
    say(store, a_person(store, "Cleo"), "p2", "spam")
    assert waiting(store, rita) == [], "who has it in hand says what was decided"
    say(store, a_person(store, "Dan"), "p2", "ham")
    assert waiting(store, rita) == ["p2"]


def test_a_reviewer_who_corrects_a_decision_still_decides(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "ham")
    decide(store, rita, Decision("p2", "label", "spam"))
    say(store, rita, "p2", "ham")
    assert gold(store, project)["p2"] == "ham"
    with store.read() as connection:
        assert events.of_sample(connection, project.id, "p2")[-1].adjudicates
    say(store, rita, "p2", None, action="retract")
    assert gold(store, project)["p2"] == "ham", "the others' answers count again"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_no_reviewer_any_more_leaves_own_decisions_as_they_are(
    store: Store, project: Project, rita: Person
) -> None:
    decide(store, rita, Decision("p0", "label", "ham"))
    rita = people.set_role(store, None, name="Rita", role="annotator", now=NOW)
    for action, label in {"answer": "spam", "skip": None, "flag": None, "retract": None}.items():
        with pytest.raises(NotAllowed, match="only a reviewer may change or take back a decision"):
            say(store, rita, "p0", label, action=action)
    assert gold(store, project) == {"p0": "ham"}


def test_a_decision_that_is_left_closes_the_case_until_somebody_speaks_again(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p1", None, action="flag")
    decide(store, rita, Decision("p1", "leave", comment="empty mail"))
    assert waiting(store, rita) == []
    assert "p1" not in gold(store, project)
    say(store, bob, "p1", None, action="flag")
    assert waiting(store, rita) == ["p1"]


def test_asking_somebody_else_opens_the_sample_for_those_who_said_nothing(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    rng = np.random.default_rng(0)

    def claimed(person: Person) -> list[str]:
        found = claiming.claim(
            store, person, "spam", n=6, now=NOW + timedelta(hours=1), lease=LEASE, rng=rng
        )
        return [claim.sample_key for claim in found]

    say(store, ada, "p0", None, action="flag")
    say(store, bob, "p0", None, action="flag")
    decide(store, rita, Decision("p0", "ask_again"))
    assert waiting(store, rita) == []
    assert "p0" in claimed(a_person(store, "Cleo"))
    assert "p0" not in claimed(ada)


def test_asking_somebody_else_about_differing_answers_wants_one_more_answer(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p0", "ham")
    say(store, bob, "p0", "spam")
    decide(store, rita, Decision("p0", "ask_again"))
    assert waiting(store, rita) == []
    cleo, rng = a_person(store, "Cleo"), np.random.default_rng(0)
    first, *_ = claiming.claim(store, cleo, "spam", n=6, now=NOW, lease=LEASE, rng=rng)
    assert first.sample_key == "p0", "it is asked at once, not behind the others"
    say(store, cleo, "p0", "spam")
    assert gold(store, project)["p0"] == "spam"
    assert waiting(store, rita) == ["p0"], "with one more opinion to decide by"


def test_asking_somebody_else_keeps_what_one_has_answered_oneself(
    store: Store, project: Project, ada: Person, rita: Person
) -> None:
    say(store, ada, "p0", "ham")
    say(store, rita, "p0", "spam")
    decide(store, rita, Decision("p0", "ask_again", comment="who knows?"))
    assert waiting(store, rita) == []
    assert standing(store, project, rita) == ("spam", False, True)
    with store.begin() as connection:
        ranking.set_overlap(connection, project.id, overlap=2, now=NOW)
    cleo, rng = a_person(store, "Cleo"), np.random.default_rng(0)
    first, *_ = claiming.claim(store, cleo, "spam", n=6, now=NOW, lease=LEASE, rng=rng)
    assert first.sample_key == "p0"
    assert "p0" not in claimed_by(store, rita)
    say(store, cleo, "p0", "spam")
    assert gold(store, project)["p0"] == "spam"
    assert waiting(store, rita) == ["p0"], "with one more opinion to decide by"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("third", ["ham", "spam"])
def test_asking_somebody_else_keeps_what_one_has_decided(
    store: Store, project: Project, ada: Person, rita: Person, third: str
) -> None:
    say(store, ada, "p0", None, action="flag")
    decide(store, rita, Decision("p0", "label", "ham"))
    say(store, ada, "p0", "spam")
    decide(store, rita, Decision("p0", "ask_again"))
    assert (waiting(store, rita), gold(store, project)["p0"]) == ([], "ham")
    say(store, a_person(store, "Cleo"), "p0", third)
    assert gold(store, project)["p0"] == "ham"
    assert waiting(store, rita) == ([] if third == "ham" else ["p0"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("decided", [True, False])
@pytest.mark.parametrize("flags", [True, False])
def test_asking_somebody_else_beside_ones_own_answer_is_taken_back(
    store: Store, project: Project, ada: Person, rita: Person, decided: bool, flags: bool
) -> None:
    say(store, rita, "p0", "ham")
    if decided:
        decide(store, rita, Decision("p0", "label", "ham"))
    say(store, ada, "p0", None if flags else "spam", action="flag" if flags else "answer")
    decide(store, rita, Decision("p0", "ask_again"))
    assert [said.annotation.asks_again for said in decisions(store, rita)] == [True]
    undo(store, rita)
    assert waiting(store, rita) == ["p0"]
    assert standing(store, project, rita) == ("ham", False, False), "as after every undo"
    assert "p0" not in claimed_by(store, a_person(store, "Cleo")), "nobody is asked any more"


def standing(store: Store, project: Project, person: Person) -> tuple[str | None, bool, bool]:
    """Return what a person said last of p0, whether that decides, and whether it asks again."""
    with store.read() as connection:
        head = events.head(connection, project.id, sample_key="p0", person_id=person.id)
    assert head is not None
    return head.label, head.adjudicates, head.asks_again


def test_asking_again_twice_wants_one_answer_until_it_is_given(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p0", "ham")
    say(store, bob, "p0", "spam")
    for _ in range(2):
        decide(store, rita, Decision("p0", "ask_again"))
    with store.read() as connection:
        wanted = select(slot.c.slot_no).where(slot.c.sample_key == "p0", slot.c.done == false())
        assert connection.scalars(wanted).all() == [2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_asking_somebody_else_in_ones_own_place_wants_one_answer(
    store: Store, ada: Person, rita: Person
) -> None:
    say(store, ada, "p0", "ham")
    say(store, rita, "p0", "spam")
    decide(store, rita, Decision("p0", "ask_again"))
    with store.read() as connection:
        wanted = select(slot.c.annotator_id).where(
            slot.c.sample_key == "p0", slot.c.done == false()
        )
        assert connection.scalars(wanted).all() == [None], "not two, one of them for nothing"


def test_samples_that_only_a_file_has_labelled_can_be_asked_about(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p5", "ham")
    say(store, bob, "p5", "spam")
    with store.begin() as connection:  # as an import of labels leaves it
        connection.execute(delete(slot).where(slot.c.sample_key == "p5"))
        connection.execute(update(annotation).values(strategy=None, rank=None))
    decide(store, rita, Decision("p5", "ask_again"))
    with store.read() as connection:
        found = connection.execute(select(slot).where(slot.c.sample_key == "p5")).one()
    assert (found.slot_no, found.position, found.strategy) == (0, 5, "review")


def test_only_a_reviewer_decides(store: Store, ada: Person) -> None:
    say(store, ada, "p0", None, action="flag")
    with pytest.raises(NotAllowed):
        reviewing.cases(store, ada, "spam", limit=5)
    with pytest.raises(NotAllowed):
        decide(store, ada, Decision("p0", "label", "ham"))
    with pytest.raises(NotAllowed):
        reviewing.waiting(store, ada, "spam")


def test_a_decision_needs_a_label_of_the_set_and_leaves_no_trace_without(
    store: Store, ada: Person, rita: Person
) -> None:
    say(store, ada, "p0", None, action="flag")
    with pytest.raises(Invalid, match="eggs"):
        decide(store, rita, Decision("p0", "label", "eggs"))
    with pytest.raises(Invalid):
        decide(store, rita, Decision("p0", "label"))
    assert waiting(store, rita) == ["p0"]


def test_my_answers_are_the_newest_of_each_sample_and_only_mine(
    store: Store, ada: Person, bob: Person
) -> None:
    for key in ("p0", "p1", "p2", "p3"):
        say(store, ada, key)
    say(store, bob, "p4")
    say(store, ada, "p1", "spam")
    say(store, ada, "p2", None, action="retract")
    said = answers.mine(store, ada, "spam", wanted=Wanted(), limit=10).said
    assert [(s.annotation.sample_key, s.annotation.label) for s in said] == [
        ("p1", "spam"),
        ("p3", "ham"),
        ("p0", "ham"),
    ]
    assert said[0].beginning == "text number 1"


def test_my_answers_are_searched_filtered_and_paged(store: Store, ada: Person) -> None:
    for key, label in (("p0", "ham"), ("p1", "spam"), ("p2", "ham"), ("p3", "spam")):
        say(store, ada, key, label)
    say(store, ada, "p4", None, action="flag", comment="Odd thing")

    def keys(wanted: Wanted, limit: int = 10) -> list[str]:
        found = answers.mine(store, ada, "spam", wanted=wanted, limit=limit).said
        return [said.annotation.sample_key for said in found]

    assert keys(Wanted(label="spam", action="answer")) == ["p3", "p1"]
    assert keys(Wanted(action="flag")) == ["p4"]
    assert keys(Wanted(text="NUMBER 2")) == ["p2"]
    assert keys(Wanted(text="odd")) == ["p4"]
    assert keys(Wanted(text="p3")) == ["p3"]
    first = answers.mine(store, ada, "spam", wanted=Wanted(), limit=2).said
    assert keys(Wanted(before=first[-1].annotation.seq)) == ["p2", "p1", "p0"]


def test_a_search_goes_so_far_back_at_once_and_then_on_from_there(
    store: Store, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PAGE", 1)
    monkeypatch.setattr(answers, "LOOK_BACK", 2)
    for key in ("p0", "p1", "p2", "p3"):
        say(store, ada, key)

    def search(text: str, before: int = 0, limit: int = 10) -> tuple[list[str], int | None]:
        wanted = Wanted(text=text, before=before)
        found = answers.mine(store, ada, "spam", wanted=wanted, limit=limit)
        return [said.annotation.sample_key for said in found.said], found.further

    keys, further = search("number 0")
    assert keys == [] and further is not None
    assert search("number 0", before=further, limit=1) == (["p0"], None)
    assert search("number 3", limit=1) == (["p3"], None)
    keys, further = search("number 2")
    assert keys == ["p2"] and further is not None
    monkeypatch.setattr(answers, "LOOK_BACK", 5)
    assert search("nothing of the kind") == ([], None)


def test_a_change_supersedes_and_a_retraction_gives_the_sample_back(
    store: Store, project: Project, ada: Person
) -> None:
    say(store, ada, "p0", "ham")
    (said,) = answers.mine(store, ada, "spam", wanted=Wanted(), limit=1).said
    answers.change(store, ada, "spam", before=said.annotation, label="spam", at=(NOW, LEASE))
    (said,) = answers.mine(store, ada, "spam", wanted=Wanted(), limit=1).said
    assert said.annotation.label == "spam"
    answers.change(store, ada, "spam", before=said.annotation, label=None, at=(NOW, LEASE))
    assert answers.mine(store, ada, "spam", wanted=Wanted(), limit=1).said == ()
    with store.read() as connection:
        log = events.of_sample(connection, project.id, "p0")
    assert [event.action for event in log] == ["answer", "answer", "retract"]
    assert [event.supersedes for event in log] == [None, log[0].event_id, log[1].event_id]


@pytest.mark.parametrize(
    ("overlap", "said", "label"),
    [
        (1, ["ham", "spam"], "ham"),
        (1, ["spam", "ham"], "spam"),
        (2, ["ham", "spam"], None),
        (3, ["ham", "spam", "spam"], "spam"),
        (3, ["ham", "ham", "spam"], "ham"),
    ],
)
def test_a_case_says_which_label_stays_if_nothing_is_decided(
    store: Store, overlap: int, said: list[str], label: str | None
) -> None:
    project = a_project(store, policy=Policy(overlap=overlap, holdout_rate=0.0))
    rank(store, project, 6)
    for place, answer in enumerate(said):
        say(store, a_person(store, f"person {place}"), "p0", answer)
    rita = a_person(store, "Rita", role="reviewer")
    [case] = reviewing.cases(store, rita, "spam", limit=50)
    assert case.label == label
    decide(store, rita, Decision("p0", "leave"))
    assert gold(store, project) == ({"p0": label} if label else {})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("decided", [True, False])
def test_leaving_what_one_has_said_oneself_keeps_its_label(
    store: Store, project: Project, ada: Person, rita: Person, decided: bool
) -> None:
    if decided:
        say(store, ada, "p0", None, action="flag")
        decide(store, rita, Decision("p0", "label", "ham"))
    else:
        say(store, rita, "p0", "ham")
    say(store, ada, "p0", "spam" if decided else None, action="answer" if decided else "flag")
    [case] = reviewing.cases(store, rita, "spam", limit=5)
    assert case.label == "ham"
    decide(store, rita, Decision("p0", "leave"))
    assert waiting(store, rita) == []
    assert gold(store, project) == {"p0": "ham"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_leaving_a_sample_without_a_label_never_gives_it_one(
    store: Store, project: Project, ada: Person, rita: Person
) -> None:
    say(store, rita, "p0", "ham")
    say(store, ada, "p0", "spam")
    with pytest.raises(Conflict, match="answered this yourself"):
        decide(store, rita, Decision("p0", "leave"))
    assert gold(store, project) == {}
    say(store, ada, "p0", None, action="flag")
    say(store, rita, "p0", None, action="skip")
    decide(store, rita, Decision("p0", "leave"))
    assert gold(store, project) == {}


def test_correcting_the_first_answer_keeps_its_turn_in_a_case(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=1, holdout_rate=0.0))
    rank(store, project, 6)
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    say(store, ada, "p0", "ham")
    say(store, bob, "p0", "ham")
    say(store, ada, "p0", "spam")
    rita = a_person(store, "Rita", role="reviewer")
    [case] = reviewing.cases(store, rita, "spam", limit=50)
    assert case.label == "spam"


def decisions(store: Store, reviewer: Person) -> list[answers.Said]:
    return list(answers.mine(store, reviewer, "spam", wanted=Wanted(decisions=True), limit=5).said)


def undo(store: Store, reviewer: Person) -> None:
    newest = decisions(store, reviewer)[0].annotation
    reviewing.undo(store, reviewer, "spam", decision=newest, at=(NOW + timedelta(minutes=2), LEASE))


def claimed_by(store: Store, person: Person) -> list[str]:
    rng, at = np.random.default_rng(0), NOW + timedelta(minutes=1)
    found = claiming.claim(store, person, "spam", n=6, now=at, lease=LEASE, rng=rng)
    return [claim.sample_key for claim in found]


def test_asking_somebody_else_is_taken_back_while_nobody_has_the_sample(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "spam")
    decide(store, rita, Decision("p2", "ask_again"))
    assert waiting(store, rita) == []
    undo(store, rita)
    assert waiting(store, rita) == ["p2"]
    assert decisions(store, rita) == []
    cleo = a_person(store, "Cleo")
    assert "p2" not in claimed_by(store, cleo), "nobody is asked any more"
    decide(store, rita, Decision("p2", "label", "spam"))
    with store.read() as connection:
        open_slots = select(slot.c.id).where(slot.c.sample_key == "p2", slot.c.done == false())
        assert connection.scalars(open_slots).all() == []
    assert gold(store, project)["p2"] == "spam"


def test_asking_somebody_else_about_a_flag_is_taken_back(
    store: Store, ada: Person, rita: Person
) -> None:
    say(store, ada, "p2", None, action="flag")
    decide(store, rita, Decision("p2", "ask_again"))
    undo(store, rita)
    assert waiting(store, rita) == ["p2"]


def test_who_has_the_sample_on_the_screen_is_not_called_off(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, ada, "p2", None, action="flag")
    decide(store, rita, Decision("p2", "ask_again"))
    assert "p2" in claimed_by(store, bob)
    with pytest.raises(Conflict, match="on the screen"):
        undo(store, rita)
    say(store, bob, "p2", "ham")
    with pytest.raises(Conflict, match="has spoken since"):
        undo(store, rita)


@pytest.mark.parametrize("outcome", ["label", "leave"])
def test_a_decision_that_is_undone_waits_again(
    store: Store, project: Project, ada: Person, bob: Person, rita: Person, outcome: str
) -> None:
    say(store, ada, "p2", "ham")
    say(store, bob, "p2", "spam")
    label = "spam" if outcome == "label" else None
    decide(store, rita, Decision("p2", outcome, label))  # type: ignore[arg-type]
    assert waiting(store, rita) == []
    undo(store, rita)
    assert waiting(store, rita) == ["p2"]
    assert "p2" not in gold(store, project)
    assert decisions(store, rita) == []
    decide(store, rita, Decision("p2", "label", "ham"))
    assert gold(store, project)["p2"] == "ham"


def test_undoing_a_changed_decision_undoes_all_of_it(
    store: Store, project: Project, ada: Person, rita: Person
) -> None:
    say(store, ada, "p2", None, action="flag")
    for label in ("ham", "spam"):
        decide(store, rita, Decision("p2", "label", label))
    undo(store, rita)
    assert "p2" not in gold(store, project)
    assert waiting(store, rita) == ["p2"]


def test_undoing_a_decision_brings_back_what_the_reviewer_had_answered_before(
    store: Store, project: Project, ada: Person, rita: Person
) -> None:
    say(store, ada, "p2", "ham")
    say(store, rita, "p2", "spam")
    decide(store, rita, Decision("p2", "label", "ham"))
    undo(store, rita)
    assert waiting(store, rita) == ["p2"]
    with store.read() as connection:
        standing = events.head(connection, project.id, sample_key="p2", person_id=rita.id)
    assert standing is not None
    assert (standing.label, standing.adjudicates) == ("spam", False)


def test_only_a_decision_of_ones_own_that_stands_is_undone(
    store: Store, ada: Person, rita: Person
) -> None:
    say(store, ada, "p1", None, action="flag")
    decide(store, rita, Decision("p1", "label", "ham"))
    [said] = decisions(store, rita)
    other = a_person(store, "Otto", role="reviewer")
    for person, error in ((ada, NotAllowed), (other, Conflict)):
        with pytest.raises(error):
            reviewing.undo(store, person, "spam", decision=said.annotation, at=(NOW, LEASE))
    undo(store, rita)
    with pytest.raises(Conflict, match="meanwhile"):
        reviewing.undo(store, rita, "spam", decision=said.annotation, at=(NOW, LEASE))


def test_the_last_decisions_are_ones_own_newest_first_without_plain_answers(
    store: Store, ada: Person, bob: Person, rita: Person
) -> None:
    say(store, rita, "p0", "ham")
    for key in ("p1", "p2"):
        say(store, ada, key, None, action="flag")
        decide(store, rita, Decision(key, "label", "spam"))
    say(store, ada, "p3", None, action="flag")
    other = a_person(store, "Otto", role="reviewer")
    decide(store, other, Decision("p3", "leave"))
    assert [said.annotation.sample_key for said in decisions(store, rita)] == ["p2", "p1"]
