"""Scoring a pool in pieces gives what scoring it at once would."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import scanning
from mlvajra_al.learning.rows import cut
from mlvajra_al.learning.scanning import Reader, chunks, length, scan

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


def test_a_failure_in_a_thread_is_told() -> None:
    def fail(rows: np.ndarray) -> np.ndarray:
        raise ValueError("this model cannot be asked")

    many = np.zeros((3 * scanning.CHUNK, 1))
    with pytest.raises(ValueError, match="cannot be asked"):
        scan(fail, LogisticRegression(), many, np.arange(len(many)))


def test_two_threads_share_the_pieces_of_a_model_that_scikit_learn_made() -> None:
    seen = set()

    def score(rows: np.ndarray) -> np.ndarray:
        seen.add(threading.get_ident())
        barrier.wait()
        return rows[:, 0]

    many, barrier = np.arange(2.0 * scanning.CHUNK)[:, None], threading.Barrier(2, timeout=20)
    found = scan(score, LogisticRegression(), many, np.arange(len(many)))
    assert len(seen) == 2 and (found == many[:, 0]).all()


def test_a_model_of_unknown_make_is_asked_by_one_thread() -> None:
    seen = set()

    def score(rows: np.ndarray) -> np.ndarray:
        seen.add(threading.get_ident())
        return rows[:, 0]

    many = np.zeros((3 * scanning.CHUNK, 1))
    scan(score, object(), many, np.arange(len(many)))
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize(
    ("wanted", "gaps", "lent"),
    [
        ([2, 3, 4], 1.0, [2, 3, 4]),
        ([2, 4, 5], 1.0, [2, 4, 5]),
        ([2, 4, 5], 1.5, [2, 3, 4, 5]),
        ([2, 6, 7], 1.5, [2, 6, 7]),
        ([4, 3, 5], 1.5, [4, 3, 5]),
        ([3, 3, 5], 1.5, [3, 3, 5]),
        ([], 1.5, []),
    ],
)
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_rows_with_few_gaps_are_lent_whole(wanted, gaps, lent, form) -> None:
    with Reader(FORMS[form], gaps=gaps).lent(np.array(wanted, dtype=int)) as (rows, places):
        assert (first(rows) == X[lent, 0]).all()
        assert (first(rows)[places] == X[wanted, 0]).all()


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_rows_that_are_cut_share_memory_with_the_pool(form: str) -> None:
    part, whole = cut(FORMS[form], 3, 6), FORMS[form]
    assert (first(part) == X[3:6, 0]).all()
    one, other = (part.data, whole.data) if form == "sparse" else (part, whole)
    assert np.shares_memory(one, other)


@pytest.mark.parametrize("form", FORMS)
def test_chunks_are_all_candidates_in_order(form: str, monkeypatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", 3)
    parts = chunks(FORMS[form], np.array([1, 2, 3, 5, 9, 8]))
    assert np.concatenate([first(rows) for rows in parts]).tolist() == [2, 4, 6, 10, 18, 16]


def test_a_pool_in_columns_is_scored_by_rows() -> None:
    by_columns = sparse.csc_matrix(X)
    assert scan(first, None, by_columns, np.arange(10)).tolist() == X[:, 0].tolist()
