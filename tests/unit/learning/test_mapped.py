"""Rows in large files are read piece by piece, and are what they are in memory."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from mlvajra_al.learning import mapped as module
from mlvajra_al.learning import scanning
from mlvajra_al.learning.mapped import Mapping
from mlvajra_al.learning.rows import take
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
    fitted = model(np.array(X[:200]))
    X.base.madvise(mmap.MADV_DONTNEED)
    found = select_batch(fitted, X, strategy="margin", rng=np.random.default_rng(0))
    assert in_memory(X) < ROWS * COLUMNS * 4 // 1_024 // 20
    copy = np.array(X)
    again = select_batch(fitted, copy, strategy="margin", rng=np.random.default_rng(0))
    assert found.tolist() == again.tolist()


POSITIONS = [[3, 4, 5, 9], [9, 2, 2, 3], [-1, 0], [], np.array([0, 290])]


@pytest.mark.parametrize("view", [np.asarray, lambda X: X[5:], lambda X: np.asarray(X)[7:300]])
def test_rows_of_a_mapped_file_are_read_from_where_they_begin(tmp_path: Path, view) -> None:
    X = view(dense(tmp_path))
    mapping = Mapping.of(X)
    assert mapping is not None
    assert np.array_equal(mapping.read(3, 200), X[3:200])
    for positions in POSITIONS:
        at = np.asarray(positions, dtype=np.intp)
        assert np.array_equal(mapping.gather(at), X[at])
    among = np.arange(len(X)) % 7 == 0
    assert np.array_equal(mapping.gather(among), X[among])


def test_spare_memory_is_used_again_where_it_is_large_enough(tmp_path: Path) -> None:
    X = dense(tmp_path)
    mapping, spare = Mapping.of(X), {}
    first = mapping.read(0, 100, spare)
    shorter = mapping.read(50, 120, spare)
    assert np.shares_memory(first, shorter) and np.array_equal(shorter, X[50:120])
    longer = mapping.read(0, 101, spare)
    assert not np.shares_memory(first, longer) and np.array_equal(longer, X[:101])


def test_what_was_written_to_a_mapped_file_is_read(tmp_path: Path) -> None:
    X = dense(tmp_path, mode="r+")
    X[:] = 3
    assert (Mapping.of(X).read(0, ROWS) == 3).all() and (X == 3).all()


def test_changes_that_only_this_process_sees_are_left_alone(tmp_path: Path) -> None:
    X = dense(tmp_path, mode="c")
    X[:] = 3
    assert Mapping.of(np.asarray(X)) is None


@pytest.mark.parametrize("X", [np.ones((400, 2)), np.ones((400, 2))[:, :1], [[1.0]], sparse.eye(3)])
def test_rows_in_memory_lie_in_no_file(X) -> None:
    assert Mapping.of(X) is None


def test_columns_of_a_mapped_file_are_no_rows_of_it(tmp_path: Path) -> None:
    assert Mapping.of(np.asarray(dense(tmp_path))[:, :3]) is None


def test_what_is_mapped_of_a_file_that_has_gone_is_used(tmp_path: Path) -> None:
    X = dense(tmp_path)
    (tmp_path / "dense").unlink()
    assert Mapping.of(X) is None
    assert take(X, [1, 2]).shape == (2, COLUMNS)


def test_a_file_that_was_cut_meanwhile_is_named(tmp_path: Path) -> None:
    X = dense(tmp_path)
    mapping = Mapping.of(X)
    os.truncate(tmp_path / "dense", 1_000)
    with pytest.raises(EOFError, match=r"dense ends at 1,000 bytes; 11,800 more were needed"):
        mapping.read(0, 100)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """Rows that begin at an odd byte of a file that goes on behind them, and the same in memory."""
    path = tmp_path_factory.mktemp("rows") / "some"
    kept = np.random.default_rng(0).random((60, 5))
    path.write_bytes(b"odd" + kept.tobytes() + b"more")
    return np.memmap(path, kept.dtype, "r", 3, kept.shape), kept


@given(st.lists(st.integers(-60, 59)))
def test_rows_at_any_positions_are_what_they_are_in_memory(some, positions: list[int]) -> None:
    X, kept = some
    assert np.array_equal(Mapping.of(X).gather(positions), kept[positions])


@settings(max_examples=20)
@given(st.lists(st.integers(0, 59), unique=True), st.booleans(), st.integers(1, 9))
def test_scores_of_any_candidates_are_what_they_are_in_memory(
    some, candidates: list[int], ordered: bool, chunk: int
) -> None:
    """A score that is a view of what was lent is kept before that is written over."""
    X, kept = some
    at = np.array(sorted(candidates) if ordered else candidates, dtype=np.intp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "CHUNK", chunk)
        found = scanning.scan(lambda rows: rows[:, 0], None, X, at)
    assert np.array_equal(found, kept[at, 0])


KINDS = [np.int8([-1, 100]), np.uint8([200, 3]), np.uint64([3, 4, 9]), [[1, 2], [4, 3]], range(3)]


@pytest.mark.parametrize("positions", KINDS, ids=str)
def test_positions_of_any_kind_mean_what_they_mean_in_memory(tmp_path: Path, positions) -> None:
    X = dense(tmp_path)
    assert np.array_equal(take(X, positions), np.array(X)[positions])


@pytest.mark.parametrize("positions", [[0, 300], [-301], [2.0], [True], np.array([])], ids=str)
def test_what_is_no_row_is_refused_and_not_read_from_beside(tmp_path: Path, positions) -> None:
    X = dense(tmp_path)[100:400]
    assert Mapping.of(X) is not None
    with pytest.raises(IndexError):
        take(X, positions)
    values = mapped(tmp_path, "values", np.ones(900, dtype=np.float32))
    columns = mapped(tmp_path, "columns", np.tile(np.arange(3, dtype=np.int32), 300))
    rows = sparse.csr_matrix((values, columns, np.arange(301) * 3), (300, 3), copy=False)
    assert Mapping.of(rows) is not None
    with pytest.raises(IndexError):
        take(rows, positions)


def test_a_system_that_takes_no_advice_about_files_reads_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delattr(os, "posix_fadvise")
    X = dense(tmp_path)
    assert np.array_equal(Mapping.of(X).read(3, 9), X[3:9])


def test_what_is_mapped_of_a_file_that_may_not_be_opened_is_used(
    tmp_path: Path, monkeypatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    X = dense(tmp_path)
    monkeypatch.setattr(os, "open", refuse)
    assert Mapping.of(X) is None
    assert take(X, [1, 2]).shape == (2, COLUMNS)


def test_values_and_columns_of_sparse_rows_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    terms = np.sort(rng.integers(0, 300, size=(ROWS, 16), dtype=np.int32), axis=1)
    values = rng.random(terms.size, dtype=np.float32)
    ends = np.minimum(np.arange(ROWS + 1) * 17, terms.size)  # the last rows are empty
    made = sparse.csr_matrix((values, terms.ravel(), ends), (ROWS, 300))
    data = mapped(tmp_path, "data", made.data)
    indices = mapped(tmp_path, "indices", made.indices)
    X = sparse.csr_matrix((data, indices, made.indptr), made.shape, copy=False)
    mapping = Mapping.of(X)
    assert mapping is not None and len(mapping.files) == 2
    fitted = model(made)
    data.base.madvise(mmap.MADV_DONTNEED)
    found = select_batch(fitted, X, strategy="margin", rng=np.random.default_rng(0))
    assert in_memory(data) + in_memory(indices) < made.data.nbytes // 1_024 // 4
    again = select_batch(fitted, made, strategy="margin", rng=np.random.default_rng(0))
    assert found.tolist() == again.tolist()
    for positions in [*POSITIONS, [ROWS - 1, 5]]:
        at = np.asarray(positions, dtype=np.intp)
        assert (mapping.gather(at) != made[at]).nnz == 0
