"""Projects: label sets that can grow, policies that hold, archives that delete nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from mlvajra_al.errors import Conflict, Invalid, NotAllowed, NotFound
from mlvajra_al.records import (
    Answer,
    Claim,
    Column,
    Job,
    JobState,
    Label,
    Person,
    Policy,
    Project,
    Recipe,
)
from mlvajra_al.services import claiming, labelling, members, progress, reviewing, training
from mlvajra_al.services import projects as services
from mlvajra_al.store import annotations as events
from mlvajra_al.store import audit, job_leases, jobs, processes
from mlvajra_al.store import projects as stored
from mlvajra_al.store.database import Connection, Store
from tests.factories import LEASE, NOW, a_draft, a_person, a_project, a_version, an_answer, rank

EGGS = Label("eggs", "Eggs", "3", "#059669", "Neither")


def answer_one(store: Store, person, label: str = "ham") -> str:
    (held,) = claiming.claim(
        store, person, "spam", n=1, now=NOW, lease=LEASE, rng=np.random.default_rng(0)
    )
    labelling.record(store, person, "spam", answers=[an_answer(held, label)], now=NOW, lease=LEASE)
    return held.sample_key


def test_a_stored_project_is_what_was_drafted(store: Store) -> None:
    admin = a_person(store, role="admin")
    drafted = replace(a_draft(), guidelines="# Look", key_column="id", gold_column="label")
    created = services.create(store, admin, drafted)
    assert created == replace(drafted, id=created.id)
    assert services.get(store, None, "spam") == created


def test_only_an_admin_creates_projects(store: Store) -> None:
    with pytest.raises(NotAllowed, match="an admin may create a project"):
        services.create(store, a_person(store, role="reviewer"), a_draft())


def test_a_name_is_given_once(store: Store) -> None:
    admin = a_person(store, role="admin")
    services.create(store, admin, a_draft())
    with pytest.raises(Conflict, match="choose another name"):
        services.create(store, admin, a_draft())


def ingest_that(store: Store, project_id: int, state: JobState) -> None:
    with store.begin() as connection:
        number = jobs.enqueue(connection, project_id, "ingest", payload={}, now=NOW)
        assert number is not None
        job_leases.claim(connection, worker="test", now=NOW, lease=LEASE)
        jobs.finish(connection, number, state=state, now=NOW)


def test_a_project_of_which_nothing_came_may_be_made_once_more(store: Store) -> None:
    admin = a_person(store, role="admin")
    before = services.create(store, admin, replace(a_draft(), guidelines="old"))
    ingest_that(store, before.id, "failed")
    a_person(store, "Bob")
    members.add(store, admin, "spam", name="Bob", now=NOW)
    members.set_restricted(store, admin, "spam", restricted=True, now=NOW)
    services.set_archived(store, admin, "spam", archived=True, now=NOW)
    labels = (*a_draft().labels, EGGS)
    again = replace(a_draft(), labels=labels, key_column="id", multilabel=True)
    created = services.create(store, admin, again)
    assert created == replace(again, id=before.id)
    assert services.listed(store, admin) == (created,)
    assert not members.listed(store, admin, "spam")


def test_a_project_with_other_work_under_way_keeps_its_name(store: Store) -> None:
    admin = a_person(store, role="admin")
    made = services.create(store, admin, a_draft())
    ingest_that(store, made.id, "failed")
    with store.begin() as connection:
        jobs.enqueue(connection, made.id, "simulate", payload={}, now=NOW)
    with pytest.raises(Conflict, match="choose another name"):
        services.create(store, admin, a_draft())


@pytest.mark.parametrize("state", ["done", "queued"])
def test_a_project_into_which_something_came_or_may_come_keeps_its_name(
    store: Store, state: JobState
) -> None:
    admin = a_person(store, role="admin")
    made = services.create(store, admin, a_draft())
    ingest_that(store, made.id, "failed")
    if state == "queued":
        with store.begin() as connection:
            jobs.enqueue(connection, made.id, "ingest", payload={}, now=NOW)
    else:
        ingest_that(store, made.id, state)
    with pytest.raises(Conflict, match="choose another name"):
        services.create(store, admin, a_draft())


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "12", "-x", "a\nb", "<b>"])
def test_a_name_that_could_be_a_path_or_markup_is_refused(store: Store, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be a project's name"):
        services.create(store, a_person(store, role="admin"), replace(a_draft(), name=name))


@pytest.mark.parametrize(("written", "stored"), [("हिन्दी", "हिन्दी"), ("Cafe\u0301", "Caf\u00e9")])
def test_a_name_may_have_marks_and_is_found_however_they_are_written(
    store: Store, written: str, stored: str
) -> None:
    admin = a_person(store, role="admin")
    created = services.create(store, admin, a_draft(written))
    assert created.name == stored
    assert {services.get(store, None, name).id for name in (written, stored)} == {created.id}
    with pytest.raises(Conflict, match="choose another name"):
        services.create(store, admin, a_draft(written))


def test_a_name_that_is_too_long_is_refused_with_its_length(store: Store) -> None:
    said = "at most 64 letters, and 'xxxxxxxxxxxxxxxxxxxx'… has 65; shorten it"
    with pytest.raises(Invalid, match=said):
        services.create(store, a_person(store, role="admin"), replace(a_draft(), name="x" * 65))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_answers_are_never_an_input_nor_on_cards(store: Store) -> None:
    admin, hidden = a_person(store, role="admin"), replace(a_draft(), gold_column="label")
    with pytest.raises(Invalid, match="holds the answers, so it cannot be an input"):
        services.create(
            store, admin, replace(hidden, recipe=Recipe((Column("label", "categorical"),)))
        )
    with pytest.raises(Invalid, match="holds the answers, so it cannot be the title of cards"):
        services.create(store, admin, replace(hidden, title_column="label"))


def test_a_label_can_be_added_and_another_renamed_for_display(store: Store) -> None:
    project, admin = a_project(store), a_person(store, role="admin")
    rank(store, project, 2)
    answer_one(store, admin)
    ham, spam = project.labels
    changed = (replace(spam, key="1"), replace(ham, display="Wanted", key="2"), EGGS)
    assert services.set_labels(store, admin, "spam", labels=changed, now=NOW).labels == changed
    answer_one(store, admin, "eggs")


def test_a_label_in_use_cannot_be_removed(store: Store) -> None:
    project, admin = a_project(store), a_person(store, role="admin")
    rank(store, project, 1)
    answer_one(store, admin, "ham")
    with pytest.raises(Conflict, match="'ham'"):
        services.set_labels(store, admin, "spam", labels=(project.labels[1], EGGS), now=NOW)
    assert services.get(store, None, "spam").labels == project.labels


def test_the_holdout_share_stays_as_it_was_created(store: Store) -> None:
    a_project(store, policy=Policy(holdout_share=0.3))
    admin = a_person(store, role="admin")
    changes = {"holdout_share": 0.1, "retrain_every": 5}
    policy = services.change_policy(store, admin, "spam", changes=changes, now=NOW).policy
    assert (policy.holdout_share, policy.retrain_every) == (0.3, 5)


def test_a_policy_that_cannot_work_is_refused(store: Store) -> None:
    a_project(store)
    admin = a_person(store, role="admin")
    with pytest.raises(Invalid, match="holdout rate must be between"):
        services.change_policy(store, admin, "spam", changes={"holdout_rate": 1.5}, now=NOW)


def wanted_of(store: Store, person: Person) -> list[str]:
    """Take all that a person is asked about, give it back, and return it."""
    claims = claiming.claim(
        store, person, "spam", n=9, now=NOW, lease=LEASE, rng=np.random.default_rng(0)
    )
    claiming.release(store, person, "spam", given=[claim.id for claim in claims])
    return sorted(claim.sample_key for claim in claims)


def test_more_people_are_asked_about_what_was_answered_before(store: Store) -> None:
    project, admin = a_project(store), a_person(store, "Root", role="admin")
    ada, grace = a_person(store, "Ada"), a_person(store, "Grace")
    keys = rank(store, project, 3)
    for _ in keys[:2]:
        answer_one(store, ada)
    assert wanted_of(store, grace) == keys[2:]
    services.change_policy(store, admin, "spam", changes={"overlap": 2}, now=NOW)
    assert wanted_of(store, grace) == keys
    assert wanted_of(store, ada) == keys[2:]
    for _ in keys:
        answer_one(store, grace)
    answer_one(store, ada)
    assert progress.progress(store, ada, "spam", now=NOW).left == 0
    assert wanted_of(store, admin) == []


def held_by(store: Store, person: Person) -> Claim:
    (held,) = claiming.claim(
        store, person, "spam", n=1, now=NOW, lease=LEASE, rng=np.random.default_rng(0)
    )
    return held


def test_fewer_people_are_asked_and_nobody_about_what_has_its_answers(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=3, holdout_rate=0.0))
    admin, ada = a_person(store, "Root", role="admin"), a_person(store, "Ada")
    grace = a_person(store, "Grace")
    keys = rank(store, project, 3)
    answered = answer_one(store, ada)
    held = held_by(store, grace)
    services.change_policy(store, admin, "spam", changes={"overlap": 1}, now=NOW)
    assert held.sample_key == answered
    assert answered not in wanted_of(store, admin)
    assert wanted_of(store, admin) == [key for key in keys if key != answered]
    recorded = labelling.record(
        store, grace, "spam", answers=[an_answer(held)], now=NOW, lease=LEASE
    )
    assert [item.late for item in recorded] == [False]
    assert progress.progress(store, admin, "spam", now=NOW).left == 2


def test_fewer_people_are_asked_whoever_of_them_was_the_first_to_answer(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=2, holdout_rate=0.0))
    admin, ada = a_person(store, "Root", role="admin"), a_person(store, "Ada")
    grace = a_person(store, "Grace")
    keys = rank(store, project, 2)
    given_back = held_by(store, ada)
    assert answer_one(store, grace) == given_back.sample_key
    claiming.release(store, ada, "spam", given=[given_back.id])
    services.change_policy(store, admin, "spam", changes={"overlap": 1}, now=NOW)
    assert wanted_of(store, admin) == keys[1:]
    late = an_answer(given_back)
    (recorded,) = labelling.record(store, ada, "spam", answers=[late], now=NOW, lease=LEASE)
    assert recorded.late
    services.change_policy(store, admin, "spam", changes={"overlap": 3}, now=NOW)
    assert wanted_of(store, admin) == keys
    assert wanted_of(store, ada) == keys[1:]


def test_fewer_people_and_then_as_many_as_before_are_asked(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=3, holdout_rate=0.0))
    admin, people = a_person(store, "Root", role="admin"), [a_person(store, n) for n in "ABC"]
    (key,) = rank(store, project, 1)
    held = [held_by(store, person) for person in people]
    for person, claim in zip(people[::2], held[::2], strict=True):
        labelling.record(store, person, "spam", answers=[an_answer(claim)], now=NOW, lease=LEASE)
    claiming.release(store, people[1], "spam", given=[held[1].id])
    for overlap in (1, 3):
        services.change_policy(store, admin, "spam", changes={"overlap": overlap}, now=NOW)
    assert wanted_of(store, admin) == [key]
    answer_one(store, admin)
    assert wanted_of(store, people[1]) == []


def test_fewer_people_leave_what_a_reviewer_has_asked_again(store: Store) -> None:
    project = a_project(store, policy=Policy(overlap=2, holdout_rate=0.0))
    admin, grace = a_person(store, "Root", role="admin"), a_person(store, "Grace")
    rank(store, project, 2)
    answered = answer_one(store, a_person(store))
    again = reviewing.Decision(answered, "ask_again")
    reviewing.decide(store, admin, "spam", decision=again, now=NOW, lease=LEASE)
    services.change_policy(store, admin, "spam", changes={"overlap": 1}, now=NOW)
    assert answered in wanted_of(store, grace)


LONG = "x" * 201


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key_column": LONG}, "a name of 201 characters where at most 200 can be kept"),
        ({"group_column": LONG}, "a name of 201 characters"),
        ({"gold_column": LONG}, "a name of 201 characters"),
        ({"title_column": LONG}, "a name of 201 characters"),
        ({"recipe": Recipe((Column(LONG, "text"),))}, "a name of 201 characters"),
        ({"key_column": "i\x00d"}, "has a NUL in its name"),
        ({"key_column": "\ud83c"}, "has half a character in its name"),
        ({"recipe": Recipe((Column("\udf89", "text"),))}, "has half a character in its name"),
        ({"recipe": Recipe((Column("body", "ignored"),))}, "needs at least one input column"),
        ({"recipe": Recipe((Column("body", "text"),), "oracle")}, "no estimator 'oracle'; choose"),
        ({"policy": Policy(strategy="oracle")}, "no query strategy 'oracle'; choose from auto"),
        ({"policy": Policy(overlap=0)}, "overlap must be between 1 and 20 but is 0"),
        ({"policy": Policy(retrain_every=0)}, "answers until a retrain must be between 1"),
        ({"policy": Policy(full_every=1001)}, "until a full fit must be between 1 and 1000"),
        ({"policy": Policy(holdout_share=0.91)}, "holdout share must be between 0.0 and 0.9"),
    ],
)
def test_what_could_not_be_stored_or_run_is_refused_on_both_databases_alike(
    store: Store, change: dict[str, Any], words: str
) -> None:
    admin = a_person(store, role="admin")
    with pytest.raises(Invalid, match=words):
        services.create(store, admin, replace(a_draft(), **change))
    assert services.listed(store, None) == ()


def test_names_of_two_hundred_characters_are_kept_whole(store: Store) -> None:
    names = ["k" * 200, "g" * 200, "o" * 200, "t" * 200]
    columns = dict(zip(("key", "group", "gold", "title"), names, strict=True))
    drafted = replace(
        a_draft(),
        recipe=Recipe((Column("é" * 200, "text"),)),
        **{f"{what}_column": name for what, name in columns.items()},
    )
    created = services.create(store, a_person(store, role="admin"), drafted)
    assert services.get(store, None, "spam") == created == replace(drafted, id=created.id)


def test_a_recipe_and_a_policy_are_checked_when_they_change_too(store: Store) -> None:
    project, admin = a_project(store), a_person(store, role="admin")
    with pytest.raises(Invalid, match="no query strategy"):
        services.change_policy(store, admin, "spam", changes={"strategy": ""}, now=NOW)
    for recipe, words in (
        (Recipe((Column(LONG, "text"),)), "201 characters"),
        (Recipe(()), "at least one input"),
    ):
        with pytest.raises(Invalid, match=words):
            services.set_recipe(store, admin, "spam", recipe=recipe, now=NOW)
    assert services.get(store, None, "spam") == project


def test_an_archived_project_is_hidden_and_loses_nothing(store: Store) -> None:
    project, admin = a_project(store), a_person(store, role="admin")
    rank(store, project, 2)
    answer_one(store, admin)
    services.set_archived(store, admin, "spam", archived=True, now=NOW)
    assert services.listed(store, None) == ()
    with pytest.raises(Conflict, match="archived"):
        answer_one(store, admin)
    services.set_archived(store, admin, "spam", archived=False, now=NOW)
    assert services.listed(store, None)[0].last_seq == 1
    answer_one(store, admin)


def test_a_new_recipe_asks_for_new_preprocessing(store: Store) -> None:
    project, admin = a_project(store), a_person(store, role="admin")
    recipe = replace(project.recipe, estimator="random_forest")
    services.set_recipe(store, admin, "spam", recipe=recipe, now=NOW)
    with store.read() as connection:
        assert [job.kind for job in jobs.listed(connection, project.id)] == ["prepare"]


def test_privileged_acts_are_in_the_audit_trail(store: Store) -> None:
    a_project(store)
    admin = a_person(store, "Grace", role="admin")
    services.set_guidelines(store, admin, "spam", text="Look twice.", now=NOW)
    with store.read() as connection:
        (entry,) = audit.listed(connection, audit.Filter(), limit=9)
    assert (entry.person, entry.action, entry.at) == ("Grace", "guidelines changed", NOW)


def test_a_project_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="'eggs'"):
        services.get(store, None, "eggs")


def test_the_rail_counts_down_to_the_retrain_and_says_what_waits(store: Store) -> None:
    project = a_project(store, policy=Policy(retrain_every=2))
    ada = a_person(store)
    rank(store, project, 5)

    def rail():
        return progress.progress(store, ada, "spam", now=NOW)

    assert (rail().until_retrain, rail().loop_state) == (2, "waiting")
    answer_one(store, ada)
    assert rail().loop_message == "1 answer until the next retrain."
    answer_one(store, ada, "spam")
    assert (rail().loop_state, rail().counts) == ("no_worker", {"ham": 1, "spam": 1})
    with store.begin() as connection:
        processes.report(connection, "w", kind="worker", started_at=NOW, now=NOW, doing="")
    assert rail().loop_state == "queued"
    with store.begin() as connection:
        job = job_leases.claim(connection, worker="w", now=NOW, lease=timedelta(seconds=15))
    assert rail().loop_state == "training"
    with store.begin() as connection:
        result = {"missing_labels": ["spam"], "seen_labels": ["ham"]}
        jobs.finish(connection, job.id, state="done", now=NOW, result=result)
    assert rail().loop_message == "The model needs an example of: spam"
    with store.read() as connection:
        (ham,) = events.history(connection, 1, events.Filter(until_seq=1))
    retract = Answer("back", ham.sample_key, "retract")
    labelling.record(store, ada, "spam", answers=[retract], now=NOW, lease=LEASE)
    assert rail().loop_message == "The model needs examples of at least two labels"


def test_of_some_who_change_different_things_at_once_none_is_undone(store: Store) -> None:
    admin, project = a_person(store, role="admin"), a_project(store)
    wanted = {"overlap": 3, "holdout_rate": 0.5, "retrain_every": 77, "full_every": 7}
    together = threading.Barrier(len(wanted))

    def change(field: str) -> None:
        services.get(store, admin, "spam")
        together.wait(timeout=30)
        changes = {field: wanted[field]}
        services.change_policy(store, admin, "spam", changes=changes, now=NOW)

    with ThreadPoolExecutor(len(wanted)) as crowd:
        list(crowd.map(change, wanted))
    assert services.get(store, admin, "spam").policy == replace(project.policy, **wanted)


def test_of_two_who_make_a_project_of_one_name_at_once_one_is_told(store: Store) -> None:
    together = threading.Barrier(2)
    draft = a_draft("shared")

    def make(_: int) -> str:
        try:
            with store.begin() as connection:
                if store.engine.dialect.name == "postgresql":  # SQLite lets one writer in
                    together.wait(timeout=30)
                stored.create(connection, draft)
        except Conflict as error:
            return str(error)
        return "made"

    with ThreadPoolExecutor(2) as crowd:
        said = sorted(crowd.map(make, range(2)))
    assert said == ["made", "there is a project 'shared' already; choose another name"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_retrain_that_begins_while_another_is_asked_for_is_followed_by_it(store: Store) -> None:
    admin, project = a_person(store, role="admin"), a_project(store)
    a_version(store, project)
    with store.begin() as connection:
        jobs.enqueue(connection, project.id, "retrain", payload={}, now=NOW, dedupe="retrain")
    begun: list[Job | None] = []

    def begin_it(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "job.dedupe =" in statement and not begun:
            begun.append(None)
            with store.begin() as other:
                begun.append(job_leases.claim(other, worker="test", now=NOW, lease=LEASE))

    event.listen(store.engine, "before_cursor_execute", begin_it)
    asked = training.request_retrain(store, admin, project.name, mode="incremental", now=NOW)
    assert begun[1] is not None and asked.id > begun[1].id
    assert asked.state == "queued"


def a_failed_import(store: Store, project: Project) -> None:
    with store.begin() as connection:
        job = jobs.enqueue(connection, project.id, "ingest", payload={}, now=NOW)
        assert job is not None
        jobs.finish(connection, job, state="failed", now=NOW, error="few.csv: is empty", result={})


def test_a_project_whose_first_import_failed_is_removed_and_its_name_is_free(store: Store) -> None:
    root = a_person(store, "Root", role="admin")
    project = services.create(store, root, a_draft("spam"))
    assert not services.drop_if_empty(store, root, "spam", now=NOW)
    a_failed_import(store, project)
    state = progress.progress(store, root, "spam", now=NOW)
    assert state.loop_message == "Nothing imported yet: the last import failed."
    assert services.drop_if_empty(store, root, "spam", now=NOW)
    assert services.listed(store, root, archived=True) == ()
    with store.read() as connection:
        told = audit.listed(connection, audit.Filter(), limit=2)
    assert [entry.action for entry in told] == ["empty project removed", "project created"]
    assert services.create(store, root, a_draft("spam")).name == "spam"


def test_a_project_that_holds_something_is_never_removed(store: Store) -> None:
    root = a_person(store, "Root", role="admin")
    project = a_project(store)
    rank(store, project, 3)
    a_failed_import(store, project)
    assert not services.drop_if_empty(store, root, project.name, now=NOW)
    assert services.get(store, root, project.name) == project
