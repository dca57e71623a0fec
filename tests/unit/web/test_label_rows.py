"""What is typed into the label editor becomes a label set."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.services.label_sets import MAX_LABELS, PALETTE, check_labels
from mlvajra_al.web.label_rows import to_labels
from mlvajra_al.web.options import OPTIONS
from tests.contrast import ENOUGH, SEEN, colour, contrast, oklab

TOLD_APART = 0.09
"""Distance of colours; twice that of the two violets that were taken for each other."""


def a_row(name: object, **cells: object) -> dict[str, object]:
    empty = dict.fromkeys(("Shown as", "Key", "Colour", "Definition"))
    return {"Stored as": name, **empty, **cells}


HAM = a_row("ham", **{"Shown as": "Ham", "Key": "1", "Colour": PALETTE[0], "Definition": "fine"})


def test_a_new_row_gets_a_key_and_a_colour_that_nobody_has() -> None:
    ham, spam = to_labels([HAM, a_row("spam")])
    assert (ham.key, ham.color, ham.definition) == ("1", PALETTE[0], "fine")
    assert (spam.key, spam.color, spam.display) == ("2", PALETTE[1], "spam")
    check_labels([ham, spam])


def test_a_new_row_of_one_character_gets_it_as_its_key_unless_another_label_has_it() -> None:
    ham, zero, one, other = to_labels([HAM, a_row("0"), a_row("1"), a_row("other")])
    assert [label.key for label in (ham, zero, one, other)] == ["1", "0", "2", "3"]
    check_labels([ham, zero, one, other])


def test_a_colour_that_was_picked_goes_before_that_of_the_row() -> None:
    ham, spam, new = to_labels([HAM, a_row("spam"), a_row("new")], {"ham": "#123456"})
    assert [ham.color, spam.color, new.color] == ["#123456", *PALETTE[:2]]


def test_empty_rows_are_left_out_whatever_they_are_made_of() -> None:
    rows = [HAM, a_row(None), a_row(math.nan), a_row("  ")]
    assert [label.name for label in to_labels(rows)] == ["ham"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"Key": "1"}, "two labels have the key '1': 'ham' and 'spam'; give each its own"),
        ({"Stored as": "Ham"}, "two labels are stored as 'ham'; give each its own"),
        (
            {"Shown as": " ham"},
            "two labels are shown as 'ham': 'ham' and 'spam'; give each its own",
        ),
    ],
)
def test_two_labels_that_are_alike_are_refused_in_one_sentence(
    cells: dict[str, str], words: str
) -> None:
    typed = to_labels([HAM, a_row("spam") | cells])
    with pytest.raises(Invalid) as refused:
        check_labels(typed)
    assert str(refused.value) == words


def test_many_new_labels_have_keys_of_their_own_and_share_colours_when_they_run_out() -> None:
    labels = to_labels([a_row(f"label {place}") for place in range(MAX_LABELS)])
    assert len({label.key for label in labels}) == MAX_LABELS
    assert len({label.color for label in labels}) == len(PALETTE) < MAX_LABELS
    check_labels(labels)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_of_a_label_is_seen_on_light_and_on_dark(theme: str) -> None:
    below = colour(OPTIONS[f"theme.{theme}.backgroundColor"])
    assert min(contrast(colour(one), below) for one in PALETTE) >= SEEN


@pytest.mark.parametrize("below", PALETTE)
def test_a_key_can_be_read_on_the_colour_of_its_label(below: str) -> None:
    assert max(contrast(colour(ink), colour(below)) for ink in ("#ffffff", "#111111")) >= ENOUGH


def test_at_least_twenty_labels_have_colours_that_nobody_takes_for_each_other() -> None:
    apart = [math.dist(oklab(one), oklab(other)) for one, other in combinations(PALETTE, 2)]
    assert len(PALETTE) >= 20 and min(apart) >= TOLD_APART
