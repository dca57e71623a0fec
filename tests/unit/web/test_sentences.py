"""An error is a sentence wherever it is shown."""

from __future__ import annotations

import pytest

from mlvajra_al.errors import BadSource, NotFound
from mlvajra_al.web.sentences import sentence


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            NotFound("project", "x"),
            "There is no project 'x'; check the name or pick one from the list.",
        ),
        (
            BadSource("mine.csv", "is empty", "choose another"),
            "mine.csv: is empty; choose another.",
        ),
        ("is this one?", "Is this one?"),
        (KeyError(), "KeyError."),
    ],
)
def test_an_error_is_shown_as_a_sentence(error: object, words: str) -> None:
    assert sentence(error) == words
