"""Rows that lie in a large file: read ahead, and let go of again, so that memory holds a piece.

Pages of a memory-mapped file count as a process's memory from when they are touched, today up to
2 MB at a touch; a scan of a large file would fill a machine. What is let go of stays in the
system's cache of files.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

LARGE = 2**27
"""Bytes of a file that may stay in memory as a whole."""
AHEAD = 4
"""Pieces that the system is asked to read before they are wanted."""


class Mapping:
    """The large memory-mapped files, if any, that rows lie in.

    Examples
    --------
    >>> rows = Mapping(np.ones((3, 2)))
    >>> rows.files, rows.want(0, 3), rows.release(0, 3)
    ([], None, None)
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.csr = sparse.issparse(X) and X.format == "csr"
        arrays = [X.data, X.indices] if self.csr else [X] if isinstance(X, np.ndarray) else []
        large = sum(array.nbytes for array in arrays) > LARGE
        files = map(_file_of, arrays) if large else ()
        self.files = [file for file in files if file is not None]

    def want(self, first: int, last: int) -> None:
        """Ask the system to read some rows, and as many pieces of that size behind them."""
        if self.files:
            self._advise("MADV_WILLNEED", first, min(last + AHEAD * (last - first), len(self)))

    def release(self, first: int, last: int) -> None:
        """Let go of rows that were read; whoever asks for them again gets them again."""
        if self.files:
            self._advise("MADV_DONTNEED", first, last)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self.X.shape[0])

    def _advise(self, advice: str, first: int, last: int) -> None:
        option = getattr(mmap, advice, None)  # Windows has none
        if option is None:
            return
        for file, start, stop in self._ranges(first, last):
            start -= start % mmap.PAGESIZE
            if start < stop:
                file.madvise(option, start, stop - start)

    def _ranges(self, first: int, last: int) -> Iterator[tuple[mmap.mmap, int, int]]:
        """Yield where rows lie in each file, in bytes."""
        if self.csr:
            first, last = int(self.X.indptr[first]), int(self.X.indptr[last])
        for file, at, step in self.files:
            yield file, at + first * step, at + last * step


def _file_of(array: np.ndarray[Any, Any]) -> tuple[mmap.mmap, int, int] | None:
    """Return the file an array is a view of, where it begins there, and the bytes of a row."""
    held: Any = array
    while isinstance(held, np.ndarray) and not isinstance(held, np.memmap):
        held = held.base
    file = _opened(held) if isinstance(held, np.memmap) and held.mode != "c" else None
    if file is None or not array.flags.c_contiguous:  # of a private copy, changes would be lost
        return None
    begin = np.frombuffer(file, dtype=np.uint8).__array_interface__["data"][0]
    at = array.__array_interface__["data"][0] - begin
    return file, at, array.strides[0] if array.ndim else 0


def _opened(held: Any) -> mmap.mmap | None:
    while isinstance(held, np.ndarray):
        held = held.base
    return held if isinstance(held, mmap.mmap) else None
