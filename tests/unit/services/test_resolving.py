"""From answers to gold, whatever the order they came in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlvajra_al.records import Gold
from mlvajra_al.services.resolving import fingerprint, resolve


def a_row(label: str, seq: int, **others: object) -> SimpleNamespace:
    values = {
        "sample_key": "p0",
        "position": 0,
        "person_id": seq,
        "label": label,
        "seq": seq,
        "first_seq": seq,
        "holdout": False,
        "adjudicates": False,
        "strategy": "margin",
    }
    return SimpleNamespace(**(values | others))


def labels(rows: list[SimpleNamespace], overlap: int) -> list[str]:
    return [item.label for side in resolve(rows, overlap=overlap) for item in side]


@pytest.mark.parametrize(
    ("rows", "overlap", "expected"),
    [
        ([], 1, []),
        ([a_row("ham", 1)], 1, ["ham"]),
        ([a_row("ham", 1), a_row("spam", 2)], 1, ["ham"]),
        ([a_row("spam", 2), a_row("ham", 3, first_seq=1)], 1, ["ham"]),
        ([a_row("ham", 1), a_row("spam", 2, adjudicates=True)], 1, ["spam"]),
        ([a_row("ham", 1, adjudicates=True), a_row("spam", 2, adjudicates=True)], 1, ["spam"]),
        ([a_row("ham", 1)], 2, ["ham"]),
        ([a_row("ham", 1), a_row("spam", 2)], 2, []),
        ([a_row("ham", 1), a_row("ham", 2)], 2, ["ham"]),
        ([a_row("ham", 1), a_row("spam", 2), a_row("spam", 3)], 3, ["spam"]),
        ([a_row("a", 1), a_row("b", 2), a_row("c", 3)], 3, []),
        ([a_row("a", 1), a_row("b", 2), a_row("b", 3, adjudicates=True)], 2, ["b"]),
        ([a_row("a", 1), a_row("a", 2), a_row("b", 3), a_row("b", 4)], 4, []),
    ],
    ids=[
        "nothing said",
        "one answer",
        "the first of two",
        "the first though corrected after the second",
        "an adjudication beats the first",
        "the last adjudication",
        "one of two wanted",
        "a tie",
        "two agree",
        "a strict majority of three",
        "three differ",
        "an adjudication breaks a tie",
        "two against two",
    ],
)
def test_the_answer_that_counts(
    rows: list[SimpleNamespace], overlap: int, expected: list[str]
) -> None:
    assert labels(rows, overlap) == expected


def test_gold_names_the_event_it_comes_from() -> None:
    rows = [a_row("ham", 7, sample_key="x", position=4)]
    assert resolve(rows, overlap=1) == ([Gold("x", 4, "ham", 7)], [])


def test_holdout_and_pool_are_kept_apart() -> None:
    rows = [a_row("ham", 1), a_row("spam", 2, sample_key="h", position=1, holdout=True)]
    pool, holdout = resolve(rows, overlap=1)
    assert ([item.position for item in pool], [item.position for item in holdout]) == ([0], [1])


answers = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.booleans()), max_size=12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(said=answers, overlap=st.integers(1, 3), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter_without_adjudications(said, overlap, seed) -> None:
    rows = [
        a_row(label, seq, sample_key=f"p{at}", position=at)
        for seq, (at, label, _) in enumerate(said)
    ]
    shuffled = rows[:]
    seed.shuffle(shuffled)
    pool = {(item.position, item.label) for item in resolve(rows, overlap=overlap)[0]}
    again = {(item.position, item.label) for item in resolve(shuffled, overlap=overlap)[0]}
    assert pool == again


@settings(derandomize=True, deadline=None, max_examples=60)
@given(said=answers, overlap=st.integers(1, 3))
def test_every_gold_label_was_said_about_that_sample(said, overlap) -> None:
    rows = [
        a_row(label, seq, sample_key=f"p{at}", position=at, adjudicates=decides)
        for seq, (at, label, decides) in enumerate(said)
    ]
    spoken = {(row.position, row.label, row.seq) for row in rows}
    for item in resolve(rows, overlap=overlap)[0]:
        assert (item.position, item.label, item.seq) in spoken


def test_a_fingerprint_tells_labels_apart_and_not_orders() -> None:
    one, two = Gold("a", 0, "ham", 1), Gold("b", 1, "spam", 2)
    assert fingerprint([one, two]) == fingerprint([two, one])
    assert fingerprint([one]) != fingerprint([one, two])
    assert fingerprint([one]) != fingerprint([Gold("a", 0, "spam", 1)])
    assert fingerprint([Gold("a", 0, "ham", 9)]) == fingerprint([one])
