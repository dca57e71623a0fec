"""People sign in under the names they chose, in every alphabet, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlvajra_al.errors import BadPassword, Conflict
from mlvajra_al.services import people, sessions
from mlvajra_al.store.database import Store
from tests.factories import NOW

SECRET = "correct horse battery staple"
DAY = timedelta(days=1)


def add(store: Store, name: str) -> None:
    people.add(store, None, name=name, role="annotator", password=SECRET, now=NOW)


@pytest.mark.parametrize("typed", ["Élise", "E\u0301lise", " Élise "])
def test_a_name_with_an_accented_capital_signs_in(store: Store, typed: str) -> None:
    add(store, "Élise")
    assert sessions.sign_in(store, typed, password=SECRET, now=NOW, life=DAY)


def test_two_ways_of_typing_an_accent_are_one_name(store: Store) -> None:
    add(store, "José")
    with pytest.raises(Conflict, match="already"):
        add(store, "Jose\u0301")


def test_a_name_that_no_database_could_look_up_is_a_wrong_one(store: Store) -> None:
    with pytest.raises(BadPassword, match="wrong"):
        sessions.sign_in(store, "ad\x00min", password=SECRET, now=NOW, life=DAY)
