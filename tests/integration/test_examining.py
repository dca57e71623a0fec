"""Labels that look wrong are found and asked about again: of somebody else, and within bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlvajra_al import worker
from mlvajra_al.records import Answer, Claim, Column, Examination, Person, Policy, Recipe
from mlvajra_al.services import (
    advice,
    claiming,
    importing,
    labelling,
    resolving,
    reviewing,
    training,
)
from mlvajra_al.services import projects as project_services
from mlvajra_al.services.jobs import examining
from mlvajra_al.services.label_sets import make_labels
from mlvajra_al.services.reviewing import Decision
from mlvajra_al.store import doubts
from mlvajra_al.store.database import Store
from tests.factories import a_person
from tests.rehearsal import LEASE, Rehearsal

POLICY = Policy(retrain_every=20, holdout_rate=0.2)
WORDS = {"ham": ("meeting", "report", "lunch", "train"), "spam": ("pills", "win", "free", "loan")}
OTHER = {"ham": "spam", "spam": "ham"}


def begin(store: Store, folder: Path, policy: Policy = POLICY) -> Rehearsal:
    rng = np.random.default_rng(1)
    labels = rng.choice(["ham", "spam"], size=400, p=[0.6, 0.4])
    bodies = [" ".join([*rng.choice(WORDS[label], 3), f"n{i}"]) for i, label in enumerate(labels)]
    source = folder / "texts.parquet"
    keys = [f"t{i}" for i in range(len(labels))]
    pq.write_table(pa.table({"id": keys, "body": bodies, "label": labels.tolist()}), source)
    drafted = project_services.draft(
        "texts",
        labels=make_labels(["ham", "spam"]),
        recipe=Recipe((Column("body", "text"),)),
        now=worker.utc_now(),
        seed=3,
    )
    project = replace(drafted, policy=policy, key_column="id", gold_column="label")
    rehearsal = Rehearsal.begin(store, project, source=source)
    rehearsal.work()
    return rehearsal


Wrong = Callable[[Claim], bool]


def never(claim: Claim) -> bool:
    return False


def answer(
    rehearsal: Rehearsal, person: Person, count: int, *, wrong: Wrong = never
) -> list[Claim]:
    """Let a person answer samples one at a time; return why each was asked."""
    given = []
    for _ in range(count):
        (claim,) = claiming.claim(
            rehearsal.store,
            person,
            "texts",
            n=1,
            now=worker.utc_now(),
            lease=LEASE,
            rng=rehearsal.rng,
        )
        (truth,) = rehearsal.gold([claim.position])
        said = OTHER[truth] if wrong(claim) else truth
        labelling.record(
            rehearsal.store,
            person,
            "texts",
            answers=[Answer(str(uuid4()), claim.sample_key, "answer", said, claim.id)],
            now=worker.utc_now(),
            lease=LEASE,
        )
        given.append(claim)
    return given


def every_tenth() -> Wrong:
    seen = Counter[str]()

    def wrong(claim: Claim) -> bool:
        seen["all"] += not claim.why.holdout
        return not claim.why.holdout and seen["all"] % 10 == 0

    return wrong


def examined(rehearsal: Rehearsal) -> Examination:
    found = advice.examination(rehearsal.store, rehearsal.admin, "texts")
    assert found is not None
    return found


@pytest.fixture
def ada(store: Store) -> Person:
    return a_person(store, "Ada")


@pytest.fixture
def bob(store: Store) -> Person:
    return a_person(store, "Bob")


def disputed(rehearsal: Rehearsal) -> dict[str, list[str]]:
    """Return the pool samples that several people have answered, with the people."""
    with rehearsal.store.read() as connection:
        told = doubts.told(connection, rehearsal.project.id, until_seq=10_000)
    by_sample: dict[str, list[str]] = {}
    for row in told:
        assert not (row.holdout and row.strategy == doubts.SECOND_OPINION)
        by_sample.setdefault(row.sample_key, []).append(row.person)
    return {key: who for key, who in by_sample.items() if len(who) > 1}


def test_planted_mistakes_are_doubted_and_asked_of_somebody_else(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    given = []
    for _ in range(4):
        given += answer(rehearsal, ada, 25, wrong=every_tenth())
        rehearsal.work()
    answer(rehearsal, bob, 1)
    rehearsal.work()
    planted = {
        case.sample_key
        for case in reviewing.cases(store, rehearsal.admin, "texts", limit=500)
        if case.doubt is not None
    }
    wrong = {claim.sample_key for claim in given} & planted
    assert len(planted) >= 5
    assert len(wrong) == len(planted)
    answer(rehearsal, bob, 19)
    rehearsal.work()
    asked = examined(rehearsal).second_opinions
    assert asked > 0

    bobs = answer(rehearsal, bob, 25)
    second = [claim for claim in bobs if claim.why.strategy == doubts.SECOND_OPINION]

    assert second
    assert {claim.sample_key for claim in second} <= {claim.sample_key for claim in given}
    for who in disputed(rehearsal).values():
        assert sorted(who) == ["Ada", "Bob"]


def test_nobody_is_asked_twice_and_a_single_person_never_again(
    store: Store, tmp_path: Path, ada: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    for _ in range(4):
        answer(rehearsal, ada, 25, wrong=every_tenth())
        rehearsal.work()
    found = examined(rehearsal)
    assert found.checked > 50
    assert found.doubted > 0
    assert found.second_opinions == 0
    assert found.note == "nobody is asked again: only one person has answered so far"
    later = answer(rehearsal, ada, 40)
    assert doubts.SECOND_OPINION not in {claim.why.strategy for claim in later}


def test_two_who_say_the_same_outvote_who_was_first(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    for _ in range(4):
        answer(rehearsal, ada, 25, wrong=every_tenth())
        answer(rehearsal, bob, 2)
        rehearsal.work()
    cleo = a_person(store, "Cleo")
    answer(rehearsal, cleo, 1)
    for _ in range(4):
        for person in (bob, cleo):
            answer(rehearsal, person, 12)
        rehearsal.work()
    three = {key for key, who in disputed(rehearsal).items() if len(who) == 3}
    with store.read() as connection:
        project = project_services.get(store, None, "texts")
        pool, _ = resolving.gold(connection, project)
    truth = rehearsal.gold([item.position for item in pool])
    settled = [(g.label, t) for g, t in zip(pool, truth, strict=True) if g.sample_key in three]
    assert settled
    assert all(label == true for label, true in settled)
    assert all(len(who) <= examining.MOST_ANSWERS for who in disputed(rehearsal).values())


def test_second_opinions_are_a_bounded_share_of_all_answers(
    store: Store, tmp_path: Path, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "SHARE", 0.01)
    rehearsal = begin(store, tmp_path)
    for _ in range(5):
        answer(rehearsal, ada, 20, wrong=every_tenth())
        answer(rehearsal, bob, 20)
        rehearsal.work()
    with store.read() as connection:
        asked = doubts.asked(connection, rehearsal.project.id, now=worker.utc_now())
    assert 0 < asked <= 2
    monkeypatch.setattr(examining, "SHARE", 0.0)
    now = worker.utc_now()
    training.request_retrain(store, rehearsal.admin, "texts", mode="full", now=now)
    answer(rehearsal, ada, 1)
    rehearsal.work()
    assert "0% of all answers are second opinions already" in examined(rehearsal).note


def test_a_decision_or_a_retraction_ends_a_doubt(store: Store, tmp_path: Path, ada: Person) -> None:
    rehearsal = begin(store, tmp_path)
    for _ in range(5):
        answer(rehearsal, ada, 30, wrong=every_tenth())
        rehearsal.work()
    rita = a_person(store, "Rita", role="reviewer")
    first, second, third, *others = reviewing.cases(store, rita, "texts", limit=500)
    left = reviewing.waiting(store, rita, "texts")
    assert len(others) + 3 == left.needed + left.possible
    now = worker.utc_now()
    keep = Decision(first.sample_key, "leave", comment="it is what it says")
    reviewing.decide(store, rita, "texts", decision=keep, now=now, lease=LEASE)
    assert second.doubt is not None
    change = Decision(second.sample_key, "label", label=second.doubt.likely)
    reviewing.decide(store, rita, "texts", decision=change, now=now, lease=LEASE)
    said = third.said[0]
    back = Answer(str(uuid4()), third.sample_key, "retract", None, supersedes=said.event_id)
    labelling.record(store, ada, "texts", answers=[back], now=now, lease=LEASE)

    def doubted() -> set[str]:
        return {case.sample_key for case in reviewing.cases(store, rita, "texts", limit=500)}

    assert doubted() == {case.sample_key for case in others}
    training.request_retrain(store, rehearsal.admin, "texts", mode="full", now=now)
    rehearsal.work()
    assert not doubted() & {first.sample_key, second.sample_key}


def test_held_out_labels_are_neither_doubted_nor_asked_again(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path, Policy(retrain_every=20, holdout_rate=0.5))
    coin = np.random.default_rng(0)
    for _ in range(5):
        answer(rehearsal, ada, 30, wrong=lambda claim: coin.random() < 0.15)
        answer(rehearsal, bob, 10)
        rehearsal.work()
    with store.read() as connection:
        told = doubts.told(connection, rehearsal.project.id, until_seq=10_000)
    held = {row.sample_key for row in told if row.holdout}
    assert held
    doubted = {d.sample_key for d in advice.doubted(store, rehearsal.admin, "texts", limit=200)}
    assert not doubted & held
    assert not set(disputed(rehearsal)) & held


def test_who_disagrees_is_seen_where_every_sample_is_asked_twice(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path, replace(POLICY, overlap=2))
    for _ in range(4):
        answer(rehearsal, ada, 25)
        answer(rehearsal, bob, 25, wrong=every_tenth())
        rehearsal.work()
    found = examined(rehearsal)
    assert found.agreement.shared > 50
    assert found.agreement.alpha.value is not None
    assert 0.6 < found.agreement.alpha.value < 0.95
    (pair,) = found.agreement.pairs
    assert (pair.one, pair.other) == ("Ada", "Bob")


def test_a_correction_keeps_why_its_person_was_asked(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    for _ in range(4):
        answer(rehearsal, ada, 25, wrong=every_tenth())
        answer(rehearsal, bob, 5)
        rehearsal.work()
    bobs = answer(rehearsal, bob, 25)
    claim = next(one for one in bobs if one.why.strategy == doubts.SECOND_OPINION)
    for label in ("spam", "ham"):
        corrected = Answer(str(uuid4()), claim.sample_key, "answer", label)
        labelling.record(
            store, bob, "texts", answers=[corrected], now=worker.utc_now(), lease=LEASE
        )
        with store.read() as connection:
            told = doubts.told(connection, rehearsal.project.id, until_seq=10_000)
        (mine,) = [r for r in told if (r.sample_key, r.person) == (claim.sample_key, "Bob")]
        assert (mine.label, mine.strategy) == (label, doubts.SECOND_OPINION)


def bring_labels(rehearsal: Rehearsal, folder: Path, count: int) -> set[str]:
    """Import samples that come with labels, every tenth of them wrong; return the wrong ones."""
    rng = np.random.default_rng(2)
    truth = rng.choice(["ham", "spam"], size=count, p=[0.6, 0.4])
    keys = [f"old{i}" for i in range(count)]
    bodies = [" ".join([*rng.choice(WORDS[one], 3), f"o{i}"]) for i, one in enumerate(truth)]
    given = [OTHER[one] if i % 10 == 0 else str(one) for i, one in enumerate(truth)]
    source = folder / "old.parquet"
    columns = {"id": keys, "body": bodies, "label": truth.tolist(), "given": given}
    pq.write_table(pa.table(columns), source)
    now = worker.utc_now()
    importing.start_import(
        rehearsal.store, rehearsal.admin, "texts", uri=source, labels_from="given", now=now
    )
    return set(keys[::10])


def test_imported_labels_are_doubted_and_asked_of_people(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    wrong = bring_labels(rehearsal, tmp_path, 150)
    rehearsal.work()
    given = []
    for person in (ada, bob, ada, bob):
        given += answer(rehearsal, person, 20)
        rehearsal.work()

    doubted = {d.sample_key for d in advice.doubted(store, rehearsal.admin, "texts", limit=200)}
    second = [claim for claim in given if claim.why.strategy == doubts.SECOND_OPINION]
    assert second
    assert {claim.sample_key for claim in second} <= wrong
    assert doubted <= wrong
    assert not doubted & {claim.sample_key for claim in second}
    assert examined(rehearsal).agreement.people == 0


def test_labels_are_checked_once_the_label_set_has_grown(
    store: Store, tmp_path: Path, ada: Person, bob: Person
) -> None:
    rehearsal = begin(store, tmp_path)
    for _ in range(4):
        answer(rehearsal, ada, 25, wrong=every_tenth())
        answer(rehearsal, bob, 5)
        rehearsal.work()
    before = examined(rehearsal)
    grown = make_labels(["ham", "spam", "other"])
    now = worker.utc_now()
    project_services.set_labels(store, rehearsal.admin, "texts", labels=grown, now=now)
    answer(rehearsal, bob, 25)
    rehearsal.work()

    after = examined(rehearsal)
    assert after.seq > before.seq
    assert after.checked > before.checked
    found = advice.doubted(store, rehearsal.admin, "texts", limit=200)
    assert {doubt.likely for doubt in found} <= {"ham", "spam"}
