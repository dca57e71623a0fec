"""Which samples of a holdout a version has wrong, and how sure it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlvajra_al.records import Gold
from mlvajra_al.services.jobs.scoring import Holdout
from mlvajra_al.services.label_sets import make_labels
from tests.factories import a_draft

PROJECT = replace(a_draft(), labels=make_labels(["art", "money", "sport"]))


def held(*labels: str) -> Holdout:
    gold = tuple(Gold(f"p{at}", at, label, at + 1) for at, label in enumerate(labels))
    return Holdout(gold, (3, 3, 0), 9)


def test_the_surest_mistakes_come_first_and_what_is_right_does_not() -> None:
    p = np.array([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    wrong = held("art", "money", "money").mistakes(p, PROJECT)
    assert [(m.sample_key, m.label, m.answered, m.probability) for m in wrong] == [
        ("p2", "money", "sport", 0.7),
        ("p1", "money", "art", 0.5),
    ]


def test_of_several_labels_the_surest_wrong_one_counts() -> None:
    several = replace(PROJECT, multilabel=True)
    p = np.array([[0.9, 0.2, 0.1], [0.9, 0.6, 0.1], [0.1, 0.2, 0.3]])
    wrong = held('["art"]', '["money"]', '["art","sport"]').mistakes(p, several)
    assert [(m.sample_key, m.answered, m.probability) for m in wrong] == [
        ("p1", '["art","money"]', 0.9),
        ("p2", "[]", 0.9),
    ]
