"""Features are stored completely or not at all, and come back as they were."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from scipy import sparse

from mlvajra_al.errors import Damaged
from mlvajra_al.store import features

DENSE = np.arange(12, dtype=np.float32).reshape(6, 2)
SPARSE = sparse.random_array(
    (6, 5), density=0.4, format="csr", dtype=np.float32, rng=np.random.default_rng(0)
)
SPARSE = sparse.csr_matrix(SPARSE)


def as_dense(matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


@pytest.mark.parametrize("matrix", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_batches_come_back_as_one_matrix(tmp_path: Path, matrix) -> None:
    place = features.folder(tmp_path, 1, "abc")
    assert features.load(place, rows=1) is None
    assert features.append(place, lambda _: [matrix[:4], matrix[4:]]) == 6
    loaded = features.load(place, rows=6)
    assert sparse.issparse(loaded) == sparse.issparse(matrix)
    assert np.array_equal(as_dense(loaded), as_dense(matrix))


@pytest.mark.parametrize("matrix", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_later_samples_are_added_behind(tmp_path: Path, matrix) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [matrix[:4]])
    early = features.load(place, rows=4)
    assert features.append(place, lambda _: [matrix[4:]]) == 6
    assert np.array_equal(as_dense(features.load(place, rows=6)), as_dense(matrix))
    assert np.array_equal(as_dense(features.load(place, rows=4)), as_dense(matrix[:4]))
    assert np.array_equal(as_dense(early), as_dense(matrix[:4])), "what was mapped stays"
    assert [path.name for path in place.iterdir()] == ["6"]


def test_a_row_without_any_term_is_kept(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [sparse.csr_matrix((3, 5), dtype=np.float32)])
    loaded = features.load(place, rows=3)
    assert loaded is not None and loaded.shape == (3, 5) and loaded.nnz == 0


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    def batches():
        yield DENSE
        raise RuntimeError("the disk is full")

    place = features.folder(tmp_path, 1, "abc")
    with pytest.raises(RuntimeError):
        features.append(place, lambda _: batches())
    assert list(place.iterdir()) == []
    assert features.load(place, rows=1) is None


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [DENSE])
    data = place / "6" / "data"
    data.write_bytes(data.read_bytes()[:-4])
    with pytest.raises(Damaged):
        features.load(place, rows=6)


@pytest.mark.parametrize("matrix", [DENSE, SPARSE], ids=["dense", "sparse"])
@pytest.mark.parametrize("rows", [6, 9])
def test_one_bit_is_damage_also_where_more_is_to_come(tmp_path: Path, matrix, rows: int) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [matrix])
    for name in sorted(features.check(place)["sha256"]):
        path = place / "6" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:5] + bytes([whole[5] ^ 1]) + whole[6:])
        with pytest.raises(Damaged) as caught:
            features.load(place, rows=rows)
        assert caught.value.path == str(path)
        path.write_bytes(whole)
    features.check(place)


def test_what_is_appended_has_the_checksums_of_the_whole(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [SPARSE[:4]])
    short = features.check(place)["sha256"]
    features.append(place, lambda _: [SPARSE[4:]])
    assert features.check(place)["sha256"].keys() == {"data", "indices", "indptr"} == short.keys()
    assert features.check(place)["sha256"] != short


def test_two_workers_may_store_the_same_features_at_once(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")

    def slower():
        yield DENSE
        features.append(place, lambda _: [DENSE])

    assert features.append(place, lambda _: slower()) == 6
    assert np.array_equal(features.load(place, rows=6), DENSE)
    assert [path.name for path in place.iterdir()] == ["6"]


def test_features_of_other_preprocessings_are_forgotten(tmp_path: Path) -> None:
    old, new = (features.folder(tmp_path, 1, digest) for digest in ("old", "new"))
    other = features.folder(tmp_path, 2, "old")
    for place in (old, new, other):
        features.append(place, lambda _: [DENSE])
    features.forget_others(new)
    assert features.load(old, rows=6) is None
    assert features.load(new, rows=6) is not None and features.load(other, rows=6) is not None


@pytest.mark.parametrize("matrix", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_nothing_new_leaves_what_is_stored(tmp_path: Path, matrix) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [matrix])
    assert features.append(place, lambda _: []) == 6
    assert [path.name for path in place.iterdir()] == ["6"]


def test_a_place_that_cannot_be_taken_is_told(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    place.mkdir(parents=True)
    (place / "6").write_text("a file where a folder should be")
    with pytest.raises(OSError):
        features.append(place, lambda _: [DENSE])


@pytest.mark.parametrize("meta", ["", "{}", "[]", '{"kind": "csr"}', "\x00"])
def test_a_description_that_cannot_be_read_is_damage(tmp_path: Path, meta: str) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [DENSE])
    (place / "6" / features.META).write_text(meta)
    with pytest.raises(Damaged):
        features.load(place, rows=6)


def test_who_reads_while_another_appends_finds_no_damage(tmp_path: Path) -> None:
    place, step, done = features.folder(tmp_path, 1, "abc"), 20_000, Event()
    rows = np.arange(2 * step, dtype=np.float32).reshape(step, 2)
    features.append(place, lambda _: [rows])

    def read() -> int:
        times = 0
        while not done.is_set():
            found = features.load(place, rows=step)
            assert found is not None and np.array_equal(found, rows)
            assert features.check(place) is not None
            times += 1
        return times

    with ThreadPoolExecutor(2) as readers:
        counts = [readers.submit(read) for _ in range(2)]
        try:
            for _ in range(15):
                features.append(place, lambda _: [rows])
        finally:
            done.set()
    assert all(count.result() > 0 for count in counts)


def test_who_appends_goes_on_from_what_another_has_appended_meanwhile(tmp_path: Path) -> None:
    place, step = features.folder(tmp_path, 1, "abc"), 1_000
    rows = np.arange(12 * step, dtype=np.float32).reshape(6 * step, 2)

    def append() -> None:
        for end in range(step, len(rows) + 1, step):
            features.append(place, lambda start, end=end: [rows[start:end]])

    with ThreadPoolExecutor(3) as workers:
        for worker in [workers.submit(append) for _ in range(3)]:
            worker.result()
    assert np.array_equal(features.load(place, rows=len(rows)), rows)


def test_only_what_was_found_damaged_is_forgotten(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    for known in (DENSE[:4], DENSE):
        features.append(place, lambda _, known=known: [known])
        shutil.copytree(place, tmp_path / "kept", dirs_exist_ok=True)
        (place / str(len(known)) / "data").write_bytes(b"")
        with pytest.raises(Damaged) as caught:
            features.load(place, rows=4)
        features.forget_damaged(caught.value)
        assert list(place.iterdir()) == []
        features.forget_damaged(caught.value)
    shutil.copytree(tmp_path / "kept" / "6", place / "9")
    features.forget_damaged(caught.value)
    assert [path.name for path in place.iterdir()] == ["9"], "another has stored more meanwhile"


def test_a_description_that_cannot_be_read_is_forgotten_with_the_rest(tmp_path: Path) -> None:
    place = features.folder(tmp_path, 1, "abc")
    features.append(place, lambda _: [DENSE])
    (place / "6" / features.META).write_text("")
    with pytest.raises(Damaged) as caught:
        features.load(place, rows=6)
    features.forget_damaged(caught.value)
    assert features.load(place, rows=6) is None and features.check(place) is None
