"""Doubts of the model and of the labelled samples near by, together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import neighbours
from mlvajra_al.learning.doubts import binary_doubt
from mlvajra_al.learning.multilabel import OneVsRest
from mlvajra_al.learning.neighbours import HALF, SHARE, heeded
from mlvajra_al.learning.selectors import Choice, Known
from mlvajra_al.learning.utilities import margin

RNG = np.random.default_rng(0)
KNOWN = np.concatenate([RNG.normal(-3, 1, (30, 2)), RNG.normal(3, 1, (30, 2))])
LABELS = np.repeat(["left", "right"], 30)
MODEL = LogisticRegression().fit(KNOWN, LABELS)
POOL = RNG.normal(0, 4, (200, 2))


def choice(X=POOL, known=KNOWN, labels=LABELS, model=MODEL) -> Choice:
    doubts = margin(model.predict_proba(X))
    return Choice(X, np.arange(len(doubts)), doubts, 2, Known(known, labels), model)


def heed(given: Choice) -> np.ndarray:
    return heeded(given, margin, rng=np.random.default_rng(0)).utilities


def test_without_labels_the_model_doubts_alone() -> None:
    alone = choice(labels=None)
    assert heeded(alone, margin, rng=RNG) is alone
    nobody = replace(choice(), known=Known())
    assert heeded(nobody, margin, rng=RNG) is nobody
    nothing = replace(choice(), candidates=np.arange(0), utilities=np.empty(0))
    assert heeded(nothing, margin, rng=RNG) is nothing


def test_what_was_given_is_left_as_it_was() -> None:
    given = choice()
    before = given.utilities.copy()
    assert np.abs(heed(given) - before).max() > 0.01
    assert np.array_equal(given.utilities, before)


def test_beside_one_of_the_other_label_a_sure_model_is_doubted() -> None:
    odd = np.vstack([KNOWN, [[6.0, 6.0]]])
    given = choice(np.array([[6.0, 6.1], [-6.0, -6.0]]), odd, np.append(LABELS, "left"))
    share = SHARE * 61 / (61 + HALF)
    near, far = heed(given)
    assert near == pytest.approx(2 * share, abs=0.01)
    assert far < 0.01


def test_the_order_of_the_pool_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(len(POOL))
    assert heed(choice(POOL[order])) == pytest.approx(heed(choice())[order], abs=1e-6)


def test_sparse_rows_are_compared_too() -> None:
    rows = sparse.random(80, 40, density=0.2, random_state=0, format="csr", dtype=np.float32)
    labels = np.where(np.arange(30) % 2, "a", "b")
    model = LogisticRegression().fit(rows[:30], labels)
    found = heed(choice(rows[30:], rows[:30], labels, model))
    assert np.isfinite(found).all() and ((0 <= found) & (found <= 1)).all()


def test_only_the_most_doubtful_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "AMONG", 20)
    monkeypatch.setattr(neighbours, "SHORTLIST", 1)
    given = choice()
    changed = heed(given) != given.utilities
    assert 0 < changed.sum() <= 20
    assert given.utilities[changed].min() >= np.sort(given.utilities)[-20]


def test_a_label_the_model_does_not_know_and_copies_disturb_nobody() -> None:
    strange = choice(labels=np.repeat(["left", "new"], 30))
    assert np.isfinite(heed(strange)).all()
    copies = choice(np.zeros((50, 2)), np.zeros((60, 2)))
    assert np.ptp(heed(copies)) == pytest.approx(0, abs=1e-9)
    unknown = choice(labels=np.repeat("new", 60))
    assert heed(unknown) == pytest.approx(unknown.utilities, abs=1e-6)


def test_of_several_labels_each_is_doubted_by_both() -> None:
    given = np.stack([LABELS == "right", LABELS == "left"], axis=1)
    model = OneVsRest(LogisticRegression()).fit(KNOWN, given)
    odd = np.vstack([KNOWN, [[6.0, 6.0]]])
    sets = np.vstack([given, [[False, False]]])
    X = np.array([[6.0, 6.1], [-6.0, -6.0]])
    doubts = binary_doubt(model.predict_proba(X))
    asked = Choice(X, np.arange(2), doubts, 1, Known(odd, sets), model)
    near, far = heeded(asked, binary_doubt, rng=np.random.default_rng(0)).utilities
    assert near - doubts[0] > 0.3 and far == pytest.approx(doubts[1] * 0.8, abs=0.02)


def test_many_rows_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = heed(choice())
    monkeypatch.setattr(neighbours, "BLOCK", 28)
    assert heed(choice()) == pytest.approx(whole)
