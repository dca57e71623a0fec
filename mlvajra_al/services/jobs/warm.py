"""What the worker keeps in memory between jobs, so that a retrain starts thinking at once.

Everything here is immutable and named by content, so that nothing can go stale.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from mlvajra_al.learning import persistence, wording
from mlvajra_al.learning.wording import Units
from mlvajra_al.store import artefacts
from mlvajra_al.store import features as stored


@lru_cache(maxsize=4)
def preprocessing(home: Path, digest: str) -> Any:
    """Return a frozen preprocessing."""
    return persistence.loads(artefacts.get(home, digest))


@lru_cache(maxsize=16)
def estimator(home: Path, digest: str) -> Any:
    """Return a fitted estimator; never change it."""
    return persistence.loads(artefacts.get(home, digest))


@lru_cache(maxsize=4)
def features(home: Path, project_id: int, digest: str, rows: int) -> Any | None:
    """Return the stored features of the first `rows` samples; None where they are missing."""
    return stored.load(stored.folder(home, project_id, digest), rows=rows)


def forget_features() -> None:
    """Look for stored features again: there are new ones."""
    features.cache_clear()


@lru_cache(maxsize=4)
def names_and_units(home: Path, digest: str) -> tuple[tuple[str, ...], Units]:
    """Return the names of a preprocessing's features, and how to say their values."""
    fitted = preprocessing(home, digest)
    return wording.feature_names(fitted), wording.units(fitted)
