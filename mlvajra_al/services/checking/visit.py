"""What every check of a workspace is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlvajra_al.services.backup import Watch
from mlvajra_al.store.database import Store


@dataclass(frozen=True, slots=True)
class Visit:
    """An examination of a workspace at one moment; `fix` mends what is safe to mend."""

    store: Store
    now: datetime
    lease: timedelta
    """How long a claim lasts here."""
    fix: bool
    watch: Watch
