"""Label sets: keys that fit their names, and no two labels that could be taken for each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlvajra_al.errors import Invalid
from mlvajra_al.services.label_sets import check_labels, make_labels


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Ham"}, "two labels are stored as 'ham'; give each its own"),
        ({"key": "1"}, "two labels have the key '1': 'ham' and 'spam'; give each its own"),
        ({"key": "12"}, "the key '12' of 'spam' cannot be a label's; use one of 1"),
        ({"key": "qw"}, "the key 'qw' of 'spam' cannot be a label's"),
        ({"key": ""}, "the key '' of 'spam' cannot be a label's"),
        ({"key": "u"}, "the key 'u' of 'spam' cannot be a label's; use one of 1"),
        ({"color": "red"}, "cannot be read; write # and six of 0 to 9 and a to f"),
        ({"display": "HAM"}, "two labels are shown as 'ham': 'ham' and 'spam'; give each its own"),
        ({"display": " Ham"}, "two labels are shown as 'ham'"),
        ({"display": "h\u200bam"}, "two labels are shown as 'ham'"),
        ({"display": " "}, "something to show"),
        ({"display": "\u200b"}, "something to show"),
    ],
)
def test_labels_must_be_told_apart(change: dict[str, str], words: str) -> None:
    ham, spam = make_labels(["ham", "spam"])
    with pytest.raises(Invalid, match=words):
        check_labels((ham, replace(spam, **change)))


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        ([*"0123456789"], [*"0123456789"]),
        (["ham", "spam", "eggs"], ["1", "2", "3"]),
        (["0", "1", "unclear"], ["0", "1", "2"]),
        (["unclear", "2", "1"], ["3", "2", "1"]),
        (["Y", "N", "s", "é"], ["y", "n", "1", "2"]),
    ],
)
def test_a_label_that_can_be_a_key_is_its_own(names: list[str], keys: list[str]) -> None:
    assert [label.key for label in make_labels(names)] == keys


def test_too_many_labels_are_counted_not_given_keys_that_are_taken() -> None:
    with pytest.raises(Invalid, match="2 to 32 labels but got 40"):
        make_labels([f"label {n}" for n in range(40)])


def test_one_label_is_no_question() -> None:
    with pytest.raises(Invalid, match="at least two"):
        make_labels(["ham", " "])
