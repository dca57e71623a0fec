"""Features of a pool, in order of position: computed once per revision, memory-mapped.

A folder per number of rows holds `meta.json` and raw little-endian arrays: `data` alone
where features are dense; `data`, `indices` and `indptr` where they are sparse (CSR). `meta.json`
knows the SHA-256 of each, so that nothing is learnt from what a disk has changed.
It is written aside, fsynced and renamed, so that it is there completely or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlvajra_al.errors import Damaged
from mlvajra_al.store.artefacts import sync_folder
from mlvajra_al.store.checksums import sha256_of

Matrix: TypeAlias = NDArray[np.float32] | sparse.csr_matrix
Read = TypeVar("Read")

DTYPES: dict[str, np.dtype[Any]] = {
    "data": np.dtype("<f4"),
    "indices": np.dtype("<i4"),
    "indptr": np.dtype("<i8"),
}
META = "meta.json"
PARTIAL = ".partial"


def folder(home: Path, project_id: int, digest: str) -> Path:
    """Return where the features of a preprocessing, named by its SHA-256, are kept."""
    return home / "features" / str(project_id) / digest


def stored_rows(place: Path) -> int:
    """Return for how many samples features are stored; 0 for none."""
    return max((int(path.name) for path in place.glob("[0-9]*") if path.name.isdigit()), default=0)


def _newest(place: Path) -> Path | None:
    rows = stored_rows(place)
    return place / str(rows) if rows else None


def append(place: Path, batches: Callable[[int], Iterable[Matrix]]) -> int:
    """Store the features of the samples behind those stored, and return how many rows there are.

    `batches` is asked once for what comes behind so many rows. What was stored before is replaced
    once the longer one is in place.
    """
    aside = place / f"{uuid4().hex}{PARTIAL}"
    aside.mkdir(parents=True)
    try:
        before = _copy_newest(place, aside)
        rows = _write(aside, before, batches(before))
        if rows == before:
            return before
        _publish(aside, place / str(rows))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for path in place.glob("[0-9]*"):
        if path.name.isdigit() and int(path.name) < rows:
            shutil.rmtree(path, ignore_errors=True)
    return rows


def _copy_newest(place: Path, aside: Path) -> int:
    """Copy what is stored, and return for how many samples that is."""
    while (base := _newest(place)) is not None:
        try:
            shutil.copytree(base, aside, dirs_exist_ok=True)
            return int(base.name)
        except OSError:
            if _newest(place) == base:
                raise
    return 0


def _write(aside: Path, before: int, batches: Iterable[Matrix]) -> int:
    meta = json.loads((aside / META).read_text()) if before else {"rows": 0, "values": 0}
    for batch in batches:
        csr = sparse.issparse(batch)
        if meta["rows"] == 0:
            meta |= {"kind": "csr" if csr else "dense", "features": int(batch.shape[1])}
        parts = _csr_parts(batch, meta) if csr else {"data": np.asarray(batch)}
        for name, values in parts.items():
            with (aside / name).open("ab") as file:
                np.ascontiguousarray(values, dtype=DTYPES[name]).tofile(file)
        meta["rows"] += int(batch.shape[0])
        meta["values"] += len(parts["data"].reshape(-1))
    meta["sha256"] = {path.name: sha256_of(path) for path in aside.iterdir() if path.name != META}
    (aside / META).write_text(json.dumps(meta))
    return int(meta["rows"])


def _csr_parts(batch: sparse.csr_matrix, meta: dict[str, Any]) -> dict[str, NDArray[Any]]:
    ends = batch.indptr[1:].astype(np.int64) + meta["values"]
    starts = [0] if meta["rows"] == 0 else []
    return {
        "data": batch.data,
        "indices": batch.indices,
        "indptr": np.concatenate([np.array(starts, dtype=np.int64), ends]),
    }


def _publish(aside: Path, target: Path) -> None:
    for path in aside.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(aside)
    try:
        aside.rename(target)
    except OSError:
        # Another worker has put the same features there first.
        if not target.is_dir():
            raise
    sync_folder(target.parent)


def load(place: Path, *, rows: int) -> Matrix | None:
    """Return the features of the first `rows` samples, memory-mapped; None if not all are there.

    Raises
    ------
    Damaged
        If the files do not hold what they should.
    """
    return _of_newest(place, partial(_load, rows=rows))


def check(place: Path) -> dict[str, Any] | None:
    """Return the description of what is stored, if it is what was written; None for nothing.

    Raises
    ------
    Damaged
        Naming the file that is not, or the folder where the description cannot be read.
    """
    return _of_newest(place, _check)


def _of_newest(place: Path, read: Callable[[Path], Read]) -> Read | None:
    """Read what is stored; start over where another has replaced it meanwhile, which is no damage.

    Hashing takes seconds where there is much, and nobody who appends waits for who reads.
    """
    while (path := _newest(place)) is not None:
        try:
            return read(path)
        except Damaged:
            if _newest(place) == path:
                raise
    return None


def _load(path: Path, *, rows: int) -> Matrix | None:
    meta = _check(path)
    if int(path.name) < rows:
        return None
    try:
        matrix = _csr(path, meta) if meta["kind"] == "csr" else _dense(path, meta)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(str(path)) from error
    return matrix if int(path.name) == rows else matrix[:rows]


def _check(path: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads((path / META).read_text())
        for name, written in meta["sha256"].items():
            if sha256_of(path / name) != written:
                raise Damaged(str(path / name))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(str(path)) from error
    return meta


def _dense(path: Path, meta: dict[str, Any]) -> NDArray[np.float32]:
    return _map(path / "data", meta["values"]).reshape(meta["rows"], meta["features"])


def _csr(path: Path, meta: dict[str, Any]) -> sparse.csr_matrix:
    parts = (
        _map(path / "data", meta["values"]),
        _map(path / "indices", meta["values"]),
        _map(path / "indptr", meta["rows"] + 1),
    )
    matrix = sparse.csr_matrix(parts, shape=(meta["rows"], meta["features"]), copy=False)
    matrix.has_sorted_indices = True
    return matrix


def _map(path: Path, size: int) -> NDArray[Any]:
    dtype = DTYPES[path.name]
    if path.stat().st_size != size * dtype.itemsize:
        raise ValueError(f"{path} has {path.stat().st_size} bytes")
    if size == 0:
        return np.empty(0, dtype=dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=(size,)))


def forget_damaged(error: Damaged) -> None:
    """Remove the features that were found damaged, and none that have replaced them meanwhile."""
    found = Path(error.path)
    folder = found if found.name.isdigit() else found.parent
    aside = folder.parent / f"{uuid4().hex}{PARTIAL}"
    with suppress(FileNotFoundError):  # another has removed them
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def forget_others(place: Path) -> None:
    """Remove the features of a project's other preprocessings."""
    for path in place.parent.glob("*"):
        if path != place:
            shutil.rmtree(path, ignore_errors=True)
