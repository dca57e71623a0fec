"""What is not found says where to look for what there is."""

from __future__ import annotations

import pytest

from mlvajra_al.errors import NotFound


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("project", "x", "there is no project 'x'; check the name or pick one from the list"),
        (
            "version",
            99,
            "there is no version 99; the page Versions and 'mlvajra versions PROJECT' show which "
            "there are",
        ),
        (
            "examination of",
            "mail",
            "there is no examination of 'mail'; labels are looked at after each version from 50 "
            "labels on",
        ),
        (
            "advice of version",
            3,
            "there is no advice of version 3; it is made with each new version; retrain to get one",
        ),
        ("link with", "https://a.b", "there is no link with 'https://a.b'; check it"),
    ],
)
def test_each_kind_has_a_remedy_of_its_own(kind: str, name: object, words: str) -> None:
    assert str(NotFound(kind, name)) == words
