"""What versions have wrong on the holdout: listed with each report, for admins only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from mlvajra_al import worker
from mlvajra_al.errors import Conflict, Invalid, NotAllowed, NotFound
from mlvajra_al.records import Answer, Policy
from mlvajra_al.services import mistakes, training, versions
from mlvajra_al.services.mistakes import Wanted
from mlvajra_al.store import files
from mlvajra_al.store import mistakes as lists
from mlvajra_al.store.database import Store
from mlvajra_al.store.schema import report
from tests.factories import a_person
from tests.integration.test_loop import a_text_project, texts
from tests.rehearsal import Rehearsal

POLICY = Policy(retrain_every=1_000, holdout_rate=0.6)


@pytest.fixture
def loop(store: Store, tmp_path: Path) -> Iterator[Rehearsal]:
    """Two versions; of the holdout every seventh answer is the other label."""
    source = tmp_path / "texts.parquet"
    pq.write_table(texts(240), source)
    loop = Rehearsal.begin(store, a_text_project(POLICY), source=source)
    loop.work()
    for answers in (72, 12):
        for _ in range(0, answers, 6):
            answer_some_wrongly(loop)
        ask = training.request_retrain
        ask(store, loop.admin, "texts", mode="incremental", now=worker.utc_now())
        loop.work()
    yield loop


def answer_some_wrongly(loop: Rehearsal) -> None:
    claims = loop.claim(6)
    truth = loop.gold([claim.position for claim in claims])
    other = {"ham": "spam", "spam": "ham"}
    loop.record(
        [
            Answer(
                f"e{claim.id}",
                claim.sample_key,
                "answer",
                other.get(gold, gold) if claim.why.holdout and claim.position % 7 == 0 else gold,
                claim.id,
            )
            for claim, gold in zip(claims, truth, strict=True)
        ]
    )


def of_version(loop: Rehearsal, number: int = 2, **wanted: object) -> mistakes.Found:
    return mistakes.listed(
        loop.store,
        loop.admin,
        "texts",
        number,
        wanted=Wanted(**wanted),  # type: ignore[arg-type]
    )


def test_a_version_lists_what_its_confusion_counts_as_wrong(loop: Rehearsal) -> None:
    found = of_version(loop)
    measured = versions.report(loop.store, loop.admin, "texts", 2)
    assert measured is not None and found.holdout_seq == measured.holdout_seq
    labels, confusion = measured.evaluation.labels, measured.evaluation.confusion
    for at, true in enumerate(labels):
        for to, answered in enumerate(labels):
            cell = of_version(loop, label=true, answered=answered)
            assert cell.total == (confusion[at][to] if at != to else 0)
            assert all((m.label, m.answered) == (true, answered) for m in cell.mistakes)
    sure = [mistake.probability for mistake in found.mistakes]
    assert found.total == len(sure) > 2 and sure == sorted(sure, reverse=True)
    assert all(0.3 < p <= 1 for p in sure) and all(found.beginnings)


def test_a_list_is_read_in_pages_and_as_a_whole(loop: Rehearsal) -> None:
    whole = mistakes.whole(loop.store, None, "texts", 2)
    pages = [of_version(loop, offset=at, limit=1) for at in range(whole.total)]
    assert [page.mistakes[0] for page in pages] == list(whole.mistakes)
    assert of_version(loop, offset=whole.total).mistakes == ()
    for out_of_range in ({"limit": 0}, {"limit": 501}, {"offset": -1}):
        with pytest.raises(Invalid, match="ask for 1 to 500"):
            of_version(loop, **out_of_range)


def test_a_list_longer_than_a_page_is_read_whole(
    loop: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mistakes.whole(loop.store, None, "texts", 2)
    monkeypatch.setattr(mistakes, "MOST", 2)
    assert mistakes.whole(loop.store, None, "texts", 2) == whole


def test_mistakes_are_written_as_a_file(loop: Rehearsal) -> None:
    whole = mistakes.whole(loop.store, None, "texts", 2)
    text = b"".join(mistakes.csv(whole)).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["sample_key", "label", "answered", "probability", "beginning"]
    assert [row["sample_key"] for row in rows] == [m.sample_key for m in whole.mistakes]


def test_nobody_but_admins_sees_which_samples_are_held_out(loop: Rehearsal) -> None:
    for role in ("annotator", "reviewer"):
        person = a_person(loop.store, f"some {role}", role=role)  # type: ignore[arg-type]
        with pytest.raises(NotAllowed, match="see which samples are held out"):
            mistakes.listed(loop.store, person, "texts", 2, wanted=Wanted())
        with pytest.raises(NotAllowed, match="see which samples are held out"):
            mistakes.apart(loop.store, person, "texts", (1, 2), right="neither", wanted=Wanted())


def test_two_versions_are_held_against_each_other_sample_by_sample(loop: Rehearsal) -> None:
    versions.request_evaluation(
        loop.store, loop.admin, "texts", numbers=(1, 2), now=worker.utc_now()
    )
    loop.work()
    wrong = {n: {m.sample_key for m in of_version(loop, n).mistakes} for n in (1, 2)}
    expected = {
        "champion": wrong[2] - wrong[1],
        "challenger": wrong[1] - wrong[2],
        "neither": wrong[1] & wrong[2],
    }
    for right, keys in expected.items():
        found = mistakes.apart(
            loop.store,
            loop.admin,
            "texts",
            (1, 2),
            right=right,
            wanted=Wanted(),  # type: ignore[arg-type]
        )
        assert found is not None
        assert found.counts == {side: len(some) for side, some in expected.items()}
        assert {pair.sample_key for pair in found.pairs} == keys
        for pair in found.pairs:
            assert (pair.champion is None) == (right == "champion")
            assert (pair.challenger is None) == (right == "challenger")
    verdict = versions.last_verdict(loop.store, loop.admin, "texts", champion=1, challenger=2)
    assert verdict is not None
    assert verdict.only_champion_right == len(expected["champion"])
    assert verdict.only_challenger_right == len(expected["challenger"])


def test_a_report_made_before_there_were_lists_gets_one_when_measured_again(
    loop: Rehearsal,
) -> None:
    before = of_version(loop)
    with loop.store.begin() as connection:
        connection.execute(update(report).values(mistakes=None))
    with pytest.raises(Conflict, match="measure again to list them"):
        of_version(loop)
    pair = {"right": "neither", "wanted": Wanted()}
    assert mistakes.apart(loop.store, loop.admin, "texts", (1, 2), **pair) is None  # type: ignore[arg-type]
    versions.request_evaluation(loop.store, loop.admin, "texts", numbers=(2,), now=worker.utc_now())
    loop.work()
    assert of_version(loop) == before


def test_a_list_never_changes(loop: Rehearsal) -> None:
    measured = versions.report(loop.store, loop.admin, "texts", 2)
    assert measured is not None
    before = of_version(loop)
    with loop.store.begin() as connection:
        lists.mention(connection, measured, lists.write(loop.store.home, []))
    assert of_version(loop) == before


def test_a_list_is_kept_like_any_file_that_is_mentioned(loop: Rehearsal) -> None:
    with loop.store.read() as connection:
        mentioned = {item.sha256 for item in files.mentioned(connection) if item.made_anew}
        assert mentioned == set(lists.lists(connection, loop.project.id, 2).values()) | set(
            lists.lists(connection, loop.project.id, 1).values()
        )
        assert files.strays(connection, loop.store.home) == ()


def test_a_version_that_was_never_measured_has_no_list(loop: Rehearsal) -> None:
    with loop.store.begin() as connection:
        connection.execute(report.delete().where(report.c.version == 1))
    with pytest.raises(NotFound, match="report of version"):
        of_version(loop, 1)
    with pytest.raises(NotFound, match="version"):
        of_version(loop, 9)
