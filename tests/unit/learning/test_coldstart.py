"""The first batch: varied, typical, repeatable, and quick on a wide pool."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from mlvajra_al.errors import PoolExhausted
from mlvajra_al.learning import coldstart
from mlvajra_al.learning.coldstart import compact, first_batch, has_clusters, unlike


def crowds(n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(loc=10 * i, size=(n, 4)) for i in range(5)])


@pytest.mark.parametrize("kind", ["kmeans", "typiclust", "auto"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_a_batch_takes_one_of_each_crowd(kind: str, form: object) -> None:
    if form is sparse.csr_matrix:
        X = sparse.csr_matrix(np.kron(np.eye(5), np.ones((40, 4))) + 0.01)
    else:
        X = crowds()
    batch = first_batch(X, 5, rng=np.random.default_rng(0), kind=kind)
    assert sorted(position // 40 for position in batch) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["kmeans", "typiclust"])
def test_the_same_seed_gives_the_same_batch(kind: str) -> None:
    batches = [first_batch(crowds(), 12, rng=np.random.default_rng(3), kind=kind).tolist()
               for _ in range(2)]  # fmt: skip
    assert batches[0] == batches[1]
    assert len(set(batches[0])) == 12


def test_typiclust_prefers_the_middle_of_a_crowd_to_an_outlier() -> None:
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(size=(60, 2)), [[6.0, 6.0]]])
    (chosen,) = first_batch(X, 1, rng=rng, kind="typiclust")
    assert np.linalg.norm(X[chosen]) < 1


def test_the_largest_crowd_comes_first() -> None:
    X = np.concatenate([crowds()[:10], crowds()[40:120]])
    assert first_batch(X, 3, rng=np.random.default_rng(0), kind="kmeans")[2] < 10


def test_a_pool_of_copies_still_fills_the_batch() -> None:
    batch = first_batch(np.ones((30, 3)), 8, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 8


def test_asking_for_more_than_there_is_is_refused() -> None:
    with pytest.raises(PoolExhausted):
        first_batch(crowds(), 201, rng=np.random.default_rng(0))
    assert first_batch(crowds(), 0, rng=np.random.default_rng(0)).tolist() == []


def test_of_a_large_pool_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coldstart, "SAMPLED", 50)
    batch = first_batch(crowds(), 5, rng=np.random.default_rng(0))
    assert len(set(batch.tolist())) == 5 and batch.max() < 200


def test_columns_of_very_different_scale_weigh_the_same() -> None:
    X = crowds()
    X[:, 0] *= 1e6
    assert np.allclose(compact(X, rng=np.random.default_rng(0)).std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_wide_rows_are_reduced(form: object) -> None:
    X = form(np.random.default_rng(0).random((90, 400)).astype(np.float32))
    assert compact(X, rng=np.random.default_rng(0)).shape == (90, 64)
    assert compact(X[:7], rng=np.random.default_rng(0)).shape == (7, 7)


def test_an_empty_text_is_no_reason_to_crash() -> None:
    X = sparse.csr_matrix((20, 300), dtype=np.float32)
    assert len(first_batch(X, 4, rng=np.random.default_rng(0))) == 4


def test_digits_first_batch_shows_more_digits_than_a_random_one() -> None:
    digits = load_digits()
    X = (digits.data / 16).astype(np.float32)

    def kinds(positions: np.ndarray) -> int:
        return len(set(digits.target[positions].tolist()))

    ours = [kinds(first_batch(X, 10, rng=np.random.default_rng(s))) for s in range(3)]
    rng = np.random.default_rng(0)
    drawn = [kinds(rng.choice(len(X), 10, replace=False)) for _ in range(3)]
    assert sum(ours) > sum(drawn)


def test_a_pool_like_the_spam_one_takes_about_a_second() -> None:
    rng = np.random.default_rng(0)
    X = sparse.random(5710, 40_000, density=0.003, format="csr", dtype=np.float32, rng=rng)
    started = time.process_time()
    first_batch(X, 20, rng=rng)
    assert time.process_time() - started < 2


def test_outliers_do_not_fill_the_first_batch() -> None:
    rng = np.random.default_rng(1)
    far = rng.normal(size=(10, 4)) * 500
    batch = first_batch(np.concatenate([crowds(), far]), 5, rng=np.random.default_rng(0))
    assert np.count_nonzero(batch < 200) >= 4


def test_what_is_unlike_the_labelled_lies_in_other_crowds() -> None:
    X = crowds()
    picked = unlike(X, 4, rng=np.random.default_rng(0), known=X[:20])
    assert set(picked // 40) >= {3, 4} and 0 not in picked // 40
    assert len(set(picked.tolist())) == 4


@pytest.mark.parametrize("n", [0, 1, 6])
def test_copies_of_the_labelled_are_each_picked_once(n: int) -> None:
    same = np.ones((6, 3))
    picked = unlike(same, n, rng=np.random.default_rng(0), known=same[:1])
    assert len(set(picked.tolist())) == n


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_a_pool_without_crowds_is_not_asked_in_its_middle_alone(columns: int) -> None:
    X = np.random.default_rng(0).normal(size=(800, columns)).astype(np.float32)
    lengths = np.linalg.norm(X, axis=1)
    batches = [first_batch(X, 10, rng=np.random.default_rng(seed)) for seed in range(5)]
    outside = np.mean(lengths[np.concatenate(batches)] > np.median(lengths))
    assert 0.3 < outside < 0.8


def test_whether_there_are_crowds_does_not_change_what_is_drawn_later() -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    has_clusters(crowds().astype(np.float32), 3, rng=rng)
    assert rng.random() == other.random()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_hardly_any_rows_all_are_asked(n: int) -> None:
    batch = first_batch(np.zeros((n, 2), dtype=np.float32), n, rng=np.random.default_rng(0))
    assert sorted(batch) == list(range(n))
