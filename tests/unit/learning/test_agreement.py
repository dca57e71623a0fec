"""How people agree, whatever fits into memory at once."""

from __future__ import annotations

import numpy as np
import pytest

from mlvajra_al.learning import agreement


def test_the_interval_is_the_same_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    said = [
        (who, place, str(rng.choice(["ham", "spam"], p=[0.7, 0.3])))
        for place in range(40)
        for who in ("ada", "bob")
    ]
    whole = agreement.agreement(said, rng=np.random.default_rng(1)).alpha
    monkeypatch.setattr(agreement, "SLICE", 100)
    sliced = agreement.agreement(said, rng=np.random.default_rng(1)).alpha
    assert (sliced.low, sliced.value, sliced.high) == pytest.approx(
        (whole.low, whole.value, whole.high)
    )
