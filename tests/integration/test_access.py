"""A restricted project does not exist for who may not see it; members come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from mlvajra_al.errors import Conflict, NotAllowed, NotFound
from mlvajra_al.records import Claim, Member, Person, Role
from mlvajra_al.services import (
    access,
    advice,
    answers,
    champions,
    claiming,
    exporting,
    labelling,
    measuring,
    members,
    overview,
    people,
    predicting,
    progress,
    projects,
    reviewing,
    simulating,
    tallies,
    training,
    versions,
)
from mlvajra_al.services.overview import AtWork
from mlvajra_al.store import job_leases, jobs, processes
from mlvajra_al.store.database import Store
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

DOING = "5,000 rows read"


@dataclass
class House:
    """An admin, and two projects with samples of which `secret` is restricted to Ada."""

    store: Store
    admin: Person
    ada: Person

    def person(self, name: str, role: Role = "annotator") -> Person:
        """Store another person."""
        return a_person(self.store, name, role=role)

    def sees(self, person: Person | None, name: str) -> bool:
        """Say whether a person finds a project by name, in the list, and by the number of a job."""
        with self.store.read() as connection:
            listed = name in {item.name for item in access.listed(connection, person)}
        try:
            projects.get(self.store, person, name)
        except NotFound:
            assert not listed
            return False
        assert listed
        return True

    def claim(self, person: Person, project: str = "secret") -> tuple[Claim, ...]:
        """Hand two samples to a person."""
        return claiming.claim(
            self.store,
            person,
            project,
            n=2,
            now=NOW,
            lease=LEASE,
            rng=np.random.default_rng(1),
        )


@pytest.fixture
def house(store: Store) -> House:
    """Make the house."""
    admin, ada = a_person(store, "Root", role="admin"), a_person(store, "Ada")
    for name in ("open", "secret"):
        rank(store, a_project(store, name), 6)
    members.set_restricted(store, admin, "secret", restricted=True, now=NOW)
    members.add(store, admin, "secret", name="ada", now=NOW)
    return House(store, admin, ada)


@pytest.mark.parametrize("role", ["annotator", "reviewer", "admin"])
@pytest.mark.parametrize("member", [False, True])
def test_members_and_admins_see_a_restricted_project(
    house: House, role: Role, member: bool
) -> None:
    eve = house.person("Eve", role)
    if member:
        members.add(house.store, house.admin, "secret", name="Eve", now=NOW)
    assert house.sees(eve, "secret") == (member or role == "admin")
    assert house.sees(eve, "open")


def test_the_worker_and_the_operator_see_all(house: House) -> None:
    assert house.sees(None, "secret")


def test_a_role_counts_at_once(house: House) -> None:
    house.person("Eve", "admin")
    eve = people.set_role(house.store, None, name="Eve", role="annotator", now=NOW)
    assert not house.sees(eve, "secret")


Verb = Callable[[Store, Person], object]
VERBS: dict[str, Verb] = {
    "get": lambda s, p: projects.get(s, p, "secret"),
    "claim": lambda s, p: claiming.claim(
        s, p, "secret", n=1, now=NOW, lease=LEASE, rng=np.random.default_rng(1)
    ),
    "release": lambda s, p: claiming.release(s, p, "secret", given=["any"]),
    "renew": lambda s, p: claiming.renew(s, p, "secret", given=["any"], until=NOW),
    "record": lambda s, p: labelling.record(
        s, p, "secret", answers=[an_answer("p0")], now=NOW, lease=LEASE
    ),
    "progress": lambda s, p: progress.progress(s, p, "secret", now=NOW),
    "held": lambda s, p: answers.held(s, p, "secret", now=NOW),
    "history": lambda s, p: answers.listed(s, p, "secret"),
    "my answers": lambda s, p: answers.mine(s, p, "secret", wanted=answers.Wanted(), limit=5),
    "review": lambda s, p: reviewing.cases(s, p, "secret", limit=5),
    "count reviews": lambda s, p: reviewing.waiting(s, p, "secret"),
    "decide": lambda s, p: reviewing.decide(
        s, p, "secret", decision=reviewing.Decision("p0", "leave"), now=NOW, lease=LEASE
    ),
    "examination": lambda s, p: advice.examination(s, p, "secret"),
    "doubts": lambda s, p: advice.doubted(s, p, "secret", limit=5),
    "jobs": lambda s, p: training.jobs_of(s, p, "secret"),
    "evaluate": lambda s, p: versions.request_evaluation(s, p, "secret", numbers=(1,), now=NOW),
    "evaluate all": lambda s, p: measuring.request_all(s, p, "secret", now=NOW),
    "outdated": lambda s, p: measuring.outdated(s, p, "secret"),
    "held out answers": lambda s, p: measuring.answers(s, p, "secret"),
    "next comparison": lambda s, p: measuring.next_comparison(s, p, "secret"),
    "explain": lambda s, p: versions.request_explanation(s, p, "secret", number=1, now=NOW),
    "predict": lambda s, p: predicting.request(
        s, p, "secret", question=predicting.Question(rows=[{"body": "x"}]), now=NOW
    ),
    "simulations": lambda s, p: simulating.listed(s, p, "secret"),
    "a simulation": lambda s, p: simulating.get(s, p, "secret", 1),
    "how far a simulation is": lambda s, p: simulating.glance(s, p, "secret", 1),
    "versions": lambda s, p: versions.listed(s, p, "secret"),
    "a version": lambda s, p: versions.one(s, p, "secret", 1),
    "foremost": lambda s, p: versions.foremost(s, p, "secret"),
    "report": lambda s, p: versions.report(s, p, "secret", 1),
    "promotions": lambda s, p: champions.promotions(s, p, "secret"),
    "importance": lambda s, p: versions.global_explanation(s, p, "secret", 1),
    "reasons": lambda s, p: versions.sample_explanation(s, p, "secret", 1, "p0"),
    "rate": lambda s, p: overview.answer_rate(s, p, "secret", now=NOW),
    "recent answers": lambda s, p: overview.recent_answers(s, p, "secret"),
    "gold": lambda s, p: overview.gold_of(s, p, "secret", "p0"),
    "asked next": lambda s, p: overview.next_asked(s, p, "secret"),
    "sample": lambda s, p: overview.sample(s, p, "secret", "p0"),
    "card": lambda s, p: overview.card_of(s, p, "secret", {"body": "x"}),
    "beginnings": lambda s, p: overview.beginnings(s, p, "secret", [0]),
    "glimpses": lambda s, p: overview.glimpses(s, p, "secret", [0]),
    "columns": lambda s, p: overview.pool_columns(s, p, "secret"),
    "imports": lambda s, p: overview.imports(s, p, "secret"),
    "predicted files": lambda s, p: predicting.with_files(s, p, "secret", limit=5),
    "export": lambda s, p: exporting.export(
        s, p, "secret", what="labels", file_format="csv", now=NOW
    ),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_no_service_tells_an_outsider_that_there_is_such_a_project(
    house: House, verb: Verb
) -> None:
    outsider = house.person("Eve", "reviewer")
    with pytest.raises(NotFound) as caught:
        verb(house.store, outsider)
    assert str(caught.value) == str(NotFound("project", "secret"))


FOR_REVIEWERS: dict[str, tuple[Verb, str]] = {
    "recent answers": (VERBS["recent answers"], "see the answers of others"),
    "asked next": (VERBS["asked next"], "see what is asked next"),
    "predicted files": (VERBS["predicted files"], "see predictions"),
    "examination": (VERBS["examination"], "see how people agree"),
    "doubts": (VERBS["doubts"], "see which labels look wrong"),
    "held out answers": (VERBS["held out answers"], "see what was said of held out samples"),
    "reasons": (VERBS["reasons"], "see what a model says of a sample they have not answered"),
}


@pytest.mark.parametrize(("verb", "action"), FOR_REVIEWERS.values(), ids=FOR_REVIEWERS)
def test_what_others_said_and_a_model_thinks_is_for_reviewers(
    house: House, verb: Verb, action: str
) -> None:
    with pytest.raises(NotAllowed) as caught:
        verb(house.store, house.ada)
    assert str(caught.value) == str(NotAllowed(action, "a reviewer"))
    verb(house.store, people.set_role(house.store, None, name="Ada", role="reviewer", now=NOW))


def test_counts_for_machines_leave_out_what_one_may_not_see(house: House) -> None:
    eve = house.person("Eve")
    for person, project in ((house.ada, "secret"), (eve, "open")):
        said = [an_answer(house.claim(person, project)[0])]
        labelling.record(house.store, person, project, answers=said, now=NOW, lease=LEASE)
    counted = {
        person: tallies.tallies(house.store, person, now=NOW)
        for person in (eve, house.ada, house.admin, None)
    }
    assert [item["projects"] for item in counted.values()] == [1, 2, 2, 2]
    assert [item["annotations"] for item in counted.values()] == [1, 2, 2, 2]


def test_every_waiting_job_is_counted_however_many_there_are(house: House) -> None:
    with house.store.begin() as connection:
        found = access.project(connection, None, "open")
        for number in range(80):
            payload = {"number": number}
            jobs.enqueue(connection, found.id, "predict", payload=payload, now=NOW)
        first = job_leases.claim(connection, worker="w", now=NOW, lease=LEASE)
    assert first is not None
    counts = tallies.tallies(house.store, None, now=NOW)
    assert (counts["jobs_queued"], counts["jobs_running"]) == (79, 1)


@pytest.mark.parametrize(
    ("role", "name", "own"), [("annotator", None, ""), ("reviewer", None, DOING),
                              ("admin", "secret", DOING)],
)  # fmt: skip
def test_of_other_projects_no_more_is_told_than_that_a_worker_is_busy(
    house: House, role: Role, name: str | None, own: str
) -> None:
    with house.store.begin() as connection:
        for number, project in enumerate(("secret", "open")):
            found, worker = access.project(connection, None, project), f"w{number}"
            jobs.enqueue(connection, found.id, "evaluate", payload={}, now=NOW)
            job = job_leases.claim(connection, worker=worker, now=NOW, lease=LEASE)
            assert job is not None
            job_leases.beat(connection, job.id, worker=worker, until=NOW + LEASE, message=DOING)
            processes.report(connection, worker, kind="worker", started_at=NOW, now=NOW, doing="")
    seen = overview.at_work(house.store, house.person("Eve", role), "open", now=NOW)
    assert seen == (AtWork("evaluate", own, True, "open"), AtWork("evaluate", "", False, name))
    late = NOW + processes.SILENT + processes.SILENT
    assert overview.at_work(house.store, house.admin, "open", now=late) == (), "they are dead"


def test_a_job_of_a_hidden_project_is_hidden_too(house: House) -> None:
    secret = projects.get(house.store, None, "secret")
    with house.store.begin() as connection:
        number = jobs.enqueue(connection, secret.id, "retrain", payload={}, now=NOW)
        job = jobs.get(connection, number)
    outsider = house.person("Eve", "reviewer")
    member = house.person("Grace", "reviewer")
    members.add(house.store, house.admin, "secret", name="Grace", now=NOW)

    for look in (
        lambda: training.job(house.store, outsider, job.id),
        lambda: training.cancel(house.store, outsider, job.id, now=NOW),
    ):
        with pytest.raises(NotFound, match=f"there is no job {job.id};"):
            look()
    assert training.job(house.store, member, job.id) == job
    assert training.job(house.store, None, job.id) == job


def test_an_archived_project_is_named_only_to_who_may_see_it(house: House) -> None:
    projects.set_archived(house.store, house.admin, "secret", archived=True, now=NOW)
    with pytest.raises(Conflict, match="is archived"):
        house.claim(house.ada)
    with pytest.raises(NotFound):
        house.claim(house.person("Eve"))


def test_who_is_removed_gives_back_what_was_in_hand_and_keeps_what_was_said(house: House) -> None:
    first, second = house.claim(house.ada)
    labelling.record(
        house.store, house.ada, "secret", answers=[an_answer(first)], now=NOW, lease=LEASE
    )

    members.remove(house.store, house.admin, "secret", name="ADA", now=NOW)

    assert not house.sees(house.ada, "secret")
    assert answers.held(house.store, house.admin, "secret", now=NOW) == ()
    said = answers.listed(house.store, house.admin, "secret")
    assert [(event.person, event.label) for event in said] == [("Ada", "ham")]
    with pytest.raises(NotFound):
        labelling.record(
            house.store, house.ada, "secret", answers=[an_answer(second)], now=NOW, lease=LEASE
        )
    free = claiming.claim(
        house.store,
        house.admin,
        "secret",
        n=5,
        now=NOW,
        lease=LEASE,
        rng=np.random.default_rng(1),
    )
    assert second.sample_key in {claim.sample_key for claim in free}


def test_restricting_a_project_takes_samples_from_outsiders_only(house: House) -> None:
    members.set_restricted(house.store, house.admin, "secret", restricted=False, now=NOW)
    eve = house.person("Eve")
    house.claim(eve)
    kept = house.claim(house.ada)
    by_admin = house.claim(house.admin)

    members.set_restricted(house.store, house.admin, "secret", restricted=True, now=NOW)

    assert answers.held(house.store, house.ada, "secret", now=NOW) == kept
    assert answers.held(house.store, house.admin, "secret", now=NOW) == by_admin
    with house.store.read() as connection:
        project = access.project(connection, None, "secret")
    assert project.restricted
    assert claiming.release(house.store, house.admin, "secret", given=["none"]) == 0
    members.add(house.store, house.admin, "secret", name="Eve", now=NOW)
    assert answers.held(house.store, eve, "secret", now=NOW) == ()


def test_an_open_project_keeps_its_members_for_when_it_is_restricted_again(house: House) -> None:
    members.set_restricted(house.store, house.admin, "secret", restricted=False, now=NOW)
    assert house.sees(house.person("Eve"), "secret")
    members.set_restricted(house.store, house.admin, "secret", restricted=True, now=NOW)
    assert house.sees(house.ada, "secret")


def test_removing_from_an_open_project_takes_nothing_away(house: House) -> None:
    members.set_restricted(house.store, house.admin, "secret", restricted=False, now=NOW)
    held = house.claim(house.ada)
    members.remove(house.store, house.admin, "secret", name="Ada", now=NOW)
    assert answers.held(house.store, house.ada, "secret", now=NOW) == held


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_who_let_somebody_in_at_once_one_is_told(house: House) -> None:
    house.person("Omar")
    together = threading.Barrier(2)

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO membership"):
            together.wait(timeout=30)

    def let_in(_: int) -> str:
        try:
            members.add(house.store, house.admin, "open", name="Omar", now=NOW)
        except Conflict as error:
            return str(error)
        return "added"

    event.listen(house.store.engine, "before_cursor_execute", wait)
    with ThreadPoolExecutor(2) as crowd:
        said = sorted(crowd.map(let_in, range(2)))
    assert said == ["Omar is a member of 'open' already; choose somebody else", "added"]


def test_members_are_listed_by_name_with_who_added_them(house: House) -> None:
    house.person("Grace", "reviewer")
    later = NOW + timedelta(hours=1)
    members.add(house.store, house.admin, "secret", name="Grace", now=later)
    assert members.listed(house.store, house.admin, "secret") == (
        Member("Ada", "annotator", NOW, "Root"),
        Member("Grace", "reviewer", later, "Root"),
    )


MISTAKES: dict[str, tuple[Callable[[House], object], type[Exception], str]] = {
    "a member twice": (
        lambda h: members.add(h.store, h.admin, "secret", name="ada", now=NOW),
        Conflict,
        "Ada is a member of 'secret' already",
    ),
    "no such person": (
        lambda h: members.add(h.store, h.admin, "secret", name="Nobody", now=NOW),
        NotFound,
        "there is no person 'Nobody'",
    ),
    "no such project": (
        lambda h: members.add(h.store, h.admin, "nothing", name="Ada", now=NOW),
        NotFound,
        "there is no project 'nothing'",
    ),
    "not a member": (
        lambda h: members.remove(h.store, h.admin, "secret", name="Root", now=NOW),
        NotFound,
        "there is no member of 'secret' called 'Root'",
    ),
    "an annotator adds": (
        lambda h: members.add(h.store, h.ada, "secret", name="Root", now=NOW),
        NotAllowed,
        "only an admin may add members to a project",
    ),
    "an annotator removes": (
        lambda h: members.remove(h.store, h.ada, "secret", name="Ada", now=NOW),
        NotAllowed,
        "only an admin may remove members from a project",
    ),
    "an annotator opens": (
        lambda h: members.set_restricted(h.store, h.ada, "secret", restricted=False, now=NOW),
        NotAllowed,
        "only an admin may restrict a project",
    ),
    "an annotator looks": (
        lambda h: members.listed(h.store, h.ada, "secret"),
        NotAllowed,
        "only an admin may see the members of a project",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_a_sentence(
    house: House, mistake: tuple[Callable[[House], object], type[Exception], str]
) -> None:
    act, kind, words = mistake
    with pytest.raises(kind) as caught:
        act(house)
    assert words in str(caught.value)


def test_require_project_says_nothing_where_all_is_well(house: House) -> None:
    access.require_project(house.store, house.ada, "secret")
    with pytest.raises(NotFound):
        access.require_project(house.store, house.person("Eve"), "secret")
