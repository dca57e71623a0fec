"""What may be chosen is what is read."""

from __future__ import annotations

import pytest

from mlvajra_al.services import endings
from mlvajra_al.sources.locations import ENDINGS


def test_whatever_is_read_may_be_chosen() -> None:
    assert endings.readable() == (*(f".{ending}" for ending in ENDINGS), ".gz")
    assert {".json", ".tab", ".pq"} < {*endings.readable()}


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_may_be_chosen_is_taken(ending: str) -> None:
    endings.require_readable(f"a.{ending}")
    endings.require_readable(f"a.{ending}.gz")
