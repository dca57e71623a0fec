"""Which answer counts where somebody was asked for a second opinion."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mlvajra_al.services.resolving import resolve
from mlvajra_al.store.doubts import SECOND_OPINION


@dataclass
class Said:
    """An answer as the log has it."""

    label: str
    seq: int = 0
    first_seq: int = 0
    adjudicates: bool = False
    strategy: str | None = "margin"
    holdout: bool = False
    sample_key: str = "s"
    position: int = 7


def gold(*answers: Said, overlap: int = 1) -> str | None:
    rows = [
        Said(a.label, seq=n, first_seq=a.first_seq or n, adjudicates=a.adjudicates,
             strategy=a.strategy)
        for n, a in enumerate(answers, start=1)
    ]  # fmt: skip
    pool, held = resolve(rows, overlap=overlap)
    assert not held
    return pool[0].label if pool else None


def second(label: str) -> Said:
    return Said(label, strategy=SECOND_OPINION)


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        ([Said("ham")], "ham"),
        ([Said("ham"), Said("spam")], "ham"),
        ([Said("ham"), second("spam")], "spam"),
        ([Said("ham"), second("ham")], "ham"),
        ([Said("ham"), second("spam"), second("ham")], "ham"),
        ([Said("ham"), second("spam"), second("spam")], "spam"),
        ([Said("ham"), second("spam"), second("eggs")], "eggs"),
        ([Said("ham"), Said("spam"), Said("spam")], "spam"),
        ([Said("ham"), second("spam"), Said("ham", adjudicates=True)], "ham"),
        ([Said("ham", adjudicates=True), second("spam"), second("spam")], "ham"),
        ([second("spam")], "spam"),
    ],
)
def test_with_one_answer_wanted(answers: list[Said], label: str) -> None:
    assert gold(*answers) == label


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        ([Said("ham")], "ham"),
        ([Said("ham"), Said("spam")], None),
        ([Said("ham"), Said("spam"), second("spam")], "spam"),
        ([Said("ham"), Said("spam"), second("eggs")], None),
        ([Said("ham"), Said("spam"), Said("eggs", adjudicates=True)], "eggs"),
    ],
)
def test_with_several_answers_wanted(answers: list[Said], label: str | None) -> None:
    assert gold(*answers, overlap=2) == label


def test_a_correction_keeps_its_turn() -> None:
    corrected = Said("eggs", first_seq=1)
    assert gold(Said("spam", first_seq=2), corrected) == "eggs"


def test_held_out_samples_go_to_their_side() -> None:
    pool, held = resolve([Said("ham", seq=1, first_seq=1, holdout=True)], overlap=1)
    assert pool == []
    assert [item.label for item in held] == ["ham"]
