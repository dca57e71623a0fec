"""What may be chosen is what is read."""

from __future__ import annotations

import pytest

from mlvajra_al.services import importing
from mlvajra_al.sources.locations import ENDINGS


def test_whatever_is_read_may_be_chosen() -> None:
    assert importing.readable() == (*(f".{ending}" for ending in ENDINGS), ".gz")
    assert {".json", ".tab", ".pq"} < {*importing.readable()}


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_may_be_chosen_is_taken(ending: str) -> None:
    importing.require_readable(f"a.{ending}")
    importing.require_readable(f"a.{ending}.gz")
