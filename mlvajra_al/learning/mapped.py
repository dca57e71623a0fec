"""Rows that lie in a large file: read piece by piece, so that memory holds a piece of them.

Pages of a memory-mapped file count as a process's memory from when they are touched, as many at a
touch as the system has side by side in its cache of files: a scan of a large file, or a hundred
rows spread over one, would fill a machine. What is read takes as much memory as was asked for.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LARGE = 2**27
"""Bytes of a file that may stay in memory as a whole."""

Spans = Sequence[tuple[int, int]]
"""First and behind the last of things that follow one another, several times."""
Buffers = dict[str, NDArray[Any]]
"""Memory that may be written over, by what it holds."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where an array lies in a file.

    Attributes
    ----------
    offset : int
        Bytes before its first value.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def open(self) -> NDArray[Any]:
        """Return the array, memory-mapped."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


def place_of(array: NDArray[Any]) -> Mapped | None:
    """Return where an array lies; None for one that is not in a file, or not as it is there.

    Examples
    --------
    >>> place_of(np.eye(3)) is None
    True
    """
    held: Any = array
    while isinstance(held, np.ndarray) and not isinstance(held.base, mmap.mmap):
        held = held.base
    if not isinstance(held, np.memmap) or held.mode == "c" or not array.flags.c_contiguous:
        return None  # a private copy may have been changed
    apart = array.__array_interface__["data"][0] - held.__array_interface__["data"][0]
    return Mapped(str(held.filename), array.dtype.str, array.shape, held.offset + apart)


class Mapping:
    """The rows of a large memory-mapped array or sparse matrix, to be read from their files.

    Examples
    --------
    >>> Mapping.of(np.ones((3, 2))) is None
    True
    """

    def __init__(self, X: Any, files: Sequence[_File]) -> None:
        self.X, self.files = X, files

    @classmethod
    def of(cls, X: Any) -> Mapping | None:
        """Return how to read some rows; None for those that are no large files, or gone."""
        csr = sparse.issparse(X) and X.format == "csr"
        arrays = [X.data, X.indices] if csr else [X] if isinstance(X, np.ndarray) else []
        if sum(array.nbytes for array in arrays) <= LARGE or not hasattr(os, "preadv"):
            return None
        places = [place for place in map(place_of, arrays) if place is not None]
        if len(places) < len(arrays):
            return None
        try:
            return cls(X, [_File(place) for place in places])
        except OSError:  # what is mapped of it stays
            return None

    def read(self, first: int, last: int, spare: Buffers | None = None) -> Any:
        """Return rows that follow one another, in memory of their own or in what is spare."""
        return self._rows([(first, last)], {} if spare is None else spare)

    def gather(self, positions: Any) -> Any:
        """Return rows by position; those that follow one another are read together.

        Raises
        ------
        IndexError
            As of rows in memory, if a position is none of theirs.
        """
        np.broadcast_to(np.int8(0), self.X.shape[0])[positions]
        every = np.asarray(positions)
        every = np.flatnonzero(every) if every.dtype == np.bool_ else every.astype(np.intp)
        every = np.where(every < 0, every + self.X.shape[0], every)
        breaks = np.append(np.flatnonzero(np.diff(every, prepend=-2) != 1), len(every))
        runs = [every[start:stop] for start, stop in pairwise(breaks)]
        return self._rows([(int(run[0]), int(run[-1]) + 1) for run in runs], {})

    def _rows(self, spans: Spans, spare: Buffers) -> Any:
        if not sparse.issparse(self.X):
            (file,) = self.files
            found = file.read(spans, spare, "rows")
            return found.reshape(-1, *self.X.shape[1:])
        indptr = self.X.indptr
        sizes = [np.diff(indptr[first : last + 1]) for first, last in spans]
        lengths = np.concatenate([*sizes, np.empty(0, indptr.dtype)])
        within = [(int(indptr[first]), int(indptr[last])) for first, last in spans]
        part = type(self.X)((len(lengths), self.X.shape[1]), dtype=self.X.dtype)
        data, indices = self.files
        part.data = data.read(within, spare, "data")
        part.indices = indices.read(within, spare, "indices")
        part.indptr = np.append(0, np.cumsum(lengths)).astype(part.indices.dtype)
        return part


class _File:
    """The file of an array, open until nobody reads from it any more."""

    def __init__(self, place: Mapped) -> None:
        self.place, self.dtype = place, np.dtype(place.dtype)
        self.each = int(np.prod(place.shape[1:], dtype=np.intp))
        self.number = os.open(place.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.number)
        if hasattr(os, "posix_fadvise"):  # macOS has none
            os.posix_fadvise(self.number, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def read(self, spans: Spans, spare: Buffers, name: str) -> NDArray[Any]:
        """Return the values of some rows, one span behind the other."""
        size = self.each * sum(last - first for first, last in spans)
        if name not in spare or spare[name].size < size:
            spare[name] = np.empty(size, dtype=self.dtype)
        found, at = spare[name][:size], 0
        for first, last in spans:
            until = at + self.each * (last - first)
            self._fill(found[at:until], first * self.each)
            at = until
        return found

    def _fill(self, values: NDArray[Any], first: int) -> None:
        left = values.view(np.uint8).data
        at = self.place.offset + first * self.dtype.itemsize
        while left:
            count = os.preadv(self.number, [left], at)
            if not count:
                raise EOFError(
                    f"{self.place.path} ends at {at:,} bytes; {len(left):,} more were needed. "
                    "Something has cut it: run mlvajra doctor"
                )
            left, at = left[count:], at + count
