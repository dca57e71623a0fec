"""Scoring a pool in pieces gives what scoring it at once would."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mlvajra_al.learning import scanning
from mlvajra_al.learning.scanning import length, scan

X = np.arange(20.0).reshape(10, 2)
FORMS = {"dense": X, "sparse": sparse.csr_matrix(X), "frame": pd.DataFrame(X), "list": X.tolist()}


def first(rows: object) -> np.ndarray:
    dense = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    return dense[:, 0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunk", [1, 3, 10, 99])
@pytest.mark.parametrize("candidates", [np.arange(10), np.array([7, 2, 5]), np.array([], int)])
def test_pieces_of_any_size_give_the_same(form, chunk, candidates, monkeypatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", chunk)
    assert length(FORMS[form]) == 10
    assert scan(first, None, FORMS[form], candidates).tolist() == X[candidates, 0].tolist()


def test_what_is_no_number_scores_nothing() -> None:
    scores = scan(lambda rows: np.array([np.nan, 2.0]), None, X[:2], np.arange(2))
    assert scores.tolist() == [0, 2]
