from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlvajra_al.errors import Damaged
from mlvajra_al.store import artefacts


def the_file(home: Path) -> Path:
    (path,) = (path for path in home.rglob("*") if path.is_file())
    return path


@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(blob=st.binary(max_size=300))
def test_what_is_stored_comes_back_under_its_sha256(tmp_path: Path, blob: bytes) -> None:
    digest = artefacts.put(tmp_path, blob)
    assert digest == hashlib.sha256(blob).hexdigest()
    assert artefacts.get(tmp_path, digest) == blob


def test_the_same_bytes_are_stored_once_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    assert artefacts.put(tmp_path, b"model") == artefacts.put(tmp_path, b"model")
    assert the_file(tmp_path).read_bytes() == b"model"


def test_storing_a_damaged_file_again_mends_it(tmp_path: Path) -> None:
    digest = artefacts.put(tmp_path, b"model")
    the_file(tmp_path).write_bytes(b"rotten")
    with pytest.raises(Damaged, match=f"artefacts/{digest[:2]}/{digest} is damaged"):
        artefacts.get(tmp_path, digest)
    artefacts.put(tmp_path, b"model")
    assert artefacts.get(tmp_path, digest) == b"model"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=f"artefacts/00/{'0' * 64} is missing;"):
        artefacts.get(tmp_path, "0" * 64)
