"""Comparisons are counted, whoever asks for them and however often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from mlvajra_al import worker
from mlvajra_al.errors import Conflict
from mlvajra_al.learning.comparison import COMPARISONS, ERROR
from mlvajra_al.records import Answer, Policy, Verdict
from mlvajra_al.services import champions, measuring, training, versions
from mlvajra_al.services.jobs import evaluating, warm
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.jobs.telling import Cancelled, Tell
from mlvajra_al.store import job_leases, jobs, schema, verdicts
from mlvajra_al.store.codec import dump
from mlvajra_al.store.database import Store
from tests.factories import NOW
from tests.integration.test_loop import a_text_project, texts
from tests.rehearsal import Rehearsal

POLICY = Policy(retrain_every=1_000, holdout_rate=0.6)


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Iterator[Rehearsal]:
    """Two versions, and holdout labels enough to compare them."""
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(240), source)
    loop = Rehearsal.begin(store, a_text_project(POLICY), source=source)
    loop.work()
    for answers in (50, 12):
        loop.answer(answers)
        ask = training.request_retrain
        ask(store, loop.admin, "texts", mode="incremental", now=worker.utc_now())
        loop.work()
    yield loop


@pytest.fixture
def chosen(loop: Rehearsal) -> Rehearsal:
    """The same, where somebody has chosen version 1."""
    ask = {"reason": "", "now": worker.utc_now()}
    champions.promote(loop.store, loop.admin, "texts", number=2, expected=1, **ask)
    assert champions.rollback(loop.store, loop.admin, "texts", **ask) == 1
    return loop


def compare(loop: Rehearsal, champion: int = 1, challenger: int = 2) -> Verdict:
    asked = versions.request_evaluation(
        loop.store, loop.admin, "texts", numbers=(champion, challenger), now=worker.utc_now()
    )
    loop.work()
    found = versions.verdict(training.job(loop.store, loop.admin, asked.id))
    assert found is not None
    return found


def counted(loop: Rehearsal) -> list[tuple[int, int, int]]:
    columns = (schema.verdict.c.number, schema.verdict.c.champion, schema.verdict.c.challenger)
    query = select(*columns).where(schema.verdict.c.project_id == loop.project.id)
    with loop.store.read() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(schema.verdict.c.number))]


def answer_one(loop: Rehearsal, *, holdout: bool) -> None:
    """Answer one sample that is held out, or one that is not."""
    claim = next(claim for claim in loop.claim(12) if claim.why.holdout is holdout)
    (gold,) = loop.gold([claim.position])
    loop.record([Answer(str(uuid4()), claim.sample_key, "answer", gold, claim.id)])


def last(loop: Rehearsal, champion: int = 1, challenger: int = 2) -> Verdict | None:
    pair = {"champion": champion, "challenger": challenger}
    return versions.last_verdict(loop.store, loop.admin, "texts", **pair)


def test_a_first_champion_that_nobody_chose_is_compared_plainly_and_spends_nothing(
    loop: Rehearsal,
) -> None:
    found = compare(loop)
    assert found.p_value is not None
    assert (found.provisional, found.alpha, found.number) == (True, ERROR, 0)
    assert counted(loop) == []
    assert last(loop) == found
    assert compare(loop, 2, 1) == found, "the champion comes first, whatever one asks for"
    assert measuring.next_comparison(loop.store, loop.admin, "texts") == 0


def test_once_somebody_has_chosen_it_the_same_champion_is_compared_strictly(
    loop: Rehearsal, request: pytest.FixtureRequest
) -> None:
    compare(loop)
    request.getfixturevalue("chosen")
    assert last(loop) is None, "what was found plainly does not hold any more"
    strict = compare(loop)
    assert (strict.provisional, strict.alpha, strict.number) == (False, 0.001, 1)
    assert last(loop) == strict


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_champion_that_was_chosen_while_it_was_compared_is_compared_again(
    loop: Rehearsal, request: pytest.FixtureRequest
) -> None:
    plainly = compare(loop)
    request.getfixturevalue("chosen")
    with pytest.raises(Conflict, match="compare again"), loop.store.begin() as connection:
        evaluating.counted(connection, loop.project, Holdout((), (0, 0, 0), 0), plainly, now=NOW)


def test_each_new_look_is_counted_and_a_repetition_is_not(chosen: Rehearsal) -> None:
    loop = chosen
    first = compare(loop)
    assert first.p_value is not None and first.number == 1
    assert compare(loop) == first
    assert counted(loop) == [(1, 1, 2)]

    assert compare(loop, 2, 1) == first, "it is the same pair"
    assert measuring.next_comparison(loop.store, loop.admin, "texts") == 2

    answer_one(loop, holdout=True)
    again = compare(loop)
    assert (again.number, again.n) == (2, first.n + 1)
    assert counted(loop) == [(1, 1, 2), (2, 1, 2)]


def test_versions_of_which_none_is_the_champion_are_compared_without_advice_and_not_counted(
    chosen: Rehearsal,
) -> None:
    loop = chosen
    loop.answer(12)
    training.request_retrain(
        loop.store, loop.admin, "texts", mode="incremental", now=worker.utc_now()
    )
    loop.work()
    strict = compare(loop)
    found = compare(loop, 2, 3)
    assert (found.neutral, found.number, found.alpha) == (True, 0, None)
    assert found.p_value is not None and not found.better
    assert "promote" not in found.advice and "keep" not in found.advice
    assert counted(loop) == [(1, 1, 2)]
    assert last(loop, 2, 3) == found and last(loop) == strict

    ask = {"reason": "", "now": worker.utc_now()}
    champions.promote(loop.store, loop.admin, "texts", number=3, expected=1, **ask)
    assert last(loop) is None, "version 1 is the champion no more"
    assert last(loop, 3, 2) is None, "it is compared as the champion now"
    with pytest.raises(Conflict, match="compare again"), loop.store.begin() as connection:
        evaluating.counted(connection, loop.project, Holdout((), (0, 0, 0), 0), found, now=NOW)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_that_is_not_held_out_makes_no_new_look(chosen: Rehearsal) -> None:
    loop = chosen
    first = compare(loop)
    answer_one(loop, holdout=False)
    assert compare(loop) == first


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_fifty_comparisons_a_person_decides(chosen: Rehearsal) -> None:
    loop = chosen
    spent = replace(compare(loop), number=COMPARISONS)
    with loop.store.begin() as connection:
        verdicts.add(connection, loop.project.id, spent, holdout="another", now=NOW)
    answer_one(loop, holdout=True)
    last = compare(loop)
    assert last.number == COMPARISONS + 1 and not last.better
    assert "you decide: after 50 comparisons" in last.advice


def asked_again(loop: Rehearsal) -> tuple[Holdout, Verdict]:
    """Return a comparison as a job has made it, before it is counted."""
    verdict = replace(compare(loop), number=2)
    return Holdout((), (0, 0, 0), loop.project.last_seq), verdict


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_two_counted_at_once_the_later_takes_the_next_number(chosen: Rehearsal) -> None:
    loop = chosen
    holdout, verdict = asked_again(loop)
    with loop.store.begin() as connection:
        verdicts.add(connection, loop.project.id, verdict, holdout="another", now=NOW)
    with loop.store.begin() as connection:
        found = evaluating.counted(connection, loop.project, holdout, verdict, now=NOW)
    assert found.number == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_look_that_comes_too_late_to_spend_anything_is_asked_for_again(
    chosen: Rehearsal,
) -> None:
    loop = chosen
    holdout, verdict = asked_again(loop)
    last = replace(verdict, number=COMPARISONS)
    with loop.store.begin() as connection:
        verdicts.add(connection, loop.project.id, last, holdout="another", now=NOW)
    with pytest.raises(Conflict, match="compare again"), loop.store.begin() as connection:
        evaluating.counted(connection, loop.project, holdout, verdict, now=NOW)


def test_too_few_labels_to_say_spend_nothing(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(120), source)
    few = Policy(retrain_every=1_000, holdout_rate=0.1)
    loop = Rehearsal.begin(store, a_text_project(few), source=source)
    loop.work()
    for _ in range(2):
        loop.answer(12)
        ask = training.request_retrain
        ask(store, loop.admin, "texts", mode="full", now=worker.utc_now())
        loop.work()
    assert compare(loop).p_value is None
    assert counted(loop) == []


def test_a_comparison_that_was_cancelled_is_not_counted(chosen: Rehearsal) -> None:
    loop = chosen
    now = worker.utc_now()
    asked = versions.request_evaluation(loop.store, loop.admin, "texts", numbers=(1, 2), now=now)
    with loop.store.begin() as connection:
        job = job_leases.claim(connection, worker="w", now=now, lease=worker.LEASE)
    assert job is not None and job.id == asked.id
    tell = Tell(loop.store, job, worker="w", clock=worker.utc_now, lease=worker.LEASE)
    training.cancel(loop.store, loop.admin, job.id, now=now)
    with pytest.raises(Cancelled):
        evaluating.evaluate(loop.store, job, tell)
    assert counted(loop) == []


@pytest.mark.parametrize("champion_is_chosen", [True, False])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_comparison_is_found_however_many_others_there_were_since(
    loop: Rehearsal, request: pytest.FixtureRequest, *, champion_is_chosen: bool
) -> None:
    if champion_is_chosen:
        request.getfixturevalue("chosen")
    found = compare(loop)
    result = {"verdict": dump(replace(found, champion=2, challenger=1))}
    with loop.store.begin() as connection:
        for _ in range(120):
            other = jobs.enqueue(
                connection, loop.project.id, "evaluate", payload={"versions": [2, 1]}, now=NOW
            )
            assert other is not None
            jobs.finish(connection, other, state="done", now=NOW, result=result)
    assert last(loop) == found


def test_all_versions_measured_with_fewer_answers_are_measured_again_at_once(
    loop: Rehearsal,
) -> None:
    assert measuring.outdated(loop.store, loop.admin, "texts") == ()
    with pytest.raises(Conflict, match="every version is measured with all answers"):
        measuring.request_all(loop.store, loop.admin, "texts", now=worker.utc_now())
    answer_one(loop, holdout=False)
    assert measuring.outdated(loop.store, loop.admin, "texts") == (), "it measures nothing"
    answer_one(loop, holdout=True)
    assert measuring.outdated(loop.store, loop.admin, "texts") == (2, 1)

    asked = measuring.request_all(loop.store, loop.admin, "texts", now=worker.utc_now())
    twice = measuring.request_all(loop.store, loop.admin, "texts", now=worker.utc_now())
    assert twice.id == asked.id, "two clicks are one job"
    assert asked.payload["versions"] == [1, 2], "the champion first"
    loop.work()
    result = training.job(loop.store, loop.admin, asked.id).result
    assert result == {"verdict": None, "measured": 2, "damaged": []}
    assert measuring.outdated(loop.store, loop.admin, "texts") == ()
    measured = [versions.report(loop.store, loop.admin, "texts", number) for number in (1, 2)]
    assert len({one.answered for one in measured if one}) == 1
    assert counted(loop) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_version_keeps_no_other_from_being_measured_again(loop: Rehearsal) -> None:
    answer_one(loop, holdout=True)
    blob = versions.listed(loop.store, loop.admin, "texts")[1].version.estimator
    next((loop.store.home / "artefacts").rglob(blob)).unlink()
    warm.estimator.cache_clear()
    asked = measuring.request_all(loop.store, loop.admin, "texts", now=worker.utc_now())
    loop.work()
    result = training.job(loop.store, loop.admin, asked.id).result
    assert result == {"verdict": None, "measured": 1, "damaged": [2]}
    assert measuring.outdated(loop.store, loop.admin, "texts") == (2,)
