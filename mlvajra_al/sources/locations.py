"""Open any location for reading, and tell what a file is from its first bytes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

import fsspec

from mlvajra_al.errors import BadSource

GZIP = b"\x1f\x8b"
FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV UTF-8"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"%PDF", "a PDF", "import a CSV, JSON Lines or Parquet file"),
    (b"\x89PNG", "a PNG image", "import a table with one list of pixels per row"),
    (b"\xff\xd8\xff", "a JPEG image", "import a table with one list of pixels per row"),
    (b"\x93NUMPY", "a numpy array", "save it as Parquet"),
    (b"BZh", "compressed with bzip2", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first"),
    (b"(\xb5/\xfd", "compressed with zstd", "unpack it first"),
    (b"\x80\x04", "a Python pickle", "save it as Parquet; pickles are never opened"),
    (b"\x80\x05", "a Python pickle", "save it as Parquet; pickles are never opened"),
    (b"<!DOCTYPE", "a web page", "download the data file itself"),
    (b"<html", "a web page", "download the data file itself"),
    (b"<?xml", "XML", "save it as CSV UTF-8 or JSON Lines"),
)
ENDINGS = {
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "txt": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
}
CONTROLS = frozenset(range(1, 32)) - set(b"\t\n\v\f\r\x1a\x1b")
WORDS = {"csv": "CSV text", "jsonl": "JSON", "parquet": "Parquet"}


@dataclass(frozen=True, slots=True)
class Location:
    """A path or fsspec URI."""

    uri: str

    @property
    def name(self) -> str:
        """The file's name as the person knows it."""
        path = unquote(urlsplit(self.uri).path) if "://" in self.uri else self.uri
        return PurePosixPath(path).name or self.uri

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the file's bytes, unpacked where they are gzip.

        Raises
        ------
        BadSource
            If it cannot be opened, or is named as gzip and is none.
        """
        with self._opened() as raw:
            head = raw.read(2)
            raw.seek(0)
            if head != GZIP:
                if head and self.name.lower().endswith(".gz"):
                    raise BadSource(
                        self.name,
                        "is named as gzip but is not",
                        "rename it so that it does not end in .gz, or choose the right file",
                    )
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                try:
                    yield cast(BinaryIO, unpacked)
                except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                    raise BadSource(
                        self.name, f"the gzip data is damaged ({error})", "download it again"
                    ) from error

    def _opened(self) -> BinaryIO:
        try:
            system, path = self._place()
            if system.isdir(path):
                raise BadSource(self.name, "is a folder", "name one file in it")
            return cast(BinaryIO, system.open(path, "rb"))
        except FileNotFoundError as error:
            given = self.name if "://" in self.uri else self.uri  # a URI may hold a password
            raise BadSource(given, "there is no such file", "check the path") from error
        except PermissionError as error:
            raise BadSource(
                self.name, "may not be read by this program", "change its permissions"
            ) from error
        except (ImportError, ValueError, OSError) as error:
            raise BadSource(
                self.name, f"cannot be opened ({error})", "check the location, or copy it here"
            ) from error

    def _place(self) -> tuple[fsspec.AbstractFileSystem, str]:
        """Return where the file lies; of a path `::` chains nothing."""
        if "://" in self.uri:
            system, path = fsspec.core.url_to_fs(self.uri)
            return system, str(path)
        return fsspec.filesystem("file"), self.uri


def detect(location: Location) -> str:
    """Return the format of a file: what its ending says, if its first bytes agree.

    Raises
    ------
    BadSource
        If it is empty, of no format we read, or not what its ending says.
    """
    with location.open() as file:
        head = file.read(512)
    if not head.strip():
        raise BadSource(location.name, "is empty", "choose a file with rows")
    for magic, what, remedy in FOREIGN:
        if head.startswith(magic):
            raise BadSource(location.name, f"is {what}", remedy)
    found = _from_bytes(head)
    declared = ENDINGS.get(_ending(location.name), found)
    if declared != found and _is_no_text(head):
        raise BadSource(
            location.name,
            f"is named as {WORDS[declared]} but begins like no file we read",
            "it is damaged or something else; download or save it again",
        )
    if declared == "jsonl" and _begins_with_json(head):
        return declared  # whose reader says on which line no object stands
    if declared != found and not _may_be_csv(declared, head):
        raise BadSource(
            location.name,
            f"is named as {WORDS[declared]} but holds {WORDS[found]}",
            f"rename it so that it ends in .{found}, or choose the right file",
        )
    return declared


def require_ending(name: str) -> None:
    """Refuse a file that is named as something we do not read.

    One without an ending is told by its first bytes.

    Raises
    ------
    BadSource
    """
    ending = _ending(name)
    if ending and ending not in ENDINGS:
        endings = ", ".join(f".{known}" for known in ENDINGS)
        raise BadSource(
            name,
            f"a file that ends in .{ending} is not read",
            f"send one of {endings} (or with .gz)",
        )


def _ending(name: str) -> str:
    lowered = name.lower().removesuffix(".gz")
    return lowered.rpartition(".")[2] if "." in lowered else ""


def _from_bytes(head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")
    return "jsonl" if text.startswith((b"{", b"[")) else "csv"


def _is_no_text(head: bytes) -> bool:
    """Tell whether a file begins with bytes that stand in no text of any encoding we read."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return not (wide or head.startswith(b"PAR1")) and bool(set(head) & CONTROLS)


def _begins_with_json(head: bytes) -> bool:
    """Tell whether the first line is a JSON value: a number or a text where it is no object."""
    try:
        json.loads(head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0])
    except ValueError:
        return False
    return True


def _may_be_csv(declared: str, head: bytes) -> bool:
    """Tell whether a header that begins with a bracket may still be a table."""
    return declared == "csv" and not head.startswith((b"PAR1", b'{"', b"[{", b'\xef\xbb\xbf{"'))
