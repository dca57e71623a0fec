"""Rows in files are read ahead and let go of, and stay what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import mapped as module
from mlvajra_al.learning import scanning
from mlvajra_al.learning.mapped import Mapping
from mlvajra_al.learning.strategies import select_batch

ROWS, COLUMNS = 200_000, 32


@pytest.fixture(autouse=True)
def _any_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 1_000)


def mapped(folder: Path, name: str, values: np.ndarray, mode: str = "r") -> np.ndarray:
    path = folder / name
    values.tofile(path)
    return np.memmap(path, dtype=values.dtype, mode=mode, shape=values.shape)


def dense(folder: Path, mode: str = "r") -> np.ndarray:
    rng = np.random.default_rng(0)
    return mapped(folder, "dense", rng.random((ROWS, COLUMNS), dtype=np.float32), mode)


def in_memory(X: np.ndarray) -> int:
    """Return the kilobytes of a mapped file that this process holds."""
    name, found, size = str(X.filename), False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:
            found = line.endswith(name)
        elif found and line.startswith("Rss:"):
            size += int(line.split()[1])
    return size


def model(X) -> LogisticRegression:
    rows = X[:200]
    totals = np.asarray(rows.sum(axis=1)).ravel()
    return LogisticRegression().fit(rows, totals > np.median(totals))


def test_a_scan_holds_pieces_of_a_file_and_not_all_of_it(tmp_path: Path, monkeypatch) -> None:
    X = dense(tmp_path)
    monkeypatch.setattr(scanning, "CHUNK", 1_000)
    whole = ROWS * COLUMNS * 4 // 1_024
    np.asarray(X).sum()
    assert in_memory(X) >= whole
    found = select_batch(model(X), X, strategy="margin", rng=np.random.default_rng(0))
    Mapping(X).release(0, ROWS)  # of the last few that were looked at singly
    assert in_memory(X) < whole / 4
    copy = np.array(X)
    again = select_batch(model(copy), copy, strategy="margin", rng=np.random.default_rng(0))
    assert found.tolist() == again.tolist()


@pytest.mark.parametrize("view", [np.asarray, lambda X: X[5:], lambda X: np.asarray(X)[7:300]])
def test_views_of_a_mapped_file_are_known_by_where_they_begin(tmp_path: Path, view) -> None:
    X = view(dense(tmp_path))
    before = X.copy()
    mapping = Mapping(X)
    assert len(mapping.files) == 1
    mapping.want(0, len(X))
    mapping.release(0, len(X))
    mapping.release(3, 4)
    assert np.array_equal(X, before)


def test_what_was_written_to_a_mapped_file_is_not_lost(tmp_path: Path) -> None:
    X = dense(tmp_path, mode="r+")
    X[:] = 3
    Mapping(X).release(0, ROWS)
    assert (X == 3).all()


def test_changes_that_only_this_process_sees_are_left_alone(tmp_path: Path) -> None:
    X = dense(tmp_path, mode="c")
    X[:] = 3
    mapping = Mapping(np.asarray(X))
    mapping.release(0, ROWS)
    assert mapping.files == [] and (X == 3).all()


@pytest.mark.parametrize("X", [np.ones((4, 2)), np.ones((4, 2))[:, :1], [[1.0]], sparse.eye(3)])
def test_rows_in_memory_lie_in_no_file(X) -> None:
    assert Mapping(X).files == []


def test_columns_of_a_mapped_file_are_no_rows_of_it(tmp_path: Path) -> None:
    assert Mapping(np.asarray(dense(tmp_path))[:, :3]).files == []


def test_values_and_columns_of_sparse_rows_are_let_go_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    terms = np.sort(rng.integers(0, 300, size=(ROWS, 16), dtype=np.int32), axis=1)
    values = rng.random(terms.size, dtype=np.float32)
    made = sparse.csr_matrix((values, terms.ravel(), np.arange(ROWS + 1) * 16), (ROWS, 300))
    data = mapped(tmp_path, "data", made.data)
    indices = mapped(tmp_path, "indices", made.indices)
    X = sparse.csr_matrix((data, indices, made.indptr), made.shape, copy=False)
    assert len(Mapping(X).files) == 2
    found = select_batch(model(X), X, strategy="margin", rng=np.random.default_rng(0))
    Mapping(X).release(0, ROWS)  # of the last few that were looked at singly
    assert in_memory(data) + in_memory(indices) < made.data.nbytes // 1_024 // 2
    again = select_batch(model(made), made, strategy="margin", rng=np.random.default_rng(0))
    assert found.tolist() == again.tolist()
