"""What is said of a damaged file tells what it was for."""

from __future__ import annotations

import pytest

from mlvajra_al.errors import MISSING, UNLIKE
from mlvajra_al.services import damage


@pytest.mark.parametrize(
    ("path", "begins", "ends"),
    [
        (
            "shards/1/ab.arrow",
            "A part of the pool is damaged (",
            "Restore that file from a backup.",
        ),
        ("artefacts/ab/cd", "What samples are read with is damaged (", "from a backup."),
        (
            "features/1/ab/6/data",
            "What the model sees of the pool is damaged (",
            "computes it anew.",
        ),
        ("results/1.csv", "A file is damaged (", "Restore it from a backup."),
    ],
)
def test_a_damaged_file_is_spoken_of_as_what_it_is(path: str, begins: str, ends: str) -> None:
    said = damage.said_of(path, UNLIKE)
    assert said.startswith(begins + f"{path} does not match its SHA-256)")
    assert f"{path} is missing)" in damage.said_of(path, MISSING)
    assert said.endswith(ends)
