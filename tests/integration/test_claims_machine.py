"""Whatever three people do, in whatever order: no promise about claims and answers is broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from mlvajra_al.errors import Invalid
from mlvajra_al.records import Action, Answer, Claim, Policy, Ranked, Recorded, Why
from mlvajra_al.services import claiming, labelling, resolving
from mlvajra_al.store import annotations as events
from mlvajra_al.store import claims, projects, ranking
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import slot
from tests.factories import LEASE, NOW, a_person, a_project, an_answer, rank

SAMPLES = 6
WHO = st.integers(0, 2)
LABELS = st.sampled_from(["ham", "spam"])


class People(RuleBasedStateMachine):
    """Three people, six samples, one or two answers wanted of each."""

    store: Store

    @initialize(overlap=st.integers(1, 2))
    def open_a_project(self, overlap: int) -> None:
        self.name = uuid4().hex[:10]
        self.project = a_project(
            self.store, self.name, policy=Policy(overlap=overlap, holdout_rate=0.0)
        )
        rank(self.store, self.project, SAMPLES)
        self.people = [a_person(self.store, f"{n} of {self.name}") for n in range(3)]
        self.now = NOW
        self.rng = np.random.default_rng(0)
        self.held: list[Claim] = []
        self.said: list[tuple[int, Answer]] = []
        self.seqs: dict[str, int] = {}

    @rule(who=WHO, n=st.integers(1, 4))
    def claim(self, who: int, n: int) -> None:
        person = self.people[who]
        taken = claiming.claim(
            self.store, person, self.name, n=n, now=self.now, lease=LEASE, rng=self.rng
        )
        keys = [claim.sample_key for claim in taken]
        assert len(set(keys)) == len(keys)
        assert not {key for key in keys if self.stands(person.id, key)}
        for claim in taken:
            others = {
                other.person_id
                for other in self.live()
                if other.sample_key == claim.sample_key and other.person_id != person.id
            }
            assert len(others) < self.project.policy.overlap
        self.held += taken

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.held))
        person = self.person(claim)
        claiming.release(self.store, person, self.name, given=[claim.id])
        self.held.remove(claim)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.held))
        until = self.now + LEASE
        kept = claiming.renew(
            self.store, self.person(claim), self.name, given=[claim.id], until=until
        )
        if kept:
            self.held[self.held.index(claim)] = replace(claim, lease_until=until)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), label=LABELS, action=st.sampled_from(["answer", "skip", "flag"]))
    def answer_a_claim(self, data: st.DataObject, label: str, action: Action) -> None:
        claim = data.draw(st.sampled_from(self.held))
        answer = an_answer(claim, label, action=action)
        self.say(self.people.index(self.person(claim)), answer)
        self.held.remove(claim)

    @rule(who=WHO, place=st.integers(0, SAMPLES - 1), label=LABELS)
    def answer_without_a_claim(self, who: int, place: int, label: str) -> None:
        self.say(who, an_answer(f"p{place}", label))

    @rule(who=WHO, place=st.integers(0, SAMPLES - 1))
    def take_back(self, who: int, place: int) -> None:
        answer = an_answer(f"p{place}", action="retract")
        try:
            self.say(who, answer)
        except Invalid as error:
            assert "no answer of yours" in str(error)
            last = self.last(self.people[who].id, answer.sample_key)
            assert last is None or last.action == "retract"

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        who, answer = data.draw(st.sampled_from(self.said))
        recorded = self.record(who, answer)
        assert (recorded.repeat, recorded.seq) == (True, self.seqs[answer.event_id])

    @rule(leases=st.sampled_from([0.4, 1.1]))
    def time_passes(self, leases: float) -> None:
        self.now += leases * LEASE + timedelta(seconds=1)

    @rule(order=st.permutations(range(SAMPLES)), version=st.integers(1, 9))
    def a_new_ranking_arrives(self, order: list[int], version: int) -> None:
        ranked = [
            Ranked(f"p{at}", at, Why("margin", 0.5, number, version, None, holdout=False))
            for number, at in enumerate(order)
        ]
        overlap = self.project.policy.overlap
        with self.store.begin() as connection:
            ranking.replace(connection, self.project.id, ranked, overlap=overlap, now=self.now)

    def say(self, who: int, answer: Answer) -> None:
        recorded = self.record(who, answer)
        assert not recorded.repeat
        assert recorded.seq == len(self.said) + 1
        self.said.append((who, answer))
        self.seqs[answer.event_id] = recorded.seq

    def record(self, who: int, answer: Answer) -> Recorded:
        (recorded,) = labelling.record(
            self.store, self.people[who], self.name, answers=[answer], now=self.now, lease=LEASE
        )
        return recorded

    def person(self, claim: Claim):
        return next(person for person in self.people if person.id == claim.person_id)

    def live(self) -> list[Claim]:
        return [claim for claim in self.held if claim.lease_until >= self.now]

    def last(self, person_id: int, key: str) -> Answer | None:
        own = [a for who, a in self.said if self.people[who].id == person_id]
        return next((a for a in reversed(own) if a.sample_key == key), None)

    def stands(self, person_id: int, key: str) -> bool:
        last = self.last(person_id, key)
        return last is not None and last.action != "retract"

    @invariant()
    def everything_said_is_in_the_log_once_in_order(self) -> None:
        with self.store.read() as connection:
            log = list(events.history(connection, self.project.id, events.Filter()))
        assert [(event.event_id, event.action, event.label) for event in log] == [
            (answer.event_id, answer.action, answer.label) for _, answer in self.said
        ]

    @invariant()
    def slots_keep_their_promises(self) -> None:
        query = select(slot).where(slot.c.project_id == self.project.id)
        with self.store.read() as connection:
            rows = connection.execute(query).all()
        owners = Counter((row.sample_key, row.annotator_id) for row in rows if row.annotator_id)
        assert set(owners.values()) <= {1}
        slots = Counter(row.sample_key for row in rows)
        assert set(slots.values()) <= {self.project.policy.overlap}
        for row in rows:
            if row.done:
                last = self.last(row.annotator_id, row.sample_key)
                assert last is not None
                assert last.action in ("answer", "flag")

    @invariant()
    def no_sample_is_with_more_people_than_are_wanted(self) -> None:
        with self.store.read() as connection:
            held = {
                (claim.sample_key, person.id)
                for person in self.people
                for claim in claims.held(
                    connection, self.project.id, person_id=person.id, now=self.now
                )
            }
        people = Counter(key for key, _ in held)
        assert all(count <= self.project.policy.overlap for count in people.values())

    @invariant()
    def the_first_answer_that_stands_is_gold(self) -> None:
        if self.project.policy.overlap > 1:
            return
        with self.store.read() as connection:
            project = projects.get(connection, self.project.id)
            pool, _ = resolving.gold(connection, project)
        expected = {}
        for key in {answer.sample_key for _, answer in self.said}:
            turns = [
                who
                for who, answer in self.said
                if answer.sample_key == key and answer.action == "answer"
            ]
            standing = [self.last(self.people[who].id, key) for who in turns]
            first = next((a for a in standing if a is not None and a.action == "answer"), None)
            if first is not None:
                expected[key] = first.label
        assert {item.sample_key: item.label for item in pool} == expected


FEW = settings(
    derandomize=True,
    deadline=None,
    max_examples=12,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)


def test_three_people_in_any_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(People, "store", store, raising=False)
    run_state_machine_as_test(People, settings=FEW)
