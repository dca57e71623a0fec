"""The champions one can roll back through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mlvajra_al.records import Promotion
from mlvajra_al.services.champions import before, champions, rolled_back_at, was_rolled_back
from mlvajra_al.services.versions import explanation_name
from tests.factories import NOW


def moves(*numbers: int) -> list[Promotion]:
    """Moves of the champion to versions, one a minute; to a negative one by a rollback."""
    before = [None, *map(abs, numbers)][: len(numbers)]
    return [
        Promotion(1, abs(number), previous, "Ada", "", NOW + timedelta(minutes=place), number < 0)
        for place, (number, previous) in enumerate(zip(numbers, before, strict=True))
    ]


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ((), []),
        ((1,), [1]),
        ((1, 2, 5), [1, 2, 5]),
        ((1, 2, 5, -2), [1, 2]),
        ((1, 2, 5, -2, -1), [1]),
        ((1, 2, 5, -2, 6), [1, 2, 6]),
        ((1, 2, 1), [1, 2, 1]),
        ((1, 2, 1, -2), [1, 2]),
    ],
)
def test_going_back_forgets_the_champions_that_came_after(numbers, line) -> None:
    assert champions(moves(*numbers)) == line


def test_the_champions_before_are_those_a_rollback_can_lead_to_the_last_first() -> None:
    assert before(moves(1, 2, 5)) == [2, 1]
    assert before(moves(1, 2, 1)) == [2]
    assert before(moves(1)) == before(moves()) == []


def test_who_promotes_an_earlier_version_has_not_rolled_back() -> None:
    assert rolled_back_at(moves(1, 2, 5)) is None
    assert rolled_back_at(moves(1, 2, 5, 2)) is None
    assert rolled_back_at(moves(1, 2, 5, -2, 6)) == NOW + timedelta(minutes=3)


def test_a_version_was_rolled_back_only_where_a_person_went_back_from_it() -> None:
    past = moves(1, 2, 5, -2, 6, 2)
    assert [number for number in (1, 2, 5, 6) if was_rolled_back(past, number)] == [5]


def test_a_move_that_no_person_made_is_no_rollback() -> None:
    by_itself = [replace(move, person=None) for move in moves(1, 2, 1)]
    assert rolled_back_at(by_itself) is None
    assert champions(by_itself) == [1]


def test_the_name_of_an_explanation_fits_its_column_whatever_the_key() -> None:
    assert len(explanation_name(123_456, "k" * 200)) <= 80
    assert explanation_name(1, "a") != explanation_name(1, "b") != explanation_name(1)
