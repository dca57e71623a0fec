"""Expected error: try labels out, and ask for the one that helps most."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import refitting
from mlvajra_al.learning.refitting import expected_error
from mlvajra_al.learning.selectors import Choice, Known

KNOWN = np.array([[-5.0, 0.0], [5.0, 0.0]])
CROWD = np.column_stack([np.full(40, 0.4), np.linspace(4, 6, 40)])
LONE = np.array([[0.0, -60.0]])


def choice(X: np.ndarray, utilities: np.ndarray) -> Choice:
    y = np.array(["a", "b"])
    model = LogisticRegression().fit(KNOWN, y)
    return Choice(X, np.arange(len(X)), utilities, 1, Known(KNOWN, y), model)


def test_one_that_stands_for_many_is_asked_before_the_most_doubtful_loner() -> None:
    X = np.concatenate([LONE, CROWD])
    utilities = np.concatenate([[1.0], np.linspace(0.8, 0.9, 40)])
    assert expected_error(choice(X, utilities), 1, np.random.default_rng(0))[0] != 0


@pytest.mark.parametrize("n", [0, 1, 2, 16, 17, 40])
def test_what_is_not_tried_waits_behind_in_its_order(n: int, monkeypatch) -> None:
    monkeypatch.setattr(refitting, "TRIED", 3)
    utilities = np.linspace(0, 1, 40)
    order = expected_error(choice(CROWD, utilities), n, np.random.default_rng(0))
    assert len(order) == len(set(order.tolist())) == n
    assert set(order[:3]) <= {37, 38, 39}
    assert (np.diff(utilities[order[3:]]) < 0).all()


def test_one_candidate_needs_no_trial() -> None:
    alone = choice(CROWD[:1], np.ones(1))
    assert expected_error(alone, 1, np.random.default_rng(0)).tolist() == [0]
