"""What a person was told is saved is there, once, under their name."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

from mlvajra_al.errors import Conflict, Invalid, NotFound, Superseded
from mlvajra_al.records import (
    Action,
    Annotation,
    Answer,
    Claim,
    Label,
    Person,
    Policy,
    Project,
    Recorded,
)
from mlvajra_al.services import claiming, labelling, resolving
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.progress import progress
from mlvajra_al.store import annotations as events
from mlvajra_al.store import job_leases, jobs, projects, ranking
from mlvajra_al.store.claims import MAX_HELD
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_pool, a_project, an_answer, rank


def claim(store: Store, person: Person, *, n: int = 1, now=NOW) -> tuple[Claim, ...]:
    return claiming.claim(
        store, person, "spam", n=n, now=now, lease=LEASE, rng=np.random.default_rng(0)
    )


def record(store: Store, person: Person, *answers: Answer, now=NOW) -> tuple[Recorded, ...]:
    return labelling.record(store, person, "spam", answers=answers, now=now, lease=LEASE)


def log(store: Store, project: Project) -> list[Annotation]:
    with store.read() as connection:
        return list(events.history(connection, project.id, events.Filter()))


def gold(store: Store, project: Project) -> dict[str, str]:
    with store.read() as connection:
        pool, holdout = resolving.gold(connection, project)
    return {item.sample_key: item.label for item in pool + holdout}


def test_an_answer_is_stored_with_why_it_was_asked(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    (held,) = claim(store, ada)
    (stored,) = record(store, ada, an_answer(held, "spam"))
    (event,) = log(store, project)
    assert (stored.seq, stored.repeat, stored.late) == (1, False, False)
    assert (event.label, event.person, event.why) == ("spam", "Ada", held.why)


def test_an_answer_cannot_give_a_label_that_is_removed_meanwhile(store: Store) -> None:
    project, ada, boss = a_project(store), a_person(store), a_person(store, "Boss", role="admin")
    rank(store, project, 1)
    more = (*project.labels, Label("eggs", "Eggs", "3", "#059669"))
    seen = project_services.set_labels(store, boss, "spam", labels=more, now=NOW)
    project_services.set_labels(store, boss, "spam", labels=project.labels, now=NOW)
    late, manner = [an_answer("p0", "eggs")], labelling.Manner(ada, NOW, LEASE)
    with pytest.raises(Conflict, match="the label 'eggs' was taken out of the label set meanwhile"):
        store.write(
            lambda connection: labelling.append(
                store, connection, seen, answers=late, manner=manner
            )
        )
    assert log(store, project) == []


def test_the_same_event_sent_twice_is_stored_once(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    answer = an_answer(claim(store, ada)[0])
    first, second = record(store, ada, answer) + record(store, ada, answer)
    assert (first.repeat, second.repeat) == (False, True)
    assert first.seq == second.seq
    assert len(log(store, project)) == 1


@pytest.mark.parametrize(
    "other",
    [{"label": "spam"}, {"action": "skip", "label": None}, {"sample_key": "p1"}],
    ids=["label", "action", "sample"],
)
def test_an_event_sent_again_with_something_else_is_refused_and_not_lost_in_silence(
    store: Store, other: dict[str, str | None]
) -> None:
    project, ada = a_project(store), a_person(store)
    key, _ = rank(store, project, 2)
    answer = an_answer(key, "ham")
    record(store, ada, answer)
    with pytest.raises(Conflict, match=rf"{answer.event_id}.*'answer', 'ham'.*event_id of its own"):
        record(store, ada, replace(answer, **other))
    assert [event.label for event in log(store, project)] == ["ham"]


def test_a_repeat_may_have_another_comment_and_another_time(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    answer = an_answer(key)
    record(store, ada, answer)
    (again,) = record(store, ada, replace(answer, comment="late", elapsed_ms=5, client_time=NOW))
    assert again.repeat


def test_an_answer_taken_back_is_still_known_when_it_is_sent_again(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    answer = an_answer(key)
    record(store, ada, answer)
    record(store, ada, an_answer(key, action="retract"))
    (again,) = record(store, ada, answer)
    assert again.repeat
    assert gold(store, project) == {}


def test_another_person_cannot_replay_an_event(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    answer = an_answer(claim(store, ada)[0])
    record(store, ada, answer)
    with pytest.raises(Conflict):
        record(store, bob, answer)


def test_undo_and_another_answer_are_new_events(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    first = an_answer(claim(store, ada)[0], "ham")
    record(store, ada, first)
    record(store, ada, an_answer(key, action="retract"))
    assert gold(store, project) == {}
    record(store, ada, an_answer(key, "spam"))
    history = log(store, project)
    assert [event.action for event in history] == ["answer", "retract", "answer"]
    assert [event.supersedes for event in history[1:]] == [e.event_id for e in history[:2]]
    assert gold(store, project) == {key: "spam"}


def test_a_correction_of_what_was_corrected_meanwhile_is_refused_and_told_what_stands(
    store: Store,
) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    first = an_answer(claim(store, ada)[0], "ham")
    record(store, ada, first)
    elsewhere = replace(an_answer(key, "spam"), supersedes=first.event_id)
    record(store, ada, elsewhere)
    for stale in (an_answer(key, "ham"), an_answer(key, action="retract")):
        with pytest.raises(Superseded, match="you have answered spam meanwhile") as refused:
            record(store, ada, replace(stale, supersedes=first.event_id))
        told = refused.value
        assert (told.event_id, told.action, told.label) == (elsewhere.event_id, "answer", "spam")
    assert gold(store, project) == {key: "spam"}
    assert record(store, ada, elsewhere)[0].repeat, "sent twice it is stored once"
    record(store, ada, replace(an_answer(key, "ham"), supersedes=elsewhere.event_id))
    assert gold(store, project) == {key: "ham"}


@pytest.mark.parametrize(
    ("action", "words"),
    [("skip", "you have skipped it"), ("flag", "flagged it"), ("retract", "taken it back")],
)
def test_what_stands_instead_of_what_is_corrected_is_said_in_words(
    store: Store, action: Action, words: str
) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    first = an_answer(claim(store, ada)[0], "ham")
    record(store, ada, first)
    record(store, ada, an_answer(key, action=action))
    with pytest.raises(Superseded, match=words):
        record(store, ada, replace(an_answer(key, "spam"), supersedes=first.event_id))


def test_what_somebody_else_said_is_not_corrected(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    (key,) = rank(store, project, 1)
    first = an_answer(claim(store, ada)[0], "ham")
    record(store, ada, first)
    with pytest.raises(Superseded, match="you have said nothing about this sample"):
        record(store, bob, replace(an_answer(key, "spam"), supersedes=first.event_id))


def test_answers_beyond_those_wanted_are_late_though_nobody_claimed(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=2))
    (key,) = rank(store, project, 1)
    late = [record(store, a_person(store, name), an_answer(key, "ham"))[0].late for name in "ABCD"]
    assert late == [False, False, True, True]


def test_what_was_never_said_cannot_be_taken_back(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    with pytest.raises(Invalid, match="no answer of yours"):
        record(store, ada, an_answer(key, action="retract"))
    assert log(store, project) == []


def test_a_retracted_sample_stays_with_its_person_until_the_lease_ends(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    (key,) = rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0]))
    record(store, ada, an_answer(key, action="retract"))
    assert claim(store, bob) == ()
    later = NOW + LEASE + timedelta(seconds=1)
    assert [held.sample_key for held in claim(store, bob, now=later)] == [key]


def test_a_skipped_sample_goes_to_somebody_else(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    (key,) = rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0], action="skip"))
    assert claim(store, ada) == ()
    assert [held.sample_key for held in claim(store, bob)] == [key]
    assert project.id


def test_a_skipped_sample_waits_for_somebody_else_after_a_new_ranking(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    (key,) = rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0], action="skip"))
    with store.begin() as connection:
        ranking.replace(connection, project.id, [], overlap=1, now=NOW)
    assert [held.sample_key for held in claim(store, bob)] == [key]


def test_what_is_left_are_the_samples_that_still_want_an_answer(store: Store) -> None:
    policy = Policy(overlap=2, holdout_rate=0.0)
    project, ada, bob = a_project(store, policy=policy), a_person(store), a_person(store, "Bob")
    keys = rank(store, project, 3)
    for person in (ada, bob):
        record(store, person, an_answer(keys[0]), an_answer(keys[1], action="skip"))
    record(store, ada, an_answer(keys[2]))
    assert progress(store, ada, "spam", now=NOW).left == 2
    record(store, bob, an_answer(keys[1]), an_answer(keys[2]))
    record(store, ada, an_answer(keys[1], action="flag"))
    assert progress(store, ada, "spam", now=NOW).left == 0


def test_who_takes_an_answer_back_is_asked_again(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    (key,) = rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0]))
    record(store, ada, an_answer(key, action="retract"))
    later = NOW + LEASE + timedelta(seconds=1)
    with store.begin() as connection:
        ranking.replace(connection, project.id, [], overlap=1, now=later)
    (held,) = claim(store, ada, now=later)
    record(store, ada, an_answer(held, "spam"), now=later)
    assert gold(store, project) == {key: "spam"}


def test_an_answer_after_its_lease_is_stored_and_marked_late(store: Store) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    (key,) = rank(store, project, 1)
    (stale,) = claim(store, ada)
    later = NOW + LEASE + timedelta(seconds=1)
    (taken,) = claim(store, bob, now=later)
    record(store, bob, an_answer(taken, "ham"), now=later)
    (stored,) = record(store, ada, an_answer(stale, "spam"), now=later)
    assert stored.late
    assert [event.late for event in log(store, project)] == [False, True]
    assert gold(store, project) == {key: "ham"}


def test_an_expired_lease_nobody_took_is_not_late(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    (held,) = claim(store, ada)
    (stored,) = record(store, ada, an_answer(held), now=NOW + 2 * LEASE)
    assert not stored.late
    assert project.id


def test_a_label_outside_the_set_is_refused(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    (held,) = claim(store, ada)
    with pytest.raises(Invalid, match="'eggs' is not a label"):
        record(store, ada, an_answer(held, "eggs"))
    assert log(store, project) == []


def test_a_claim_cannot_be_used_for_another_sample(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    keys = rank(store, project, 2)
    (held,) = claim(store, ada)
    with pytest.raises(Invalid, match="is for sample"):
        record(store, ada, replace(an_answer(held), sample_key=keys[1]))
    assert log(store, project) == []


def test_a_claim_cannot_be_used_in_another_project(store: Store) -> None:
    project, other, ada = a_project(store), a_project(store, "other"), a_person(store)
    rank(store, project, 1)
    rank(store, other, 1)
    (held,) = claim(store, ada)
    with pytest.raises(Invalid, match="another project"):
        labelling.record(store, ada, "other", answers=[an_answer(held)], now=NOW, lease=LEASE)
    assert log(store, project) == log(store, other) == []


def test_the_answer_that_makes_a_retrain_due_queues_it_once(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=3))
    ada = a_person(store)
    rank(store, project, 7)
    for held in claim(store, ada, n=7):
        record(store, ada, an_answer(held))
    with store.read() as connection:
        queued = jobs.listed(connection, project.id, kinds=("retrain",))
    assert [job.state for job in queued] == ["queued"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_last_two_answers_given_at_one_moment_make_a_retrain_due(store: Store) -> None:
    """Whoever waits for the other one's number must see what the other one has answered."""
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=9))
    ada, bob = a_person(store), a_person(store, "Bob")
    rank(store, project, 2)
    hers, his = claim(store, ada)[0], claim(store, bob)[0]
    hers_first = labelling.recording(store, ada, "spam", answers=[an_answer(hers)], at=(NOW, LEASE))
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as connection:
            hers_first(connection)
            sent = pool.submit(record, store, bob, an_answer(his))
            until_one_waits_for_a_lock(store)
        assert sent.result(10)[0].seq == 2
    with store.read() as connection:
        (due,) = jobs.listed(connection, project.id, kinds=("retrain",))
        assert projects.outlook(connection, project.id) == (0, False)
    assert due.payload["trigger"] == "the last answers"


def until_one_waits_for_a_lock(store: Store) -> None:
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(1_000):
        with store.read() as connection:
            if connection.scalar(waits):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_answers_given_while_a_retrain_waits_are_its_own(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=3))
    ada = a_person(store)
    rank(store, project, 8)
    for held in claim(store, ada, n=7):
        record(store, ada, an_answer(held))
    with store.read() as connection:
        assert projects.outlook(connection, project.id).answers == 1


def test_the_label_a_retrain_waited_for_makes_the_next_one_due(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=2))
    ada = a_person(store)
    rank(store, project, 4)
    held = claim(store, ada, n=4)
    record(store, ada, an_answer(held[0]), an_answer(held[1]))
    with store.begin() as connection:
        waited = job_leases.claim(connection, worker="w", now=NOW, lease=LEASE)
        assert waited is not None
        result = {"missing_labels": ["spam"], "seen_labels": ["ham"]}
        jobs.finish(connection, waited.id, state="done", now=NOW, result=result)
    record(store, ada, an_answer(held[2], "spam"))
    with store.read() as connection:
        (due, _) = jobs.listed(connection, project.id, kinds=("retrain",))
    assert (due.state, due.payload["trigger"]) == ("queued", "the first example of spam")


def test_an_answer_taken_back_does_not_bring_the_next_retrain_nearer(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=3))
    ada = a_person(store)
    rank(store, project, 3)
    held, other, _ = claim(store, ada, n=3)

    def counted() -> int:
        with store.read() as connection:
            return projects.outlook(connection, project.id).answers

    for _ in range(3):
        record(store, ada, replace(an_answer(held), claim_id=None))
        assert counted() == 1
        record(store, ada, an_answer(held, action="retract"))
        assert counted() == 0
    record(store, ada, replace(an_answer(held), claim_id=None))
    record(store, ada, an_answer(other))
    record(store, ada, replace(an_answer(other, "spam"), claim_id=None))
    assert counted() == 2
    record(store, ada, replace(an_answer(other, action="skip"), claim_id=None))
    assert counted() == 1


def test_a_correction_of_what_the_last_retrain_has_learnt_counts(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=2))
    ada = a_person(store)
    rank(store, project, 5)
    held = claim(store, ada, n=3)
    record(store, ada, an_answer(held[0]), an_answer(held[1], "spam"))
    later = NOW + timedelta(minutes=1)
    record(store, ada, replace(an_answer(held[0], action="retract"), claim_id=None), now=later)
    with store.read() as connection:
        assert projects.outlook(connection, project.id).answers == 0
    record(store, ada, replace(an_answer(held[1]), claim_id=None), now=later)
    with store.read() as connection:
        assert projects.outlook(connection, project.id).answers == 1


def test_skips_do_not_make_a_retrain_due(store: Store) -> None:
    project = a_project(store, policy=Policy(holdout_rate=0.0, retrain_every=1))
    ada = a_person(store)
    rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0], action="skip"))
    with store.read() as connection:
        assert jobs.listed(connection, project.id) == ()


@pytest.mark.parametrize(
    "event_id", ["import-3-0", "", "x" * 65, "a\x00b", "a b", "ä", "e\n", "\ud800"]
)
def test_an_event_that_others_might_stumble_over_is_refused(store: Store, event_id: str) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 1)
    answer = replace(an_answer(claim(store, ada)[0]), event_id=event_id)
    with pytest.raises(Invalid, match="event_id must have 1 to 64 .* send a UUID"):
        record(store, ada, answer)
    assert log(store, project) == []


def test_an_event_that_somebody_else_has_sent_meanwhile_is_a_conflict(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0]))
    (event,) = log(store, project)
    of_bob = replace(event, seq=2, person_id=bob.id, person="Bob")
    with pytest.raises(Conflict, match="was sent meanwhile; send it again"), store.begin() as now:
        events.append(now, [of_bob], holdout=[False])
    assert log(store, project) == [event]


def test_an_answer_is_in_time_where_whoever_took_the_sample_over_let_it_lapse(
    store: Store,
) -> None:
    project = a_project(store)
    ada, bob, eve = (a_person(store, name) for name in ("Ada", "Bob", "Eve"))
    rank(store, project, 1)
    (of_bob,) = claim(store, bob)
    (of_ada,) = claim(store, ada, now=NOW + 2 * LEASE)
    waking = NOW + 5 * LEASE
    (stored,) = record(store, bob, an_answer(of_bob), now=waking)
    assert not stored.late
    assert claim(store, eve, now=waking) == (), "nobody is asked what has been answered"
    (second,) = record(store, ada, an_answer(of_ada, "spam"), now=waking)
    assert second.late, "the place that was Ada's is Bob's"
    assert gold(store, project) == {"p0": "ham"}


def test_an_answer_takes_no_sample_out_of_somebodys_hands(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    (held,) = claim(store, ada)
    (stored,) = record(store, bob, an_answer("p0", "spam"))
    assert not stored.late, "Bob was not asked"
    (own,) = record(store, ada, an_answer(held))
    assert not own.late


def test_who_takes_a_skip_back_has_the_sample_again(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    (held,) = claim(store, ada)
    record(store, ada, an_answer(held, action="skip"))
    record(store, ada, an_answer("p0", action="retract"))
    assert claim(store, bob) == (), "it is in Ada's hands"
    (stored,) = record(store, ada, an_answer("p0"))
    assert not stored.late
    assert log(store, project)[-1].why == held.why


def test_who_takes_a_skip_back_too_late_leaves_the_sample_to_who_has_it(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    record(store, ada, an_answer(claim(store, ada)[0], action="skip"))
    (held,) = claim(store, bob)
    record(store, ada, an_answer("p0", action="retract"))
    (stored,) = record(store, bob, an_answer(held))
    assert not stored.late


def test_an_answer_instead_of_a_skip_is_late_once_somebody_else_has_the_sample(
    store: Store,
) -> None:
    project = a_project(store)
    ada, bob = a_person(store), a_person(store, "Bob")
    rank(store, project, 1)
    (held,) = claim(store, ada)
    skip = an_answer(held, action="skip")
    record(store, ada, skip)
    (theirs,) = claim(store, bob)
    (instead,) = record(store, ada, an_answer(held.sample_key))
    (answered,) = record(store, bob, an_answer(theirs))
    assert (instead.late, answered.late) == (True, False)


def test_an_answer_instead_of_a_skip_that_nobody_took_is_in_time(store: Store) -> None:
    project = a_project(store)
    ada = a_person(store)
    rank(store, project, 1)
    (held,) = claim(store, ada)
    record(store, ada, an_answer(held, action="skip"))
    (instead,) = record(store, ada, an_answer(held.sample_key))
    assert not instead.late
    assert claim(store, a_person(store, "Bob")) == ()


def test_a_late_answer_to_an_archived_project_makes_no_retrain_due(store: Store) -> None:
    project, ada = a_project(store, policy=Policy(retrain_every=1)), a_person(store)
    rank(store, project, 1)
    (held,) = claim(store, ada)
    with store.begin() as connection:
        projects.set_archived(connection, project.id, NOW)
    record(store, ada, an_answer(held))
    with store.read() as connection:
        assert jobs.listed(connection, project.id) == ()
        assert projects.outlook(connection, project.id).answers == 0
    assert len(log(store, project)) == 1


def test_nobody_holds_more_samples_than_everybody_may(store: Store) -> None:
    project, ada, bob = a_project(store), a_person(store), a_person(store, "Bob")
    rank(store, project, 70)
    held = [one for n in (20, 20, 15, 20) for one in claim(store, ada, n=n)]
    assert len(held) == MAX_HELD == 60
    with pytest.raises(Conflict, match="you hold 60 samples .* more than 60; answer some or give"):
        claim(store, ada)
    assert len(claim(store, bob, n=20)) == 10, "what the first may not take is left to the second"
    record(store, ada, an_answer(held[0]))
    assert claiming.release(store, ada, "spam", given=[held[1].id]) == 1
    assert [one.sample_key for one in claim(store, ada, n=20)] == [held[1].sample_key]


def test_leases_that_have_ended_count_against_nobody(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 70)
    for n in (20, 20, 20):
        claim(store, ada, n=n)
    assert len(claim(store, ada, n=20, now=NOW + LEASE + timedelta(seconds=1))) == 20


def test_order_of_numbers_is_order_of_commit(store: Store) -> None:
    project = a_project(store)
    crowd = [a_person(store, f"person {n}") for n in range(4)]
    rank(store, project, 60)
    store.start_writer()

    def work(person: Person) -> list[int]:
        held = claim(store, person, n=15)
        return [record(store, person, an_answer(one))[0].seq for one in held]

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(work, crowd))
    assert all(own == sorted(own) for own in numbers)
    assert sorted(seq for own in numbers for seq in own) == list(range(1, 61))


def test_tabs_of_one_person_never_stand_in_each_others_way(store: Store) -> None:
    policy = Policy(overlap=2, holdout_rate=0.0)
    project, ada = a_project(store, policy=policy), a_person(store)
    keys = rank(store, project, 40)
    store.start_writer()

    def tab(label: str) -> list[str]:
        held = [one for _ in range(4) for one in claim(store, ada, n=5)]
        for key in keys[:10]:
            record(store, ada, an_answer(key, label))
        return [one.sample_key for one in held]

    with ThreadPoolExecutor(3) as pool:
        handed = [key for keys in pool.map(tab, ("ham", "spam", "ham")) for key in keys]
    assert len(handed) == len(set(handed))
    assert len(log(store, project)) == 30
    assert set(gold(store, project)) == set(keys[:10])


def test_one_failing_write_takes_no_other_with_it(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    rank(store, project, 20)
    held = claim(store, ada, n=20)
    store.start_writer()

    def send(place: int) -> bool:
        label = "eggs" if place % 4 == 0 else "ham"
        try:
            record(store, ada, an_answer(held[place], label))
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(send, range(20)))
    assert outcomes.count(True) == 15
    assert len(log(store, project)) == 15


def test_samples_that_nobody_was_asked_about_may_be_answered(store: Store) -> None:
    project, ada = a_project(store), a_person(store)
    a_pool(store, project, 30)
    record(store, ada, *(an_answer(f"p{n}", "ham") for n in (3, 1, 7)))
    with store.read() as connection:
        pool = labelling.project_pool(store, connection, project)
    said = log(store, project)
    assert [pool.key(one.position) for one in said] == ["p3", "p1", "p7"]
    assert all(one.why is None for one in said)
    with pytest.raises(NotFound, match="p30"):
        record(store, ada, an_answer("p4", "ham"), an_answer("p30", "ham"))
    assert len(log(store, project)) == 3
