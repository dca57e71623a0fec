"""Lines of a text file, decoded and checked; anything that is not text is refused by line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from mlvajra_al.errors import BadSource
from mlvajra_al.sources.locations import Location

LONGEST = 64 * 2**20
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Lines:
    """Iterate over the lines of a file, with their endings.

    `number` is the line last returned and `consumed` the characters so far.
    """

    def __init__(self, name: str, text: io.TextIOWrapper) -> None:
        self.name, self._text = name, text
        self.number = self.consumed = 0

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line."""
        line = self._text.readline(LONGEST)
        if not line:
            raise StopIteration
        self.number += 1
        self.consumed += len(line)
        if "\0" in line:
            raise BadSource(
                self.name,
                f"line {self.number:,} contains a NUL byte",
                "save the file as UTF-8 text, without binary data",
            )
        if len(line) == LONGEST:
            raise BadSource(
                self.name,
                f"line {self.number:,} is longer than {LONGEST:,} characters",
                "check that it is a text file with one row per line",
            )
        return line


@contextmanager
def open_lines(location: Location) -> Iterator[Lines]:
    """Yield the lines of a UTF-8 file, or a UTF-16 one that starts with its mark."""
    with location.open() as file:
        encoding = _encoding(file)
        with io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="") as text:
            try:
                yield Lines(location.name, text)
            except UnicodeDecodeError as error:
                raise _undecodable(location, encoding) from error


def _encoding(file: BinaryIO) -> str:
    head = file.read(4)
    file.seek(0)
    return next((name for mark, name in BOMS if head.startswith(mark)), "utf-8")


def _undecodable(location: Location, encoding: str) -> BadSource:
    """Read the file again, by lines of bytes, to name the byte that is in the way."""
    if encoding == "utf-16":
        return BadSource(
            location.name, "starts as UTF-16 but is not", "save the file again as UTF-8"
        )
    where = "it"
    with location.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                where = f"line {number:,}, byte {error.start + 1:,} (0x{line[error.start]:02X})"
                break
    return BadSource(
        location.name,
        f"{where} is not UTF-8",
        "save the file as UTF-8 (in Excel: 'CSV UTF-8')",
    )
