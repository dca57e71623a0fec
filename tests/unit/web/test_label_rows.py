"""What is typed into the label editor becomes a label set."""

from __future__ import annotations

import math

import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.services.projects import PALETTE, check_labels
from mlvajra_al.web.label_rows import to_labels


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
    labels = to_labels([a_row(f"label {place}") for place in range(20)])
    assert len({label.key for label in labels}) == 20
    check_labels(labels)
