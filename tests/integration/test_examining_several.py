"""Where a sample may have several labels, those that look wrong are found and asked about again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from mlvajra_al import worker
from mlvajra_al.records import Answer, Claim, Column, Person, Policy, Recipe
from mlvajra_al.records.label_sets import from_text, to_text
from mlvajra_al.services import advice, claiming, labelling, reviewing
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.jobs import examining
from mlvajra_al.services.jobs.label_checks import label_checks
from mlvajra_al.services.jobs.telling import Later, Tell
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.reviewing import Decision
from mlvajra_al.store import doubts, job_leases, jobs
from mlvajra_al.store.database import Store
from tests.factories import a_person
from tests.rehearsal import LEASE, Rehearsal

LABELS = ("art", "money", "sport")
WORDS = {
    "art": ("museum", "painting", "opera"),
    "money": ("bank", "price", "loan"),
    "sport": ("match", "goal", "race"),
}


def write_articles(source: Path, rows: int = 400) -> None:
    rng = np.random.default_rng(4)
    lines = []
    for place in range(rows):
        topics = [name for name in LABELS if rng.random() < 0.4]
        said = [word for name in topics for word in rng.choice(WORDS[name], 2)]
        body = " ".join([*said, "the", f"n{place}"])
        lines.append(json.dumps({"id": f"a{place}", "body": body, "topics": to_text(topics)}))
    source.write_text("\n".join(lines))


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Rehearsal:
    """A pool of articles whose true topics are known."""
    source = tmp_path / "news.jsonl"
    write_articles(source)
    drafted = project_services.draft(
        "news",
        labels=make_labels(LABELS),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=3,
    )
    policy = Policy(retrain_every=20, holdout_rate=0.1)
    project = replace(
        drafted, policy=policy, key_column="id", gold_column="topics", multilabel=True
    )
    begun = Rehearsal.begin(store, project, source=source)
    begun.work()
    return begun


def answer(loop: Rehearsal, person: Person, count: int, *, wrong_each: int = 0) -> list[Claim]:
    """Let a person answer; each so many samples that are not held out get money wrong."""
    given = []
    asked = 0
    for _ in range(count):
        how = {"n": 1, "now": worker.utc_now(), "lease": LEASE, "rng": loop.rng}
        (claim,) = claiming.claim(loop.store, person, "news", **how)
        (truth,) = loop.gold([claim.position])
        said = set(from_text(truth))
        asked += not claim.why.holdout
        if wrong_each and not claim.why.holdout and asked % wrong_each == 0:
            said ^= {"money"}
        labelling.record(
            loop.store,
            person,
            "news",
            answers=[Answer(str(uuid4()), claim.sample_key, "answer", to_text(said), claim.id)],
            now=worker.utc_now(),
            lease=LEASE,
        )
        given.append(claim)
    return given


def mistaken(loop: Rehearsal, claims: list[Claim]) -> set[str]:
    with loop.store.read() as connection:
        told = doubts.told(connection, loop.project.id, until_seq=10_000)
    truth = {claim.sample_key: set(from_text(*loop.gold([claim.position]))) for claim in claims}
    return {
        row.sample_key
        for row in told
        if row.sample_key in truth and set(from_text(row.label)) != truth[row.sample_key]
    }


def test_labels_given_wrongly_are_doubted_asked_of_somebody_else_and_decided(
    store: Store, loop: Rehearsal
) -> None:
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    given = []
    for _ in range(5):
        given += answer(loop, ada, 25, wrong_each=10)
        loop.work()
    wrong = mistaken(loop, given)
    rita = a_person(store, "Rita", role="reviewer")
    cases = [c for c in reviewing.cases(store, rita, "news", limit=500) if c.doubt is not None]
    found = advice.examination(store, rita, "news")
    assert found is not None and found.checked > 80 and found.doubted == len(cases)
    assert found.note == "nobody is asked again: only one person has answered so far"
    keys = {case.sample_key for case in cases}
    assert len(keys & wrong) >= 0.6 * len(wrong) and len(keys - wrong) <= len(keys) / 3
    right = 0
    for case in cases:
        assert case.doubt is not None
        changed = set(from_text(case.doubt.likely)) ^ set(from_text(case.doubt.label))
        assert changed
        right += case.sample_key in wrong and changed == {"money"}
    assert right >= 0.6 * len(wrong)

    answer(loop, bob, 20)
    loop.work()
    second = [
        claim for claim in answer(loop, bob, 25) if claim.why.strategy == doubts.SECOND_OPINION
    ]
    assert second and {claim.sample_key for claim in second} <= {one.sample_key for one in given}
    assert {claim.sample_key for claim in second} & wrong

    case, *_ = [c for c in reviewing.cases(store, rita, "news", limit=500) if c.doubt is not None]
    assert case.doubt is not None
    decided = Decision(case.sample_key, "label", label=case.doubt.likely)
    reviewing.decide(store, rita, "news", decision=decided, now=worker.utc_now(), lease=LEASE)
    left = {c.sample_key for c in reviewing.cases(store, rita, "news", limit=500)}
    assert case.sample_key not in left


def test_held_out_samples_are_neither_doubted_nor_asked_again(
    store: Store, loop: Rehearsal
) -> None:
    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    given = []
    for _ in range(3):
        given += answer(loop, ada, 25, wrong_each=8) + answer(loop, bob, 15)
        loop.work()
    held = {claim.sample_key for claim in given if claim.why.holdout}
    again = {c.sample_key for c in given if c.why.strategy == doubts.SECOND_OPINION}
    assert held and not held & again
    assert not held & {d.sample_key for d in advice.doubted(store, None, "news", limit=200)}


def test_choosing_what_to_ask_again_makes_room_for_a_retrain(store: Store, loop: Rehearsal) -> None:
    now, of_each_label = worker.utc_now(), 2

    class Interrupted(Tell):
        chosen = 0

        def __call__(self, progress: float, message: str = "") -> None:
            super().__call__(progress, message)
            self.chosen += message == "Choosing what to ask again"
            if self.chosen == of_each_label:
                early = now - timedelta(seconds=9)
                with store.begin() as connection:
                    jobs.enqueue(connection, loop.project.id, "retrain", payload={}, now=early)

    ada, bob = a_person(store, "Ada"), a_person(store, "Bob")
    for _ in range(3):
        answer(loop, ada, 25, wrong_each=8)
        answer(loop, bob, 15)
        loop.work()
    with store.begin() as connection:
        jobs.enqueue(connection, loop.project.id, "examine", payload={}, now=now)
        claimed = job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
    assert claimed is not None
    tell = Interrupted(store, claimed, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    with pytest.raises(Later):
        examining.examine(store, claimed, tell)
    assert tell.chosen == of_each_label


def test_how_people_agree_is_said_of_sets_in_words(store: Store, loop: Rehearsal) -> None:
    ada = a_person(store, "Ada")
    for _ in range(3):
        answer(loop, ada, 25)
        loop.work()
    found = advice.examination(store, None, "news")
    assert found is not None and found.checked > 0
    assert found.agreement.shared == 0 and "[" not in found.agreement.alpha.note


def test_a_label_with_a_comma_in_it_is_not_two_labels() -> None:
    drafted = project_services.draft(
        "news",
        labels=make_labels(["a", "b", "a, b", "none of these"]),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=0,
    )
    project = replace(drafted, multilabel=True)
    answers = [("a", "b"), ("a, b",), ("none of these",), ()]
    said = [label_checks(project).in_words(to_text(names)) for names in answers]
    assert said == ['"a", "b"', '"a, b"', '"none of these"', "none of these"]
    assert label_checks(drafted).in_words("a, b") == "a, b"
