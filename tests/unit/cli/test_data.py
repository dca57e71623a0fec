"""An export is a whole file or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlvajra_al.cli.data import write_file
from mlvajra_al.errors import Invalid


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is a folder; name a file in it"):
        write_file(iter([b"label"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made_is_told_by_the_name_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / ("a" * 254)  # what is written first has a longer name
    with pytest.raises(OSError, match="too long") as caught:
        write_file(iter([b"label"]), file)
    assert caught.value.filename == str(file)


def test_what_ends_early_leaves_what_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(b"before")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_file(pieces(), file)
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]
    write_file(iter([b"after", b"wards"]), file)
    assert file.read_bytes() == b"afterwards"
